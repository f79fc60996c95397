import type { Context } from '../kernel/context.ts'
import type { Page } from '../kernel/page.ts'
import { Leave } from '../leave/entity.ts'
import { policyOf } from '../policy/policy.ts'
import { localTime } from '../policy/time.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { readAll } from './ledger.ts'
import { userNotFound } from './place.ts'

/** How many candidates were passed over, each for the first reason there was. */
export type Skipped = { inactive: number; suspended: number; on_leave: number; not_assignable: number }
export type Pool = { users: UserRow[]; skipped: Skipped }

/** Who may be chosen by a hand-out: of everyone, or of those named (contracts/salesbrain.md section 4). Errors: `user_not_found` for a named one who is not there. */
export async function poolOf(context: Context, named: readonly string[] | null): Promise<Pool> {
  const skipped: Skipped = { inactive: 0, suspended: 0, on_leave: 0, not_assignable: 0 }
  const away = await onLeave(context)
  const users: UserRow[] = []
  for (const user of await candidates(context, named)) {
    if (user.role === 'auditor') continue
    if (user.status === 'inactive') skipped.inactive += 1
    else if (user.status === 'suspended') skipped.suspended += 1
    else if (away.has(user.id)) skipped.on_leave += 1
    else if (!user.assignable) skipped.not_assignable += 1
    else users.push(user)
  }
  return { users, skipped }
}

async function candidates({ store }: Context, named: readonly string[] | null): Promise<UserRow[]> {
  if (named !== null) {
    const ids = [...new Set(named)]
    const rows = await readAll<UserRow>(
      store,
      ids.map((id) => ({ type: User, id })),
    )
    if (rows.includes(null)) throw userNotFound()
    return rows as UserRow[]
  }
  const users: UserRow[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Page<UserRow> = await store.list(User, { cursor, limit: 200 })
    users.push(...page.items)
    if (page.nextCursor === null) return users
    cursor = page.nextCursor
  }
}

/** Who has approved leave today, in the zone of the tenant's working days. */
async function onLeave(context: Context): Promise<Set<string>> {
  const today = localTime(context.nowMs, (await policyOf(context.store)).timeZone).date
  const ids = new Set<string>()
  for (let cursor: string | null = null; ; ) {
    const page: Page<{ userId: string }> = await context.store.list(Leave, {
      index: 'byStatus',
      where: { status: 'approved' },
      filter: [
        { field: 'startDate', op: 'lte', value: today },
        { field: 'endDate', op: 'gte', value: today },
      ],
      cursor,
      limit: 200,
    })
    for (const { userId } of page.items) ids.add(userId)
    if (page.nextCursor === null) return ids
    cursor = page.nextCursor
  }
}
