import type { LoggedEntry, TenantStore } from '../storage/port.ts'
import type { Criteria, Summaries } from './summaries.ts'

/** Each narrows; absent ones do not. Times are RFC 3339. */
export type Filters = {
  requestId?: string | undefined
  entityType?: string | undefined
  entityId?: string | undefined
  actorId?: string | undefined
  action?: string | undefined
  from?: string | undefined
  to?: string | undefined
}

type Search = {
  store: TenantStore
  filters: Filters
  limit: number
  order: 'asc' | 'desc'
  /** The sequence to begin behind, in the order asked for. */
  start: number
  summaries: Summaries
}

/** Entries that match, at most `limit`. `next` is the last sequence given out when there is more. */
export async function searchLog({
  store,
  filters,
  limit,
  order,
  start,
  summaries,
}: Search): Promise<{ items: LoggedEntry[]; next: number | null }> {
  const wanted = matcher(filters)
  const criteria = criteriaOf(filters)
  const isNarrow = criteria.keys.length > 0 || criteria.fromMs !== null || criteria.toMs !== null
  const { size } = summaries
  const last = (await store.head())?.sequence ?? 0
  const items: LoggedEntry[] = []
  const isAscending = order === 'asc'
  for (let at = isAscending ? start + 1 : Math.min(start - 1, last); at >= 1 && at <= last; ) {
    const chunk = Math.floor((at - 1) / size)
    const [first, end] = [chunk * size + 1, Math.min((chunk + 1) * size, last)]
    // without a filter nothing is passed over: as much is read as is shown
    const [from, to] = isNarrow ? [first, end] : isAscending ? [at, Math.min(end, at + limit)] : [Math.max(first, at - limit), at]
    const page = !isNarrow || summaries.mayHave(store.tenantId, chunk, criteria) ? await store.log(null, from - 1, to - from + 1) : []
    if (isNarrow) summaries.note(store.tenantId, chunk, page)
    for (const logged of isAscending ? page : page.toReversed()) {
      const { sequence } = logged.entry
      // where entries were taken out, a page reaches further than it should
      if ((isAscending ? sequence < at || sequence > to : sequence > at) || !wanted(logged)) continue
      if (items.length === limit) return { items, next: items.at(-1)?.entry.sequence ?? null }
      items.push(logged)
    }
    at = isAscending ? to + 1 : from - 1
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { items, next: null }
}

const ms = (time: string | undefined): number | null => (time === undefined ? null : Date.parse(time))

function criteriaOf({ requestId, entityType, entityId, actorId, action, from, to }: Filters): Criteria {
  const asked = { request: requestId, type: entityType, id: entityId, actor: actorId, action }
  const keys = Object.entries(asked).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]))
  return { keys, fromMs: ms(from), toMs: ms(to) }
}

function matcher({ requestId, entityType, entityId, actorId, action, from, to }: Filters): (logged: LoggedEntry) => boolean {
  const [fromMs, toMs] = [ms(from), ms(to)]
  return ({ entry }) => {
    const touches = (field: 'type' | 'id', value: string) =>
      entry.entity?.[field] === value || entry.changes.some((change) => change[field] === value)
    if (requestId !== undefined && entry.requestId !== requestId) return false
    if (actorId !== undefined && entry.actor.id !== actorId) return false
    if (action !== undefined && entry.action !== action) return false
    if (entityType !== undefined && !touches('type', entityType)) return false
    if (entityId !== undefined && !touches('id', entityId)) return false
    const at = Date.parse(entry.time)
    return (fromMs === null || at >= fromMs) && (toMs === null || at <= toMs)
  }
}
