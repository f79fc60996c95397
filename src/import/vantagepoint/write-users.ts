import { usersById } from '../../contact/view.ts'
import { type Change, check } from '../../kernel/change.ts'
import type { Context } from '../../kernel/context.ts'
import { User } from '../../user/entity.ts'
import { userRows } from '../../user/plan.ts'
import { hashEach } from '../flow.ts'
import type { Findings, Renumbering } from './findings.ts'
import type { PlannedUser } from './plan-users.ts'
import { writeRows } from './write.ts'

export type Run = { importId: string; renumbered: Renumbering[]; findings: Findings; onWritten(rows: number): void }

/** Writes users, managers before their people. */
export const writeUsers = (context: Context, planned: readonly PlannedUser[], { findings, ...run }: Run): Promise<void> =>
  writeRows(context, planned, {
    ...run,
    type: User,
    action: 'user.import',
    prepare: (batch) => addHashes(context, batch),
    changesOf: (batch) => changesOf(context, batch),
    yields(user, key) {
      if (key !== 'email') return false
      findings.warning('users', user.old.row, 'email is that of another user; it is left empty')
      user.email = null
      return true
    },
  })

/** A bare digest is never stored: it goes under argon2id here, as a plain password does. */
async function addHashes({ services: { hasher } }: Context, batch: readonly PlannedUser[]): Promise<void> {
  const users = batch.filter(({ old }) => old.secret !== null)
  const hashes = await hashEach(users, async ({ old: { secret } }) =>
    secret?.kind === 'password' ? hasher.hash(secret.password) : hasher.wrap(secret?.stored ?? ''),
  )
  for (const [at, user] of users.entries()) user.passwordHash = hashes[at] ?? null
}

async function changesOf(context: Context, batch: readonly PlannedUser[]): Promise<Change[]> {
  const rows = batch.flatMap(({ old, id, number, email, managerId, passwordHash }) => {
    const { username, fullName, role, isActive, legacyId } = old
    const fields = { number, username, email, fullName, role, managerId, isActive, legacyId, mustChangePassword: false, passwordHash }
    return userRows({ newId: () => id, now: context.now }, { ...fields, createdAt: old.createdAt ?? context.now }).changes
  })
  const inBatch = new Set(batch.map(({ id }) => id))
  const above = batch.map(({ managerId }) => (managerId === null || inBatch.has(managerId) ? null : managerId))
  const managers = await usersById(context.store, above)
  return [...rows, ...[...managers.values()].map((manager) => check(User, manager))]
}
