import { z } from 'zod'
import { usersWithin } from '../access/scope.ts'
import { Counter } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { operation } from '../kernel/operation.ts'
import { policyOf } from '../policy/policy.ts'
import { daysAfter, localTime } from '../policy/time.ts'
import { activeCounter } from './active-day.ts'
import { Credential, User } from './entity.ts'

const count = z.int()
const mostDays = 90

/**
 * How many users there are within one's reach, how many of them can sign in, and how many were active today: signed in, or stayed signed in. `days` are the last ones, the oldest first, of the whole tenant;
 * empty for whoever does not reach all of it. Days are those of the tenant's time zone.
 */
export const countUsers = operation({
  name: 'user.counts',
  summary: 'Count users, and who was active',
  needs: 'user:read',
  readOnly: true,
  input: z.strictObject({ days: z.coerce.number().int().min(1).max(mostDays).default(30) }),
  output: z.object({
    users: count,
    active: count,
    activeToday: count,
    days: z.array(z.object({ date: z.string(), active: count })),
  }),
  async run(context, { days }) {
    const { scope } = context
    return { output: scope === 'tenant' || scope === 'platform' ? await countAll(context, days) : await countWithin(context) }
  },
})

async function countAll({ store, realMs }: Context, days: number) {
  const today = localTime(realMs, (await policyOf(store)).timeZone).date
  const dates = Array.from({ length: days }, (_, at) => daysAfter(today, at + 1 - days))
  const [users, active, counters] = await Promise.all([
    store.count(User, { index: 'byNumber' }),
    store.count(User, { index: 'byActive', where: { isActive: true } }),
    store.read(dates.map((date) => ({ type: Counter, id: activeCounter(date) }))) as Promise<(Entity<typeof Counter> | null)[]>,
  ])
  const counted = dates.map((date, at) => ({ date, active: counters[at]?.value ?? 0 }))
  return { users, active, activeToday: counted.at(-1)?.active ?? 0, days: counted }
}

async function countWithin(context: Context) {
  const people = await usersWithin(context)
  const credentials = (await context.store.read(people.map(({ id }) => ({ type: Credential, id })))) as (Entity<typeof Credential> | null)[]
  const isActive = (credential: Entity<typeof Credential> | null): boolean =>
    credential?.activeUntil != null && context.realMs < Date.parse(credential.activeUntil)
  return {
    users: people.length,
    active: people.filter((user) => user.isActive).length,
    activeToday: credentials.filter(isActive).length,
    days: [],
  }
}
