import type { Context, Runtime } from '../kernel/context.ts'
import { Profile } from '../profile/entity.ts'
import { nameOf } from '../profile/view.ts'
import { User } from '../user/entity.ts'

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
  const { firstName, lastName } = user === null ? { firstName: null, lastName: null } : nameOf(user, profile ?? undefined)
  const full = [firstName, lastName].filter((part) => part !== null && part !== '').join(' ')
  const name = full === '' ? actor.name : full
  if (names.size >= most) names.clear()
  names.set(key, { name, atMs: nowMs })
  return name
}
