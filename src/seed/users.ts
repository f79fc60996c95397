import { z } from 'zod'
import { hashEach } from '../import/flow.ts'
import { onProgress } from '../import/source.ts'
import type { Change } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { metaOf } from '../kernel/meta.ts'
import { operation } from '../kernel/operation.ts'
import { Conflict } from '../storage/port.ts'
import { User } from '../user/entity.ts'
import { userRows } from '../user/plan.ts'
import { mailDomain, personName } from './people.ts'
import { nameTaken } from './vantagepoint.ts'

const defaultUsers = 20
const mostUsers = 100_000
/** To hash for a larger crowd would take minutes; they are invited instead: there, but without a password. */
const mostPasswords = 1_000
/** Users a commit: whole teams. */
const batchSize = 100
/** A manager, then nine who report to them. */
const teamSize = 10

const account = z.object({ username: z.string(), password: z.string() })
type Account = z.output<typeof account>

/**
 * Invented users for demonstrations and trials: every tenth the manager of the nine that follow. Each gets a random password, shown only in this answer, which must be changed at the
 * first sign-in; of more than a thousand nobody gets one. The same number again makes nobody twice.
 * Errors: `seed_name_taken`.
 */
export const seedUsers = operation({
  name: 'user.seed',
  summary: 'Add invented users',
  needs: 'user:import',
  input: z.strictObject({ users: z.int().min(1).max(mostUsers).optional(), onProgress }),
  output: z.object({ created: z.object({ user: z.int() }), users: z.array(account) }),
  async serial({ store }) {
    return { key: `import ${store.tenantId}`, width: 1 }
  },
  async run(context, { users = defaultUsers, onProgress: tell }) {
    const accounts: Account[] = []
    let created = 0
    for (let from = 1; from <= users; from += batchSize) {
      const to = Math.min(users, from + batchSize - 1)
      const planned = await planTeams(context, from, to)
      const made = planned.filter(({ isNew }) => isNew)
      created += made.length
      if (users <= mostPasswords) accounts.push(...(await withPasswords(context, made)))
      if (made.length > 0) await write(context, planned)
      tell?.(to, users)
    }
    return { output: { created: { user: created }, users: accounts } }
  },
})

/** `id` is that of the user who is there, or of the one to come. */
type Planned = { n: number; username: string; fullName: string; id: string; isNew: boolean; passwordHash: string | null }

function planTeams({ store, newId }: Context, from: number, to: number): Promise<Planned[]> {
  return Promise.all(
    Array.from({ length: to - from + 1 }, async (_, at) => {
      const n = from + at
      const stored = await store.find(User, 'legacy', [legacyId(n)])
      const { first, last } = personName(n)
      const username = `${first}.${last}.${n}`.toLowerCase()
      const fullName = `${first} ${last}`
      return { n, username, fullName, id: stored?.id ?? newId(), isNew: stored === null, passwordHash: null }
    }),
  )
}

const legacyId = (n: number): string => `seed:user:${n}`

async function withPasswords({ random, services }: Context, planned: readonly Planned[]): Promise<Account[]> {
  const accounts = planned.map(({ username }) => ({ username, password: random(18).toString('base64url') }))
  const hashes = await hashEach(accounts, ({ password }) => services.hasher.hash(password))
  for (const [at, user] of planned.entries()) user.passwordHash = hashes[at] ?? null
  return accounts
}

async function write(context: Context, planned: readonly Planned[]): Promise<void> {
  const made = planned.filter(({ isNew }) => isNew)
  const first = await context.store.next(User.name, made.length)
  const idOf = new Map(planned.map(({ n, id }) => [n, id]))
  const changes = made.flatMap(({ n, username, fullName, id, passwordHash }, at): Change[] => {
    const leader = n - ((n - 1) % teamSize)
    const fields = {
      ...{ username, fullName, passwordHash },
      number: first + at,
      email: `${username}@${mailDomain}`,
      role: n === leader ? 'manager' : 'member',
      managerId: n === leader ? null : (idOf.get(leader) ?? null),
      isActive: true,
      mustChangePassword: true,
      legacyId: legacyId(n),
      createdAt: context.now,
    } as const
    return userRows({ newId: () => id, now: context.now }, fields).changes
  })
  try {
    await context.store.commit(changes, metaOf(context, 'user.seed', { detail: { users: made.length } }))
  } catch (error) {
    if (error instanceof Conflict && error.reason === 'unique') throw nameTaken(made.find(({ id }) => id === error.id)?.username ?? '')
    throw error
  }
}
