import { type AttributeValue, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { createRecentMap } from '../../kernel/recent-map.ts'
import { type Database, type Place, placeId } from './db.ts'
import { storageFailed } from './failures.ts'
import { heldBy, type Item, nextForm } from './item.ts'
import { commitPlace } from './keys.ts'

/** Set on an item that a staged commit made: without the commit it does not exist. */
export const isNew = '_new'

/** A staged commit that has not decided after so long has lost its process. */
const abandonedMs = 60_000

export type Verdict = 'committed' | 'aborted' | 'pending' | 'gone'

/** What an item is, given what became of the staged commit that holds it. */
export function formOf(item: Item, verdict: Verdict): Item | null {
  const { [heldBy]: _, [nextForm]: next, [isNew]: made, ...rest } = item
  if (verdict !== 'committed') return made === undefined ? rest : null
  if (next === undefined) return rest
  return (next.M as Item | undefined) ?? null
}

export const holderOf = (item: Item): string | null => item[heldBy]?.S ?? null

/**
 * Reads items as they are now: one that a staged commit holds shows the new form from the moment the commit was decided, and the old one until then.
 * The verdict is read after the item, so that what was acknowledged before a read began is seen by it.
 */
export function forms(db: Database) {
  const decided = createRecentMap<'committed' | 'aborted'>(10_000)

  async function verdictOf(id: string): Promise<Verdict> {
    const known = decided.get(id)
    if (known !== undefined) return known
    const { pk, sk } = commitPlace(id)
    const record = await db.getItem({ table: db.keys, key: { pk: { S: pk }, sk: { S: sk } } })
    const state = (record?.state?.S ?? 'gone') as Verdict
    if (state === 'committed' || state === 'aborted') decided.set(id, state)
    if (state !== 'pending' || Date.now() - Number(record?.at?.N) < abandonedMs) return state
    return abandon(id)
  }

  /** Ends a commit that nobody will decide any more. One that decides after all at this moment wins or loses by the same condition. */
  async function abandon(id: string): Promise<Verdict> {
    const { pk, sk } = commitPlace(id)
    await db.send(() =>
      db.client
        .send(
          new UpdateItemCommand({
            TableName: db.keys.name,
            Key: { pk: { S: pk }, sk: { S: sk } },
            UpdateExpression: 'SET #s = :aborted',
            ConditionExpression: '#s = :pending',
            ExpressionAttributeNames: { '#s': 'state' },
            ExpressionAttributeValues: { ':aborted': { S: 'aborted' }, ':pending': { S: 'pending' } } satisfies Record<
              string,
              AttributeValue
            >,
          }),
        )
        .catch((error: Error) => {
          if (error.name !== 'ConditionalCheckFailedException') throw error
        }),
    )
    return verdictOf(id)
  }

  async function settle(place: Place, item: Item): Promise<Item | null> {
    let current: Item | null = item
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const holder: string | null = current === null ? null : holderOf(current)
      if (current === null || holder === null) return current
      const verdict = await verdictOf(holder)
      if (verdict !== 'gone') return formOf(current, verdict)
      // settled and its record removed since the item was read
      current = await db.getItem(place)
    }
    throw storageFailed(new Error(`An item is held by the commit ${current === null ? '' : holderOf(current)}, of which nothing is known`))
  }

  return {
    verdictOf,
    async get(place: Place): Promise<Item | null> {
      const item = await db.getItem(place)
      return item === null ? null : settle(place, item)
    },
    async getAll(places: readonly Place[]): Promise<Map<string, Item>> {
      const found = await db.getItems(places)
      const byId = new Map(places.map((place) => [placeId(place), place]))
      for (const [id, item] of found) {
        if (holderOf(item) === null) continue
        const form = await settle(byId.get(id) as Place, item)
        if (form === null) found.delete(id)
        else found.set(id, form)
      }
      return found
    },
    /** Items of a query, in its order. */
    async settleAll(table: Place['table'], items: readonly Item[]): Promise<Item[]> {
      const settled = await Promise.all(
        items.map((item) => (holderOf(item) === null ? item : settle({ table, key: keyIn(table, item) }, item))),
      )
      return settled.filter((item) => item !== null)
    },
  }
}

export type Forms = ReturnType<typeof forms>

export function keyIn({ hash, range }: Place['table'], item: Item): Item {
  const key: Item = { [hash.attribute]: item[hash.attribute] as AttributeValue }
  if (range !== null) key[range.attribute] = item[range.attribute] as AttributeValue
  return key
}
