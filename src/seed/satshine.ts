import { z } from 'zod'
import { Employee } from '../employee/entity.ts'
import type { NewEmployee } from '../employee/input.ts'
import { employeeConflicts, planEmployees } from '../employee/plan.ts'
import { hashEach } from '../import/flow.ts'
import type { Change } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { fold } from '../kernel/entity.ts'
import { metaOf } from '../kernel/meta.ts'
import { operation } from '../kernel/operation.ts'
import { User } from '../user/entity.ts'

type Default = Pick<
  NewEmployee,
  'employeeId' | 'role' | 'firstName' | 'lastName' | 'designation' | 'dccb' | 'contactNumber' | 'email' | 'isStaff' | 'isSuperuser'
>

/** The four people of the contract (contracts/satshine.md, section 7). */
const defaults: readonly Default[] = [
  {
    ...{ employeeId: 'MP0001', role: 'admin', firstName: 'ADMIN', lastName: 'USER', designation: 'Manager', dccb: null },
    ...{ contactNumber: '9999999999', email: 'admin@satshine.com', isStaff: true, isSuperuser: true },
  },
  officer(1, 'RAJESH', 'PATEL', { designation: 'MT', dccb: 'AHMEDABAD' }),
  officer(2, 'PRIYA', 'SHAH', { designation: 'DC', dccb: 'BARODA' }),
  officer(3, 'AMIT', 'DESAI', { designation: 'MT', dccb: 'SURAT' }),
]

function officer(number: number, firstName: string, lastName: string, place: { designation: string; dccb: string }): Default {
  const employeeId = `MGJ${String(number).padStart(5, '0')}`
  const contact = { contactNumber: `987650000${number}`, email: `${employeeId.toLowerCase()}@satshine.com` }
  return { employeeId, role: 'field_officer', firstName, lastName, ...place, ...contact, isStaff: false, isSuperuser: false }
}

const output = z.object({
  created: z.array(z.object({ employeeId: z.string(), role: z.string(), password: z.string() })),
  skipped: z.array(z.object({ employeeId: z.string(), reason: z.string() })),
})
type Seeded = z.output<typeof output>

/** Whoever of the four is not there and may be made, as changes for one commit. Passwords are random, shown once, and must be changed. */
async function plan(context: Context): Promise<Seeded & { changes: Change[] }> {
  const { store, services } = context
  const skipped: Seeded['skipped'] = []
  const free: Default[] = []
  for (const one of defaults) {
    const reason = await whyNot(context, one)
    if (reason === null) free.push(one)
    else skipped.push({ employeeId: one.employeeId, reason })
  }
  if (free.length === 0) return { created: [], skipped, changes: [] }
  const created = await Promise.all(
    free.map(async ({ employeeId, role }) => ({
      employeeId,
      role,
      password: await context.once(`password ${employeeId}`, async () => context.random(18).toString('base64url')),
    })),
  )
  const hashes = await context.once(`hashes ${created.length}`, () => hashEach(created, ({ password }) => services.hasher.hash(password)))
  const rest = {
    multipleDccb: null,
    department: null,
    reportingManager: null,
    dateOfJoining: null,
    officeLocation: null,
    officeAddress: null,
    attendanceRadius: 500,
  }
  const newcomers = free.map((one, at) => ({
    employee: { ...one, ...rest, isDemoUser: false, mustChangePassword: true, password: '' },
    passwordHash: hashes[at] ?? '',
  }))
  const { changes } = await planEmployees({ ...context, store }, newcomers)
  return { created, skipped, changes }
}

async function whyNot({ store }: Context, { employeeId, contactNumber, email }: Default): Promise<string | null> {
  const employee = await store.find(Employee, 'employeeId', [employeeId])
  if (employee !== null) return employee.deletedAt === null ? 'exists' : 'deleted'
  if ((await store.find(User, 'username', [fold(employeeId)])) !== null) return 'the username is taken'
  if ((await store.find(Employee, 'contact', [contactNumber ?? ''])) !== null) return 'the contact number is taken'
  return (await store.find(User, 'email', [fold(email ?? '')])) === null ? null : 'the e-mail address is taken'
}

/** The same within another operation, in a commit of its own. */
export async function seedWorkforce(context: Context): Promise<Seeded> {
  const { changes, created, skipped } = await plan(context)
  if (changes.length > 0) await context.store.commit(changes, metaOf(context, 'satshine.seed', { detail: { employees: created.length } }))
  return { created, skipped }
}

/** The default people of a workforce, each where the id is free and was never deleted. Nothing else ever makes or resets them. */
export const seedSatshine = operation({
  name: 'satshine.seed',
  summary: 'Add the default people of a workforce',
  needs: 'user:import',
  input: z.strictObject({}),
  output,
  conflicts: employeeConflicts,
  async serial({ store }) {
    return { key: `import ${store.tenantId}`, width: 1 }
  },
  async run(context) {
    const { changes, created, skipped } = await plan(context)
    return { output: { created, skipped }, changes, detail: { employees: created.length } }
  },
})
