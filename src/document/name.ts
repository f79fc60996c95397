import { readAll } from '../assignment/ledger.ts'
import type { Context, Runtime } from '../kernel/context.ts'
import { Profile, type ProfileRow } from '../profile/entity.ts'
import { nameOf, profilesOf } from '../profile/view.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'

/** Whoever types sends many edits a second: the name is looked up once in so long. */
const keptMs = 30_000
const most = 10_000
const known = new WeakMap<Runtime, Map<string, { name: string; atMs: number }>>()

/** The account's first and last name, else its login. */
export async function accountName({ store, actor, runtime }: Pick<Context, 'store' | 'actor' | 'runtime'>): Promise<string> {
  if (actor.kind !== 'user' || actor.id === null) return actor.name
  const names = known.get(runtime) ?? new Map<string, { name: string; atMs: number }>()
  known.set(runtime, names)
  const key = `${store.tenantId} ${actor.id}`
  const nowMs = runtime.clock.realMs()
  const found = names.get(key)
  if (found !== undefined && nowMs - found.atMs < keptMs) return found.name
  const [user, profile] = await Promise.all([store.get(User, actor.id), store.get(Profile, actor.id)])
  const name = user === null ? actor.name : shownName(user, profile ?? undefined)
  if (names.size >= most) names.clear()
  names.set(key, { name, atMs: nowMs })
  return name
}

function shownName(user: UserRow, profile: ProfileRow | undefined): string {
  const { firstName, lastName } = nameOf(user, profile)
  const full = [firstName, lastName].filter((part) => part !== null && part !== '').join(' ')
  return full === '' ? user.username : full
}

/** The names of accounts by their ids; of those that are there. */
export async function namesOf({ store }: Pick<Context, 'store'>, ids: readonly string[]): Promise<Map<string, string>> {
  const wanted = [...new Set(ids)]
  const users = await readAll<UserRow>(
    store,
    wanted.map((id) => ({ type: User, id })),
  )
  const profiles = await profilesOf({ store }, wanted)
  return new Map(users.flatMap((user) => (user === null ? [] : [[user.id, shownName(user, profiles.get(user.id))] as const])))
}
