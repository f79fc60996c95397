import { DeleteItemCommand } from '@aws-sdk/client-dynamodb'
import type { AnyEntity } from '../../kernel/entity.ts'
import { type BulkWrite, writeAll } from './bulk.ts'
import { type Database, placeId } from './db.ts'
import { type Item, keyOf, type Row, rowOf } from './item.ts'
import { hasKeys, type KeyItem, keyItemsOf } from './keys.ts'
import type { Lister } from './list.ts'

/** One row of a batch: as it shall be, or null when it shall not be there. */
export type Next = { tenantId: string; id: string; row: Row | null }

type TenantIds = () => AsyncIterable<readonly string[]>
/** Keys that were taken from a row, by place, and whose they were. */
type Released = { places: Set<string>; tenants: Set<string>; isWide: boolean }

const deletesAtOnce = 32

const keyOfItem = ({ pk, sk }: KeyItem): Item => ({ pk: { S: pk }, sk: { S: sk } })

/**
 * The items of keys while rows are loaded. They are written right behind their rows, so that little is left to do when the load ends and its source is held still. Two rows may hold one key on
 * the way, and the item leads to the one that was written last; when that one gives the key up, the other is found at the end, by going through the rows of its tenant.
 *
 * The order is what a crash leaves in order: keys that a row gives up go before the row is replaced, its new ones come after it. So none ever leads to a row that does not have it and is not
 * written again, and what is missing is made from the rows. `isWhole`: everything in the storage was loaded here, so what was given up is known.
 */
export function keyLoader({ db, list, isWhole }: { db: Database; list: Lister; isWhole: boolean }) {
  const seen = filter()
  const released = new Map<AnyEntity, Released>()

  async function previous(type: AnyEntity, rows: readonly Next[]): Promise<(Next & { before: Row })[]> {
    const table = db.tableOf(type)
    const known = rows.filter(({ tenantId, id }) => !isWhole || seen.has(`${type.name}\n${tenantId}\n${id}`))
    const places = known.map(({ tenantId, id }) => ({ table, key: keyOf(table, tenantId, id) }))
    const items = await db.getItems(places)
    return known.flatMap((next, position) => {
      const place = places[position]
      const item = place === undefined ? undefined : items.get(placeId(place))
      const before = item === undefined ? null : rowOf(table, next.tenantId, item)
      return before === null ? [] : [{ ...next, before }]
    })
  }

  function note(type: AnyEntity, tenantId: string, key: KeyItem): void {
    const known = released.get(type) ?? { places: new Set(), tenants: new Set(), isWide: false }
    released.set(type, known)
    known.places.add(`${key.pk}\n${key.sk}`)
    known.tenants.add(tenantId)
    // a key that is unique over all tenants may have gone to another one
    known.isWide ||= key.key !== null && type.directory[key.key]?.unique === true
  }

  /** Another row may have come to the key: then it is left alone. */
  const free = (key: KeyItem, id: string): Promise<unknown> =>
    db.client
      .send(
        new DeleteItemCommand({
          TableName: db.keys.name,
          Key: keyOfItem(key),
          ConditionExpression: '#i = :i',
          ExpressionAttributeNames: { '#i': 'id' },
          ExpressionAttributeValues: { ':i': { S: id } },
        }),
      )
      .catch((error: Error) => (error.name === 'ConditionalCheckFailedException' ? null : db.fail(error)))

  const puts = (type: AnyEntity, tenantId: string, row: Row, isWanted: (key: KeyItem) => boolean = () => true): BulkWrite[] =>
    keyItemsOf(type, tenantId, row)
      .filter(isWanted)
      .map(({ item }) => ({ table: db.keys, put: item }))

  /** Goes through rows, and writes the keys of theirs that are wanted. */
  async function restore(type: AnyEntity, tenantId: string, isWanted: (key: KeyItem) => boolean): Promise<void> {
    for await (const page of list.rowsOf(tenantId, type, {}))
      await writeAll(
        db,
        page.flatMap((row) => puts(type, tenantId, row, isWanted)),
      )
  }

  return {
    /** Before rows are written: takes away the keys that they give up. */
    async release(type: AnyEntity, rows: readonly Next[]): Promise<void> {
      if (!hasKeys(type)) return
      const before = await previous(type, rows)
      for (const { tenantId, id } of rows) seen.add(`${type.name}\n${tenantId}\n${id}`)
      const given: { key: KeyItem; id: string }[] = []
      for (const { tenantId, id, row, before: old } of before) {
        const kept = new Set(row === null ? [] : keyItemsOf(type, tenantId, row).map(({ pk, sk }) => `${pk}\n${sk}`))
        for (const key of keyItemsOf(type, tenantId, old)) {
          if (kept.has(`${key.pk}\n${key.sk}`)) continue
          given.push({ key, id })
          if (key.key !== null) note(type, tenantId, key)
        }
      }
      for (let start = 0; start < given.length; start += deletesAtOnce)
        await Promise.all(given.slice(start, start + deletesAtOnce).map(({ key, id }) => free(key, id)))
    },
    /** After rows were written: the keys that they have. */
    async take(type: AnyEntity, rows: readonly Next[]): Promise<void> {
      if (!hasKeys(type)) return
      await writeAll(
        db,
        rows.flatMap(({ tenantId, row }) => (row === null ? [] : puts(type, tenantId, row))),
      )
    },
    /** At the end, when no two rows hold one key any more. */
    async complete(entities: readonly AnyEntity[], tenantIds: TenantIds): Promise<void> {
      for await (const some of tenantIds())
        for (const type of entities.filter(hasKeys)) {
          const given = released.get(type)
          if (isWhole && given === undefined) continue
          const isWanted = ({ pk, sk }: KeyItem): boolean => !isWhole || given?.places.has(`${pk}\n${sk}`) === true
          const concerned = isWhole && given?.isWide === false ? some.filter((id) => given.tenants.has(id)) : some
          await Promise.all(concerned.map((tenantId) => restore(type, tenantId, isWanted)))
        }
    },
  }
}

/** 16 MB. */
const filterBits = 27

/** What was added is in it; of what was not, a few in a million rows are said to be too. */
function filter() {
  let bits: Uint8Array | null = null
  /** FNV-1a. */
  function placeOf(name: string): number {
    let hash = 0x811c9dc5
    for (let position = 0; position < name.length; position += 1) hash = Math.imul(hash ^ name.charCodeAt(position), 0x01000193)
    return (hash ^ (hash >>> filterBits)) & (2 ** filterBits - 1)
  }
  return {
    has(name: string): boolean {
      const place = placeOf(name)
      return bits !== null && ((bits[place >>> 3] ?? 0) & (1 << (place & 7))) !== 0
    },
    add(name: string): void {
      bits ??= new Uint8Array(2 ** (filterBits - 3))
      const place = placeOf(name)
      bits[place >>> 3] = (bits[place >>> 3] ?? 0) | (1 << (place & 7))
    },
  }
}
