import { Employee, type EmployeeRow } from '../employee/entity.ts'
import type { Person } from '../employee/view.ts'
import type { Entity } from '../kernel/entity.ts'
import type { TenantStore } from '../storage/port.ts'
import { Credential, User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'

type Row = Record<string, unknown>

const types: ReadonlySet<string> = new Set([User.name, Employee.name, Credential.name])
const pageSize = 500

/** People as the log has them, whatever became of their rows: for those whom no backup knows. It reads the whole log of the tenant. */
export async function peopleInLog(store: TenantStore, employeeIds: ReadonlySet<string>): Promise<Person[]> {
  const rows = new Map<string, Row>()
  for (let after = 0; ; ) {
    const entries = await store.log(null, after, pageSize)
    for (const { entry, secrets } of entries) {
      const hidden = secrets === null ? [] : (JSON.parse(secrets) as { changes: Row[] }).changes
      for (const [at, { op, type, id, fields }] of entry.changes.entries()) {
        if (!types.has(type)) continue
        const key = `${type} ${id}`
        if (op === 'remove') rows.delete(key)
        else rows.set(key, { ...(op === 'insert' ? { createdAt: entry.time } : rows.get(key)), ...fields, ...hidden[at], id })
      }
    }
    const last = entries.at(-1)
    if (last === undefined) break
    after = last.entry.sequence
    await new Promise((resolve) => setImmediate(resolve))
  }
  return [...rows.entries()].flatMap(([key, row]): Person[] => {
    if (!key.startsWith(`${Employee.name} `)) return []
    const employee = row as unknown as EmployeeRow
    const user = rows.get(`${User.name} ${employee.id}`) as UserRow | undefined
    const credential = (rows.get(`${Credential.name} ${employee.id}`) ?? null) as Entity<typeof Credential> | null
    return user === undefined || employee.deletedAt !== null || !employeeIds.has(employee.employeeId)
      ? []
      : [{ employee, user, credential }]
  })
}
