import { BatchWriteItemCommand, type WriteRequest } from '@aws-sdk/client-dynamodb'
import { type Database, type Place, pause, placeId } from './db.ts'
import { storageFailed } from './failures.ts'
import { type Item, sizeOf } from './item.ts'
import { keyIn } from './staged-form.ts'

/** AWS's bounds of one request: items, and 16 MB less what JSON adds. */
const most = { items: 25, bytes: 8_000_000 } as const
const requestsAtOnce = 16
const attempts = 10

export type BulkWrite = { table: Place['table']; put: Item } | { table: Place['table']; remove: Item }

const placeOf = (write: BulkWrite): Place => ({ table: write.table, key: 'put' in write ? keyIn(write.table, write.put) : write.remove })

/** Writes items as they shall be, without guards and in any order; of two of one key the later counts. */
export async function writeAll(db: Database, writes: readonly BulkWrite[]): Promise<void> {
  const distinct = [...new Map(writes.map((write) => [placeId(placeOf(write)), write])).values()]
  const chunks: BulkWrite[][] = []
  let bytes = 0
  for (const write of distinct) {
    const size = 'put' in write ? sizeOf(write.put) : 1_000
    const last = chunks.at(-1)
    if (last === undefined || last.length >= most.items || bytes + size > most.bytes) {
      chunks.push([write])
      bytes = size
    } else {
      last.push(write)
      bytes += size
    }
  }
  const waiting = chunks.values()
  const worker = async (): Promise<void> => {
    for (const chunk of waiting) await writeChunk(db, chunk)
  }
  await Promise.all(Array.from({ length: Math.min(requestsAtOnce, chunks.length) }, worker))
}

async function writeChunk(db: Database, chunk: readonly BulkWrite[]): Promise<void> {
  let request: Record<string, WriteRequest[]> = {}
  for (const write of chunk) {
    const one: WriteRequest = 'put' in write ? { PutRequest: { Item: write.put } } : { DeleteRequest: { Key: write.remove } }
    request[write.table.name] = [...(request[write.table.name] ?? []), one]
  }
  for (let attempt = 1; Object.keys(request).length > 0; attempt += 1) {
    if (attempt > attempts) throw storageFailed(new Error('BatchWriteItem leaves items unwritten'))
    if (attempt > 1) await pause(attempt)
    const asked = request
    const { UnprocessedItems = {} } = await db.send(() => db.client.send(new BatchWriteItemCommand({ RequestItems: asked })))
    request = UnprocessedItems
  }
}
