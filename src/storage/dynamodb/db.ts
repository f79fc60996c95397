import { BatchGetItemCommand, type DynamoDBClient, GetItemCommand, QueryCommand, type QueryCommandInput } from '@aws-sdk/client-dynamodb'
import type { AnyEntity } from '../../kernel/entity.ts'
import { failureOf, storageFailed } from './failures.ts'
import type { Item } from './item.ts'
import { keysKey, logKey, type TableDefinition } from './tables.ts'

export type Place = { table: TableDefinition; key: Item }

/** Keys of one request of a batch: AWS's bound. */
const batchKeys = 100
const batchAttempts = 8

const idOf = (table: string, { hash, range }: Pick<TableDefinition, 'hash' | 'range'>, item: Item): string =>
  JSON.stringify([table, item[hash.attribute], range === null ? null : item[range.attribute]])

/** Names an item within the whole database. */
export const placeId = ({ table, key }: Place): string => idOf(table.name, table, key)

/** The tables as they are read: always consistently, so that every acknowledged commit is seen. What the SDK throws leaves as `unavailable`. */
export function database(client: DynamoDBClient, definitions: readonly TableDefinition[]) {
  const byEntity = new Map(definitions.flatMap((table) => (table.entity === null ? [] : [[table.entity.name, table] as const])))
  const byName = new Map(definitions.map((table) => [table.name, table]))
  const byKey = (key: string): TableDefinition => definitions.find((table) => table.key === key) as TableDefinition

  function fail(error: unknown): never {
    throw failureOf(error)
  }

  const send = <T>(call: () => Promise<T>): Promise<T> => call().catch(fail)

  async function getSome(places: readonly Place[]): Promise<Map<string, Item>> {
    const found = new Map<string, Item>()
    let request: Record<string, { Keys: Item[]; ConsistentRead: true }> = {}
    for (const { table, key } of places) request[table.name] = { Keys: [...(request[table.name]?.Keys ?? []), key], ConsistentRead: true }
    for (let attempt = 1; Object.keys(request).length > 0; attempt += 1) {
      if (attempt > batchAttempts) throw storageFailed(new Error('BatchGetItem leaves keys unread'))
      if (attempt > 1) await pause(attempt)
      const asked = request
      const { Responses = {}, UnprocessedKeys = {} } = await send(() => client.send(new BatchGetItemCommand({ RequestItems: asked })))
      for (const [name, items] of Object.entries(Responses))
        for (const item of items) found.set(idOf(name, byName.get(name) as TableDefinition, item), item)
      request = UnprocessedKeys as typeof request
    }
    return found
  }

  async function getOne(place: Place): Promise<Map<string, Item>> {
    const asked = { TableName: place.table.name, Key: place.key, ConsistentRead: true }
    const { Item: item } = await send(() => client.send(new GetItemCommand(asked)))
    return new Map(item === undefined ? [] : [[placeId(place), item as Item]])
  }

  async function fetch(places: readonly Place[]): Promise<Map<string, Item>> {
    const [only] = places
    if (only !== undefined && places.length === 1) return getOne(only)
    const chunks = Array.from({ length: Math.ceil(places.length / batchKeys) }, (_, n) => places.slice(n * batchKeys, (n + 1) * batchKeys))
    const found = await Promise.all(chunks.map(getSome))
    return new Map(found.flatMap((some) => [...some]))
  }

  let asked: { places: readonly Place[]; resolve: (found: Map<string, Item>) => void; reject: (error: unknown) => void }[] = []

  /** What is asked for in one turn of the event loop, by whichever request, is one call for each hundred items. */
  function ask(places: readonly Place[]): Promise<Map<string, Item>> {
    if (places.length === 0) return Promise.resolve(new Map())
    return new Promise((resolve, reject) => {
      if (asked.length === 0) setImmediate(flush)
      asked.push({ places, resolve, reject })
    })
  }

  function flush(): void {
    const all = asked
    asked = []
    const distinct = new Map(all.flatMap(({ places }) => places.map((place) => [placeId(place), place])))
    fetch([...distinct.values()]).then(
      (found) => {
        for (const { places, resolve } of all) resolve(pick(found, places))
      },
      (error: unknown) => {
        for (const { reject } of all) reject(error)
      },
    )
  }

  return {
    client,
    /** Items of one transaction: AWS's bound, until an older endpoint says that it takes fewer. */
    limits: { items: 100 },
    send,
    fail,
    definitions,
    log: byKey(logKey),
    keys: byKey(keysKey),
    tableOf(type: AnyEntity): TableDefinition {
      const table = byEntity.get(type.name)
      if (table === undefined) throw new Error(`The engine was not told of the entity ${type.name}`)
      return table
    },
    getItem: async (place: Place): Promise<Item | null> => (await ask([place])).get(placeId(place)) ?? null,
    /** Items by their places' names. */
    getItems: ask,
    async query(input: Omit<QueryCommandInput, 'TableName' | 'ConsistentRead'>, table: TableDefinition) {
      const page = await send(() => client.send(new QueryCommand({ ...input, TableName: table.name, ConsistentRead: true })))
      return { items: (page.Items ?? []) as Item[], next: (page.LastEvaluatedKey ?? null) as Item | null }
    },
  }
}

function pick(found: ReadonlyMap<string, Item>, places: readonly Place[]): Map<string, Item> {
  return new Map(
    places.flatMap((place) => {
      const id = placeId(place)
      const item = found.get(id)
      return item === undefined ? [] : [[id, item]]
    }),
  )
}

export type Database = ReturnType<typeof database>

/** Waits longer with each attempt, and never in step with others. */
export const pause = (attempt: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(1_000, 5 * 2 ** Math.min(attempt, 8))))
