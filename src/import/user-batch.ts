import { mayGrant } from '../access/permissions.ts'
import { add, type Change, check } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { fold } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { metaOf } from '../kernel/meta.ts'
import { Conflict } from '../storage/port.ts'
import { ownersCounter, User } from '../user/entity.ts'
import { type UserRow, userRows } from '../user/plan.ts'
import { hashEach } from './flow.ts'
import type { ImportedUser } from './read-user.ts'
import type { RowOutcome } from './report.ts'

export type BatchOptions = {
  dryRun: boolean
  /** Weak hashes go under argon2id at once. */
  wrap: boolean
  /** Names the import in the log. */
  importId: string
}

/** What became of a batch: `waiting` are users whose manager is not there yet, `made` the folded usernames that are there now. */
export type Settled = { outcomes: RowOutcome[]; waiting: ImportedUser[]; made: string[] }

type Found = { existing: UserRow | null; email: UserRow | null; number: UserRow | null; manager: UserRow | null }
type Plan = Settled & { creates: { user: ImportedUser; managerId: string | null }[]; pins: Map<string, UserRow> }

/** A commit that loses a race is planned again: whoever was quicker has made a row that is now existing, or in conflict. */
const attempts = 20

/**
 * Writes users in one commit a batch. A username that is there already is passed over and never changed, so an import that was broken off is run again.
 * Errors: `import_contended`, and those of a commit.
 */
