import { PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { AppError } from '../../kernel/errors.ts'
import type { StreamHead } from '../entry.ts'
import type { Load } from '../port.ts'
import { type BulkWrite, writeAll } from './bulk.ts'
import type { Database } from './db.ts'
import { type Item, itemOf, keyOf, type Row } from './item.ts'
import { sequencePlace, statePlace, streamsPartition, tenantsPartition } from './keys.ts'
import { keyLoader, type Next } from './load-keys.ts'
import type { Running } from './store.ts'

const itemAt = (pk: string, sk: string): Item => ({ pk: { S: pk }, sk: { S: sk } })
const stateKey = itemAt(statePlace.pk, statePlace.sk)

type LoadState = { state: 'loading' | 'ready'; mark: string | null }

/** What is known of a load, or null when there never was one. */
export async function loadState(db: Database): Promise<LoadState | null> {
  const item = await db.getItem({ table: db.keys, key: stateKey })
  if (item === null) return null
  return { state: item.state?.S === 'loading' ? 'loading' : 'ready', mark: item.mark?.S ?? null }
}

export async function writeState(db: Database, { state, mark }: LoadState): Promise<void> {
  const Item: Item = {
    ...stateKey,
    state: { S: state },
    ...(mark === null || mark === '' ? {} : { mark: { S: mark } }),
  }
  await db.send(() => db.client.send(new PutItemCommand({ TableName: db.keys.name, Item })))
}

/**
 * Writes batches of a load. How far each stream is loaded stands in the list of streams, so that a load that was cut off in the middle of a batch writes that batch again and leaves no gap.
 * `isWhole`: nothing was loaded before.
 */
export function loaderOf({ db, log, list }: Pick<Running, 'db' | 'log' | 'list'>, isWhole: boolean) {
  const keys = keyLoader({ db, list, isWhole })
  const registered = new Set<string>()
  const heads = new Map<string, StreamHead | null>()

  async function loadedHead(stream: string): Promise<StreamHead | null> {
    const known = heads.get(stream)
    if (known !== undefined) return known
    const item = await db.getItem({ table: db.keys, key: itemAt(streamsPartition, stream) })
    const head =
      item === null ? null : { tenant: item.tenantId?.S ?? '', sequence: Number(item.sequence?.N ?? 0), hash: item.hash?.S ?? '' }
    heads.set(stream, head)
    return head
  }

  function tenants(ids: Iterable<string>): BulkWrite[] {
    const fresh = [...new Set(ids)].filter((id) => !registered.has(id))
    return fresh.map((id) => ({ table: db.keys, put: { ...itemAt(tenantsPartition, id), tenantId: { S: id } } }))
  }

  async function rows({ type, rows: given = [], removed = [] }: Load): Promise<void> {
    if (given.length + removed.length === 0) return
    if (type === undefined) throw new Error('Rows are of a type')
    const table = db.tableOf(type)
    const puts = given.map(({ tenantId, row }): BulkWrite => ({ table, put: itemOf(table, tenantId, row as Row) }))
    const removals = removed.map(({ tenantId, id }): BulkWrite => ({ table, remove: keyOf(table, tenantId, id) }))
    const ids = given.map(({ tenantId }) => tenantId)
    const next: Next[] = [
      ...given.map(({ tenantId, row }) => ({ tenantId, id: row.id, row: row as Row })),
      ...removed.map(({ tenantId, id }) => ({ tenantId, id, row: null })),
    ]
    await keys.release(type, next)
    await writeAll(db, [...tenants(ids), ...puts, ...removals])
    for (const id of ids) registered.add(id)
    await keys.take(type, next)
  }

  /** Every entry is checked before the first is written. */
  async function entries(given: NonNullable<Load['entries']>): Promise<void> {
    const next = new Map<string, StreamHead>()
    const fresh: NonNullable<Load['entries']>[number][] = []
    for (const one of given) {
      const { stream, sequence, previousHash } = one.entry
      const head = next.get(stream) ?? (await loadedHead(stream)) ?? { tenant: one.tenantId, sequence: 0, hash: '0'.repeat(64) }
      if (head.tenant === one.tenantId && sequence <= head.sequence) continue
      if (head.tenant !== one.tenantId || sequence !== head.sequence + 1 || previousHash !== head.hash) throw gap(stream, sequence)
      next.set(stream, { tenant: one.tenantId, sequence, hash: one.hash })
      fresh.push(one)
    }
    if (fresh.length === 0) return
    const puts: BulkWrite[] = []
    for (const { tenantId, entry, text, hash, secrets } of fresh) {
      const head = { tenant: tenantId, sequence: entry.sequence, hash }
      puts.push({ table: db.log, put: await log.itemOf(entry.stream, entry.time, { head, text, secrets }, null) })
    }
    await writeAll(db, puts)
    const lists = [...next].map(
      ([stream, { tenant, sequence, hash }]): BulkWrite => ({
        table: db.keys,
        put: { ...itemAt(streamsPartition, stream), tenantId: { S: tenant }, sequence: { N: String(sequence) }, hash: { S: hash } },
      }),
    )
    const ids = [...next.values()].map(({ tenant }) => tenant)
    await writeAll(db, [...lists, ...tenants(ids)])
    for (const [stream, head] of next) {
      heads.set(stream, head)
      log.forget(stream)
    }
  }

  const signed = ({ stream, sequence, time, leaves, kid, signature }: NonNullable<Load['heads']>[number]): Promise<unknown> =>
    db.send(() =>
      db.client.send(
        new UpdateItemCommand({
          TableName: db.log.name,
          Key: { stream: { S: stream }, sequence: { N: String(sequence) } },
          UpdateExpression: 'SET headTime = :t, leaves = :l, kid = :k, #g = :g',
          ConditionExpression: 'attribute_exists(#s)',
          ExpressionAttributeNames: { '#g': 'signature', '#s': 'stream' },
          ExpressionAttributeValues: { ':t': { S: time }, ':l': { S: JSON.stringify(leaves) }, ':k': { S: kid }, ':g': { S: signature } },
        }),
      ),
    )

  function raised({ tenantId, sequence, value }: NonNullable<Load['sequences']>[number]): Promise<unknown> {
    const { pk, sk } = sequencePlace(tenantId, sequence)
    const raise = new UpdateItemCommand({
      TableName: db.keys.name,
      Key: itemAt(pk, sk),
      UpdateExpression: 'SET #n = :n',
      ConditionExpression: 'attribute_not_exists(#n) OR #n < :n',
      ExpressionAttributeNames: { '#n': 'value' },
      ExpressionAttributeValues: { ':n': { N: String(value) } },
    })
    return db.client.send(raise).catch((error: Error) => (error.name === 'ConditionalCheckFailedException' ? null : db.fail(error)))
  }

  return {
    async load(batch: Load): Promise<void> {
      await rows(batch)
      await entries(batch.entries ?? [])
      await atOnce(batch.heads ?? [], signed)
      await atOnce(batch.sequences ?? [], raised)
      if (batch.mark !== undefined) await writeState(db, { state: 'loading', mark: batch.mark })
    },
    /** Makes the keys what the rows say. */
    complete: keys.complete,
  }
}

async function atOnce<T>(all: readonly T[], work: (one: T) => Promise<unknown>): Promise<void> {
  for (let start = 0; start < all.length; start += 32) await Promise.all(all.slice(start, start + 32).map(work))
}

const gap = (stream: string, sequence: number): AppError =>
  new AppError(
    'conflict',
    'load_gap',
    `Entry ${sequence} of the stream ${stream} does not follow what was loaded of it. Load it from its source again, in order and into an empty storage.`,
  )
