import type { Change } from '../../kernel/change.ts'
import type { AnyEntity } from '../../kernel/entity.ts'
import { createRecentMap } from '../../kernel/recent-map.ts'
import { contestedItems } from './contested.ts'
import { type Database, type Place, placeId } from './db.ts'
import { type Item, keyOf, type Row, rowOf } from './item.ts'
import { hasKeys, movesKeys } from './keys.ts'
import type { Encoded, Known } from './plan.ts'
import type { Forms } from './staged-form.ts'

/** Rows whose keys may move soon: one that was just read is not read again before it is changed. */
const rowsKept = 2_000

export type Rows = {
  keep(type: AnyEntity, tenantId: string, row: Row): void
  get(type: AnyEntity, tenantId: string, id: string): Row | null
  /** A counter as this process left it. */
  keepCounter(place: Place, item: Item): void
  /** Null for one that another process moves too. */
  counter(place: Place): Item | null
  /** A counter was not as it was remembered. */
  missedCounter(place: Place): void
}

/** Rows as they once were: good for what names a version, and for nothing else. */
export function rowsSeen(): Rows {
  const rows = createRecentMap<Row>(rowsKept)
  const counters = createRecentMap<Item>(rowsKept)
  const contested = contestedItems()
  const nameOf = (type: AnyEntity, tenantId: string, id: string) => `${type.name}\n${tenantId}\n${id}`
  return {
    keep: (type, tenantId, row) => {
      if (hasKeys(type)) rows.set(nameOf(type, tenantId, row.id), row)
    },
    get: (type, tenantId, id) => rows.get(nameOf(type, tenantId, id)) ?? null,
    keepCounter: (place, item) => counters.set(placeId(place), item),
    counter: (place) => (contested.has(placeId(place)) ? null : (counters.get(placeId(place)) ?? null)),
    missedCounter(place) {
      counters.drop(placeId(place))
      contested.note(placeId(place))
    },
  }
}

type At = { db: Database; forms: Forms; rows: Rows }

/** The version at which a change needs to know its row whole, because it moves what stands beside it; or null. */
function neededVersion(change: Change): number | null {
  if (change.op === 'update' && movesKeys(change.entity, change.fields)) return change.expect
  return change.op === 'remove' && hasKeys(change.entity) ? change.expect : null
}

/** Whether what is remembered of a counter is enough: old news only lose the race then. A bound could be refused by mistake. */
const isUnbounded = (change: Change): boolean => change.op === 'add' && change.min === null && change.max === null

/** What commits have to know beforehand, in one round trip or none: counters as they stand, and rows whose keys they move. */
export async function knownOf(members: readonly Encoded[], { db, forms, rows }: At): Promise<Known> {
  const placeOf = (type: AnyEntity, tenantId: string, id: string): Place => {
    const table = db.tableOf(type)
    return { table, key: keyOf(table, tenantId, id) }
  }
  const places: Place[] = []
  const remembered = new Map<string, Item>()
  for (const { tenantId, changes } of members) {
    for (const change of changes) {
      const id = 'row' in change ? change.row.id : change.id
      const place = placeOf(change.entity, tenantId, id)
      const version = neededVersion(change)
      const counter = isUnbounded(change) ? rows.counter(place) : null
      if (counter !== null) remembered.set(placeId(place), counter)
      else if (change.op === 'add' || (version !== null && rows.get(change.entity, tenantId, id)?.version !== version)) places.push(place)
    }
  }
  // what another member reads is not remembered
  for (const place of places) remembered.delete(placeId(place))
  const items = new Map([...remembered, ...(places.length === 0 ? [] : await forms.getAll(places))])
  return {
    item: (place) => items.get(placeId(place)) ?? null,
    row(type, tenantId, id, version) {
      const item = items.get(placeId(placeOf(type, tenantId, id)))
      if (item !== undefined) return rowOf(db.tableOf(type), tenantId, item)
      const seen = rows.get(type, tenantId, id)
      return seen?.version === version ? seen : null
    },
  }
}
