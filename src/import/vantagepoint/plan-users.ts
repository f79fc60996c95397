import type { Context } from '../../kernel/context.ts'
import { fold } from '../../kernel/entity.ts'
import { User } from '../../user/entity.ts'
import { breather } from '../flow.ts'
import type { Item } from '../items.ts'
import type { Findings, Tally } from './findings.ts'
import { isCounter } from './old-lead.ts'
import { type OldUser, readOldUser } from './old-user.ts'
import type { People } from './people.ts'

/** A user who is to be imported, under an id of ours. `number` is 0 until it is given. */
export type PlannedUser = {
  old: OldUser
  id: string
  number: number
  email: string | null
  managerId: string | null
  passwordHash: string | null
}

type Parts = { context: Context; findings: Findings; people: People }

/** Checks all users and plans those that are new, managers before their people. */
export async function planUsers(parts: Parts, items: readonly Item[]): Promise<{ planned: PlannedUser[]; tally: Tally }> {
  const { context, findings, people } = parts
  const given = items.filter((item) => !(isCounter(item) && 'value' in item && item.value.username === undefined))
  const users: OldUser[] = []
  const refuse = (row: number, message: string): void => findings.error('users', row, message)
  const rowOfId = new Map<number, number>()
  for (const user of given.map(readOldUser)) {
    const twin = 'problem' in user || user.id === null ? undefined : rowOfId.get(user.id)
    if ('problem' in user) refuse(user.row, user.problem)
    else if (twin !== undefined) refuse(user.row, `id is also that of row ${twin}`)
    else users.push(user)
    if (!('problem' in user) && user.id !== null && twin === undefined) rowOfId.set(user.id, user.row)
  }
  const fresh = await withoutKnown(parts, users)
  const free = await withFreeNames(parts, fresh)
  const planned = free.map(
    (old): PlannedUser => ({
      old,
      id: context.newId(),
      number: 0,
      email: old.email,
      managerId: null,
      passwordHash: null,
    }),
  )
  for (const { old, id } of planned) people.add(old.id, { id, username: old.username })
  await freeEmails(parts, planned)
  await resolveManagers(parts, planned)
  const skipped = users.length - fresh.length
  const tally = { read: given.length, imported: planned.length, skipped, refused: given.length - skipped - planned.length }
  return { planned: managersFirst(planned, findings), tally }
}

/** Users imported before are passed over. */
async function withoutKnown({ context, findings }: Parts, users: readonly OldUser[]): Promise<OldUser[]> {
  const breathe = breather()
  const fresh: OldUser[] = []
  for (const user of users) {
    await breathe()
    const stored = await context.store.find(User, 'legacy', [user.legacyId])
    if (stored === null) {
      fresh.push(user)
      continue
    }
    if (stored.usernameFold !== user.fold)
      findings.warning('users', user.row, 'is skipped: this id was imported before, under another username')
  }
  return fresh
}

/** Names that differ in case only would be one name here, so all who bear it are refused, and so is a name that the tenant has. */
async function withFreeNames({ context, findings }: Parts, users: readonly OldUser[]): Promise<OldUser[]> {
  const bearers = Map.groupBy(users, (user) => user.fold)
  const breathe = breather()
  const free: OldUser[] = []
  for (const user of users) {
    await breathe()
    const twin = bearers.get(user.fold)?.find((other) => other !== user)
    const problem =
      twin !== undefined
        ? `username is that of row ${twin.row} too${twin.username === user.username ? '' : ', but for upper and lower case'}`
        : (await context.store.find(User, 'username', [user.fold])) !== null
          ? 'username is already held by someone else'
          : null
    if (problem === null) free.push(user)
    else findings.error('users', user.row, problem)
  }
  return free
}

/** Two people of one old installation may share an address; here it identifies one. Nobody is left out for that. */
async function freeEmails({ context, findings }: Parts, planned: readonly PlannedUser[]): Promise<void> {
  const breathe = breather()
  const held = new Set<string>()
  for (const user of planned) {
    await breathe()
    if (user.email === null) continue
    const folded = fold(user.email)
    if (held.has(folded) || (await context.store.find(User, 'email', [folded])) !== null) {
      findings.warning('users', user.old.row, 'email is that of another user; it is left empty')
      user.email = null
    } else held.add(folded)
  }
}

async function resolveManagers({ findings, people }: Parts, planned: readonly PlannedUser[]): Promise<void> {
  for (const user of planned) {
    const { row, manager } = user.old
    const person = await people.resolve(manager, { file: 'users', row, name: 'manager_id' })
    if (person?.id === user.id) findings.warning('users', row, 'manager_id names the user; it is left empty')
    else user.managerId = person?.id ?? null
  }
}

/** Managers before their people, so that an import that is broken off leaves no one below a manager who is not there. A circle is opened, with a warning. */
function managersFirst(planned: readonly PlannedUser[], findings: Findings): PlannedUser[] {
  const byId = new Map(planned.map((user) => [user.id, user]))
  const ordered = new Set<PlannedUser>()
  for (const user of planned) {
    const path: PlannedUser[] = []
    let above: PlannedUser | undefined = user
    while (above !== undefined && !ordered.has(above)) {
      const last = path.at(-1)
      if (path.includes(above) && last !== undefined) {
        findings.warning('users', last.old.row, 'manager_id closes a circle; it is left empty')
        last.managerId = null
        break
      }
      path.push(above)
      above = above.managerId === null ? undefined : byId.get(above.managerId)
    }
    for (const one of path.toReversed()) ordered.add(one)
  }
  return [...ordered]
}
