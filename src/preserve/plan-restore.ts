import { Employee, type EmployeeRow } from '../employee/entity.ts'
import { linksOf } from '../employee/link.ts'
import { fullNameOf, linkChanges } from '../employee/plan.ts'
import { canonicalRole, isEmployeeId } from '../employee/rules.ts'
import { add, type Change, create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { type Entity, fold } from '../kernel/entity.ts'
import { policyOf } from '../policy/policy.ts'
import { zonedTime } from '../policy/time.ts'
import { Credential, newCredential, newStatus, ownersCounter, User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import type { Tombstone } from './form.ts'
import { type PreservedPerson, readRecord } from './record.ts'
import { noTotals, type RecordReport } from './report.ts'
import type { Content } from './source.ts'
import { type WorkforcePlan, workforce } from './workforce.ts'

export type RestorePlan = {
  changes: Change[]
  records: RecordReport[]
  totals: typeof noTotals
  rows: Pick<WorkforcePlan, 'attendance' | 'leaves'>
}

type CredentialRow = Entity<typeof Credential>

/** What the store has under the names of one person. */
type Found = { employee: EmployeeRow | null; user: UserRow | null; credential: CredentialRow | null }

/** A person to come: what is there of them already, and the rows that will be. */
type Coming = { at: number; person: PreservedPerson; found: Found; id: string; number: number | null; employee: EmployeeRow | null }

type Asked = {
  content: Content
  /** Who was deleted on purpose, as the source and its list say. */
  tombstones: readonly Tombstone[]
  includeDeleted: boolean
}

/** Records looked up in the store at once. */
const atOnce = 50

/**
 * What a restore would do: every record with what becomes of it, and all changes for one commit. Who is there is never overwritten; of someone who is there in part (a row was lost) the rest is made good, under the
 * same id. Managers are linked when everyone is in, so the order of records does not matter.
 */
export async function planRestore(context: Context, { content, tombstones, includeDeleted }: Asked): Promise<RestorePlan> {
  const { store } = context
  const policy = await policyOf(store)
  const readings = content.records.map((raw) => readRecord(raw, policy))
  const found = await findAll(
    context,
    readings.map((reading) => ('person' in reading ? reading.person : null)),
  )
  const dead = new Set(tombstones.map(({ employee_id }) => employee_id))
  const records: RecordReport[] = []
  const coming: Coming[] = []
  const held = new Map<string, string>()

  for (const [at, reading] of readings.entries()) {
    const index = at + 1
    if (!('person' in reading)) {
      records.push({
        index,
        employeeId: idOf(content.records[at]),
        outcome: 'invalid',
        field: reading.field,
        message: `${reading.field} ${reading.message}`.trim(),
      })
      continue
    }
    const { person } = reading
    const { employeeId } = person
    const warnings = person.warnings.length === 0 ? {} : { warnings: person.warnings }
    const rows = found[at] as Found
    const isDeleted = rows.employee === null ? dead.has(employeeId) && rows.user === null : rows.employee.deletedAt !== null
    if (rows.employee?.deletedAt === null && rows.user !== null) records.push({ index, employeeId, outcome: 'existing' })
    else if (isDeleted && !includeDeleted) records.push({ index, employeeId, outcome: 'deleted' })
    else {
      const problem = await conflictOf(context, person, rows, held)
      if (problem !== null) records.push({ index, employeeId, outcome: 'conflict', ...problem, ...warnings })
      else {
        records.push({ index, employeeId, outcome: 'created', ...warnings })
        coming.push({
          at,
          person,
          found: rows,
          id: await idFor(context, person, rows),
          number: rows.employee?.number ?? rows.user?.number ?? null,
          employee: null,
        })
      }
    }
  }
  const { changes, managers } = await changesOf(context, coming)
  for (const { at, employee } of coming) {
    const record = records[at]
    if (record !== undefined && employee !== null) record.managerEmployeeId = managers.get(employee.id) ?? null
  }
  const here = new Map(coming.map(({ person: { employeeId }, id }) => [employeeId, id]))
  for (const [at, rows] of found.entries()) {
    const reading = readings[at]
    if (rows !== null && rows.employee !== null && reading !== undefined && 'person' in reading && !here.has(reading.person.employeeId))
      here.set(reading.person.employeeId, rows.employee.id)
  }
  const work = await workforce.plan(context, content, (employeeId) => {
    const id = here.get(employeeId)
    return id === undefined ? null : { id, employeeId }
  })
  const graves = await missingTombstones(context, tombstones, new Set(coming.map(({ person }) => person.employeeId)))
  const totals = { ...noTotals }
  for (const { outcome } of records) totals[outcome] += 1
  return { changes: [...changes, ...graves, ...work.changes], records, totals, rows: work }
}

const idOf = (raw: unknown): string | null => {
  const id = (raw as { employee_id?: unknown } | null)?.employee_id
  return typeof id === 'string' && id.length <= 100 ? id : null
}

async function findAll({ store }: Context, people: readonly (PreservedPerson | null)[]): Promise<(Found | null)[]> {
  const found: (Found | null)[] = []
  for (let at = 0; at < people.length; at += atOnce)
    found.push(
      ...(await Promise.all(people.slice(at, at + atOnce).map(async (person) => (person === null ? null : findOne(person.employeeId))))),
    )
  return found

  /** By unique keys: rows that are asked for by id may be remembered, and one that was lost is what this looks for. */
  async function findOne(employeeId: string): Promise<Found> {
    const [employee, user] = await Promise.all([
      store.find(Employee, 'employeeId', [employeeId]),
      store.find(User, 'username', [fold(employeeId)]),
    ])
    const id = employee?.id ?? user?.id
    return { employee, user, credential: id === undefined ? null : await store.get(Credential, id) }
  }
}

/** What somebody else holds: another of the store, or of an earlier record. What the person wants is held from here on. */
async function conflictOf({ store }: Context, person: PreservedPerson, { employee, user }: Found, held: Map<string, string>) {
  const own = employee?.id ?? user?.id ?? null
  const mail = person.email === null ? null : fold(person.email)
  const wants = [
    ['employee_id', person.employeeId],
    ['contact_number', person.contactNumber],
    ['email', mail],
  ] as const
  for (const [field, value] of wants) {
    const holder = value === null ? undefined : held.get(`${field} ${value}`)
    if (holder !== undefined) return { field, message: `${field} is that of ${holder}, an earlier record` }
  }
  const byContact = await store.find(Employee, 'contact', [person.contactNumber])
  if (byContact !== null && byContact.id !== own)
    return { field: 'contact_number', message: `contact_number is held by ${byContact.employeeId}` }
  const byMail = mail === null ? null : await store.find(User, 'email', [mail])
  if (byMail !== null && byMail.id !== own) return { field: 'email', message: `email is held by ${byMail.username}` }
  for (const [field, value] of wants) if (value !== null) held.set(`${field} ${value}`, person.employeeId)
  return null
}

/** The id that what is left of the person has; else the one that the source tells, if nobody has it; else a new one. */
async function idFor({ store, newId }: Context, { id, employeeId }: PreservedPerson, { employee, user }: Found): Promise<string> {
  const left = employee?.id ?? user?.id
  if (left !== undefined) return left
  if (id === null) return newId()
  const [held, known] = (await store.read([
    { type: User, id },
    { type: Employee, id },
  ])) as [UserRow | null, EmployeeRow | null]
  // rows of the very same person that are remembered and no longer stored are nobody else's
  const isOwn = (held === null || fold(held.username) === fold(employeeId)) && (known === null || known.employeeId === employeeId)
  return isOwn ? id : newId()
}

async function changesOf(context: Context, coming: Coming[]): Promise<{ changes: Change[]; managers: Map<string, string | null> }> {
  const { store, now, nowMs } = context
  const { timeZone } = await policyOf(store)
  const unnumbered = coming.filter(({ number }) => number === null).length
  let next = unnumbered === 0 ? 0 : await store.next(User.name, unnumbered)
  const joined = zonedTime(nowMs, timeZone)
  for (const one of coming) one.employee = employeeRow(one, { number: one.number ?? next++, joined, now })
  const byEmployeeId = new Map(coming.map(({ person, id }) => [person.employeeId, id]))
  const newcomers = await Promise.all(
    coming.map(async ({ employee, person, found }) => ({
      employee: employee as EmployeeRow,
      managerId: found.user?.managerId ?? (await managerToldBy(store, person, byEmployeeId)),
    })),
  )
  const links =
    coming.length === 0 ? { managers: new Map<string, string | null>(), waiting: [], pinned: [] } : await linksOf(store, newcomers)
  const changes = coming.flatMap((one) => rowChanges(one, links.managers.get(one.id) ?? null, now))
  const owners = coming.filter(
    ({ found: { user, employee } }) => user?.role === 'owner' && !user.isActive && employee?.wasActive === true,
  ).length
  if (owners > 0) changes.push(add(ownersCounter, owners, now))
  const idOfUser = new Map(coming.map(({ id, person }) => [id, person.employeeId]))
  const managers = new Map<string, string | null>()
  for (const { id } of coming) {
    const managerId = links.managers.get(id) ?? null
    managers.set(id, managerId === null ? null : (idOfUser.get(managerId) ?? (await store.get(Employee, managerId))?.employeeId ?? null))
  }
  return { changes: [...changes, ...linkChanges(links, now)], managers }
}

/** A full backup tells the manager even where the text means nobody. */
async function managerToldBy(
  store: Context['store'],
  { employeeId, managerEmployeeId, reportingManager }: PreservedPerson,
  coming: ReadonlyMap<string, string>,
): Promise<string | null> {
  if (managerEmployeeId === null || managerEmployeeId === employeeId || (reportingManager ?? '') !== '') return null
  const manager = await store.find(Employee, 'employeeId', [managerEmployeeId])
  return coming.get(managerEmployeeId) ?? (manager?.deletedAt === null && manager.isActive ? manager.id : null)
}

function employeeRow({ person, found, id }: Coming, { number, joined, now }: { number: number; joined: string; now: string }): EmployeeRow {
  if (found.employee !== null) {
    const { employee } = found
    const isActive =
      found.user === null ? person.isActive : employee.deletedAt === null ? found.user.isActive : (employee.wasActive ?? true)
    // of someone who is known as deleted and nothing else, the record tells everything
    const known = employee.contactNumber === null ? fieldsOf(person, joined) : {}
    return patched(
      Employee,
      employee,
      { ...known, email: found.user?.email ?? person.email, isActive, deletedAt: null, wasActive: null },
      now,
    )
  }
  return create(
    Employee,
    id,
    { ...fieldsOf(person, joined), number, isActive: found.user?.isActive ?? person.isActive, deletedAt: null, wasActive: null },
    now,
  )
}

const fieldsOf = (person: PreservedPerson, joined: string) => ({
  employeeId: person.employeeId,
  role: person.role,
  firstName: person.firstName,
  lastName: person.lastName,
  contactNumber: person.contactNumber,
  email: person.email,
  designation: person.designation,
  dccb: person.dccb,
  multipleDccb: person.multipleDccb,
  department: person.department,
  reportingManager: person.reportingManager,
  dateOfJoining: person.dateOfJoining,
  officeLocation: person.officeLocation,
  officeAddress: person.officeAddress,
  attendanceRadius: person.attendanceRadius,
  isStaff: person.isStaff,
  isSuperuser: person.isSuperuser,
  isDemoUser: person.isDemoUser,
  dateJoined: person.dateJoined ?? joined,
  lastLogin: person.lastLogin,
  legacyUsername: person.username === person.employeeId ? null : person.username,
})

/** The rows that are missing, and those that change. */
function rowChanges({ person, found, id, employee }: Coming, managerId: string | null, now: string): Change[] {
  if (employee === null) return []
  const changes: Change[] = [found.employee === null ? insert(Employee, employee) : update(Employee, found.employee, employee)]
  if (found.user === null) {
    const fields = {
      number: employee.number,
      username: employee.employeeId,
      email: employee.email,
      fullName: fullNameOf(employee.firstName, employee.lastName) || null,
      role: canonicalRole[employee.role],
      managerId,
      isActive: employee.isActive,
      legacyId: null,
      ...newStatus,
    }
    changes.push(insert(User, create(User, id, fields, createdAtOf(employee.dateJoined, now))))
  } else if (found.user.isActive !== employee.isActive || found.user.managerId !== managerId)
    changes.push(update(User, found.user, patched(User, found.user, { isActive: employee.isActive, managerId }, now)))
  if (found.credential === null)
    changes.push(
      insert(Credential, newCredential(id, { passwordHash: person.passwordHash, mustChangePassword: person.mustChangePassword, now })),
    )
  return changes
}

function createdAtOf(dateJoined: string, now: string): string {
  const ms = Date.parse(dateJoined.replace(' ', 'T').replace(',', '.'))
  return Number.isFinite(ms) ? new Date(ms).toISOString() : now
}

/** Ids that were deleted elsewhere stay taken here. */
async function missingTombstones(
  { store, newId, now }: Context,
  tombstones: readonly Tombstone[],
  coming: ReadonlySet<string>,
): Promise<Change[]> {
  const changes: Change[] = []
  const unknown: Tombstone[] = []
  for (const one of new Map(tombstones.map((tombstone) => [tombstone.employee_id, tombstone])).values()) {
    if (coming.has(one.employee_id) || !isEmployeeId(one.employee_id)) continue
    const isKnown =
      (await store.find(Employee, 'employeeId', [one.employee_id])) ?? (await store.find(User, 'username', [fold(one.employee_id)]))
    if (isKnown === null) unknown.push(one)
  }
  let next = unknown.length === 0 ? 0 : await store.next(User.name, unknown.length)
  for (const { employee_id: employeeId, deleted_at } of unknown) {
    const deletedAt = Number.isFinite(Date.parse(deleted_at)) ? new Date(deleted_at).toISOString() : now
    changes.push(
      insert(Employee, create(Employee, newId(), { ...nobody, employeeId, number: next++, deletedAt, dateJoined: deletedAt }, now)),
    )
  }
  return changes
}

/** All that is known of someone of whom only the deletion is known. */
const nobody = {
  role: 'field_officer',
  firstName: '',
  lastName: '',
  contactNumber: null,
  email: null,
  designation: null,
  dccb: null,
  multipleDccb: null,
  department: null,
  reportingManager: null,
  dateOfJoining: null,
  officeLocation: null,
  officeAddress: null,
  attendanceRadius: 500,
  isStaff: false,
  isSuperuser: false,
  isDemoUser: false,
  legacyUsername: null,
  lastLogin: null,
  isActive: false,
  wasActive: null,
} as const
