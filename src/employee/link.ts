import { fold } from '../kernel/entity.ts'
import type { TenantStore } from '../storage/port.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { Employee, type EmployeeRow } from './entity.ts'

/** An employee who is to be linked: as they will be, with the manager that they have now. */
export type Linkable = { employee: EmployeeRow; managerId: string | null }

/** Who waited for one of the newcomers, and may be linked now. */
export type Waiting = { employee: EmployeeRow; user: UserRow; managerId: string }

export type Links = {
  /** By the id of a newcomer: whom they report to now. */
  managers: ReadonlyMap<string, string | null>
  waiting: readonly Waiting[]
  /** Managers who were there before. */
  pinned: readonly UserRow[]
}

const isThere = ({ isActive, deletedAt }: EmployeeRow): boolean => isActive && deletedAt === null

/**
 * Finds the managers whom texts mean (contracts/satshine.md, section 2): a text that is the id or the name of exactly one active employee, who is not the person nor below them. Newcomers
 * are those who are created, renamed or revived by the commit to come; whoever waited for one of them is linked too.
 */
export async function linksOf(store: TenantStore, newcomers: readonly Linkable[]): Promise<Links> {
  const coming = new Map(newcomers.map(({ employee }) => [employee.id, employee]))
  const managers = new Map<string, string | null>()
  const users = new Map<string, UserRow | null>()
  const found = new Map<string, EmployeeRow[]>()
  const used = new Map<string, UserRow>()
  const byKey = Map.groupBy(
    newcomers.flatMap(({ employee }) => [...new Set([fold(employee.employeeId), employee.nameFold])].map((key) => ({ key, employee }))),
    ({ key }) => key,
  )

  async function userOf(id: string): Promise<UserRow | null> {
    const known = users.get(id)
    if (known !== undefined) return known
    const user = await store.get(User, id)
    users.set(id, user)
    return user
  }

  async function storedUnder(key: string): Promise<EmployeeRow[]> {
    const known = found.get(key)
    if (known !== undefined) return known
    const named = await store.list(Employee, {
      index: 'byName',
      where: { nameFold: key },
      filter: [{ field: 'isActive', op: 'eq', value: true }],
      limit: 10,
    })
    const byId = await store.find(Employee, 'employeeId', [key.toUpperCase()])
    const rows = [...named.items, ...(byId === null ? [] : [byId])]
    found.set(key, rows)
    return rows
  }

  async function managerIdOf(id: string): Promise<string | null> {
    const set = managers.get(id)
    if (set !== undefined) return set
    return coming.has(id) ? null : ((await userOf(id))?.managerId ?? null)
  }

  async function isBelow(id: string, above: string): Promise<boolean> {
    const seen = new Set<string>()
    for (let at: string | null = id; at !== null && !seen.has(at); at = await managerIdOf(at)) {
      if (at === above) return true
      seen.add(at)
    }
    return false
  }

  async function named(employee: EmployeeRow): Promise<EmployeeRow | null> {
    const key = employee.reportingFold
    if (key === null || key === '' || employee.role === 'admin') return null
    const stored = (await storedUnder(key)).filter(({ id }) => !coming.has(id))
    const all = new Map([...stored, ...(byKey.get(key) ?? []).map((one) => one.employee)].filter(isThere).map((one) => [one.id, one]))
    const [one] = all.values()
    return all.size !== 1 || one === undefined || (await isBelow(one.id, employee.id)) ? null : one
  }

  async function link(employee: EmployeeRow): Promise<string | null> {
    const manager = await named(employee)
    managers.set(employee.id, manager?.id ?? null)
    if (manager === null || coming.has(manager.id)) return manager?.id ?? null
    const user = await userOf(manager.id)
    if (user !== null) used.set(user.id, user)
    return manager.id
  }

  for (const { employee, managerId } of newcomers) if (managerId !== null) managers.set(employee.id, managerId)
  for (const { employee, managerId } of newcomers) if (managerId === null) await link(employee)
  const waiting: Waiting[] = []
  for (const employee of await waitingFor(store, [...byKey.keys()])) {
    if (coming.has(employee.id) || waiting.some((one) => one.employee.id === employee.id)) continue
    const user = await userOf(employee.id)
    if (user === null || user.managerId !== null) continue
    const managerId = await link(employee)
    if (managerId !== null) waiting.push({ employee, user, managerId })
  }
  const moved = new Set(waiting.map(({ user }) => user.id))
  return { managers, waiting, pinned: [...used.values()].filter(({ id }) => !moved.has(id)) }
}

const keysAtOnce = 50

/** Employees whose text is one of these. */
async function waitingFor(store: TenantStore, keys: readonly string[]): Promise<EmployeeRow[]> {
  const rows: EmployeeRow[] = []
  for (let at = 0; at < keys.length; at += keysAtOnce)
    for (let cursor: string | null = null; ; ) {
      const where = { reportingFold: keys.slice(at, at + keysAtOnce) }
      const page: { items: EmployeeRow[]; nextCursor: string | null } = await store.list(Employee, {
        index: 'byReporting',
        where,
        cursor,
        limit: 200,
      })
      rows.push(...page.items)
      if (page.nextCursor === null) break
      cursor = page.nextCursor
    }
  return rows.filter(({ deletedAt }) => deletedAt === null)
}