export function userBatches(context: Context, options: BatchOptions) {
  const { store } = context
  /** In a dry run the managers whom the store would hold by now. */
  const imagined = new Set<string>()

  /** What the store says of each user, in few rounds: of those that exist already nothing more is asked. */
  async function lookUp(users: readonly ImportedUser[]): Promise<Found[]> {
    const managerOf = managers()
    const existing = await Promise.all(users.map(({ fold: username }) => store.find(User, 'username', [username])))
    const isNew = (at: number): boolean => existing[at] === null
    const emails = await Promise.all(
      users.map(({ email }, at) => (email !== null && isNew(at) ? store.find(User, 'email', [fold(email)]) : null)),
    )
    const numbers = await Promise.all(
      users.map(({ number }, at) => (number !== null && isNew(at) ? store.find(User, 'number', [number]) : null)),
    )
    const above = await Promise.all(users.map((user, at) => (isNew(at) ? managerOf(user) : null)))
    return users.map((_, at) => ({
      existing: existing[at] ?? null,
      email: emails[at] ?? null,
      number: numbers[at] ?? null,
      manager: above[at] ?? null,
    }))
  }

  /** Many rows of a batch have the same manager, who is looked up once. */
  function managers(): (user: ImportedUser) => Promise<UserRow | null> | null {
    const known = new Map<string, Promise<UserRow | null>>()
    return ({ manager }) => {
      if (manager === null) return null
      const key = 'id' in manager ? manager.id : manager.fold
      const found = known.get(key) ?? ('id' in manager ? store.get(User, key) : store.find(User, 'username', [key]))
      known.set(key, found)
      return found
    }
  }

  function problemOf(
    { role }: ImportedUser,
    { email, number }: Found,
  ): [outcome: 'conflict' | 'invalid', field: string, message: string] | null {
    if (email !== null) return ['conflict', 'email', 'is that of another user of this tenant']
    if (number !== null) return ['conflict', 'number', 'is that of another user of this tenant']
    const giver = context.actor.role
    return giver === null || !mayGrant(giver, role) ? ['invalid', 'role', 'is above your own'] : null
  }

  async function plan(users: readonly ImportedUser[]): Promise<Plan> {
    const found = await lookUp(users)
    const planned: Plan = { outcomes: [], waiting: [], made: [], creates: [], pins: new Map() }
    const inBatch = new Set<string>()
    for (const [at, user] of users.entries()) {
      const { row, line, username, manager } = user
      const facts = found[at] as Found
      const problem = facts.existing === null ? problemOf(user, facts) : null
      if (facts.existing !== null) planned.outcomes.push({ row, line, outcome: 'existing', username, id: facts.existing.id })
      else if (problem !== null) planned.outcomes.push({ row, line, outcome: problem[0], field: problem[1], message: problem[2] })
      else if (
        manager !== null &&
        facts.manager === null &&
        !('fold' in manager && (inBatch.has(manager.fold) || imagined.has(manager.fold)))
      )
        planned.waiting.push(user)
      else {
        if (facts.manager !== null) planned.pins.set(facts.manager.id, facts.manager)
        planned.creates.push({ user, managerId: facts.manager?.id ?? null })
        inBatch.add(user.fold)
      }
    }
    planned.made = [...inBatch]
    return planned
  }

  /** Hashes are kept for the next attempt: they are what takes time. */
  const hashes = new WeakMap<ImportedUser, string>()

  async function addHashes({ creates }: Plan): Promise<void> {
    const { hasher } = context.services
    const users = creates.map(({ user }) => user).filter((user) => !hashes.has(user))
    const costly = users.filter(({ secret }) => secret?.kind === 'password' || (secret?.kind === 'hash' && options.wrap))
    const made = await hashEach(costly, async ({ secret }) =>
      secret?.kind === 'password' ? hasher.hash(secret.password) : hasher.wrap(secret?.stored ?? ''),
    )
    for (const [at, user] of costly.entries()) hashes.set(user, made[at] ?? '')
  }

  const hashOf = (user: ImportedUser): string | null => hashes.get(user) ?? (user.secret?.kind === 'hash' ? user.secret.stored : null)

  async function changesOf({ creates, pins }: Plan): Promise<{ changes: Change[]; ids: string[] }> {
    const unnumbered = creates.filter(({ user }) => user.number === null).length
    let next = unnumbered === 0 ? 0 : await store.next(User.name, unnumbered)
    const idOf = new Map<string, string>()
    const changes: Change[] = []
    let owners = 0
    for (const { user, managerId } of creates) {
      const { username, email, fullName, role, isActive, manager, createdAt } = user
      const made = userRows(context, {
        ...{ username, email, fullName, role, isActive },
        number: user.number ?? next++,
        managerId: managerId ?? (manager !== null && 'fold' in manager ? (idOf.get(manager.fold) ?? null) : null),
        mustChangePassword: false,
        legacyId: null,
        passwordHash: hashOf(user),
        createdAt: createdAt ?? context.now,
      })
      idOf.set(user.fold, made.user.id)
      changes.push(...made.changes)
      if (role === 'owner' && isActive) owners += 1
    }
    for (const manager of pins.values()) changes.push(check(User, manager))
    if (owners > 0) changes.push(add(ownersCounter, owners, context.now))
    return { changes, ids: creates.map(({ user }) => idOf.get(user.fold) ?? '') }
  }

  const created = ({ row, line, username }: ImportedUser, id: string | null): RowOutcome => ({
    row,
    line,
    outcome: 'created',
    username,
    id,
  })

  async function attempt(users: readonly ImportedUser[]): Promise<Settled> {
    const planned = await plan(users)
    const { outcomes, waiting, made, creates } = planned
    if (options.dryRun) {
      for (const username of made) imagined.add(username)
      return { outcomes: [...outcomes, ...creates.map(({ user }) => created(user, null))], waiting, made }
    }
    if (creates.length === 0) return planned
    await addHashes(planned)
    const { changes, ids } = await changesOf(planned)
    await store.commit(changes, metaOf(context, 'user.import', { detail: { import: options.importId, users: creates.length } }))
    return { outcomes: [...outcomes, ...creates.map(({ user }, at) => created(user, ids[at] ?? null))], waiting, made }
  }

  return async function settle(users: readonly ImportedUser[]): Promise<Settled> {
    for (let tried = 1; ; tried++) {
      try {
        return await attempt(users)
      } catch (error) {
        if (!(error instanceof Conflict)) throw error
        if (tried === attempts) throw contended(error)
      }
    }
  }
}

export const contended = (cause: unknown): AppError =>
  new AppError(
    'conflict',
    'import_contended',
    'Others keep changing the same rows. Run the import again: what is imported already stays.',
    { cause },
  )
