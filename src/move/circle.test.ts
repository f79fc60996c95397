import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { createEngine } from '../engine.ts'
import { insert } from '../kernel/change.ts'
import { aMember, entities, Member, meta, newId, newSigner } from '../storage/contract/harness.ts'
import { pausable } from '../storage/pausable.ts'
import type { Storage } from '../storage/port.ts'
import { parseStorage } from '../storage-config.ts'
import { hasDynamo, startDynamo } from '../testing/dynamodb-server.ts'
import { freshDatabase, startPostgres } from '../testing/postgres-server.ts'
import { type Moved, moveStorage } from './run.ts'
import { contentOf, createWriter, emptyStorage, type Write } from './testing/storages.ts'

async function opened(url: string): Promise<Storage> {
  const storage = await createEngine({ storage: parseStorage('test', url, {}), dataFolder: '', entities })
  await storage.open()
  onTestFinished(() => storage.close())
  return storage
}

async function postgres(): Promise<string> {
  const server = await startPostgres()
  onTestFinished(() => server.stop())
  const { url, drop } = await freshDatabase(server.adminUrl)
  onTestFinished(drop)
  return url
}

async function dynamo(): Promise<string> {
  const server = await startDynamo()
  onTestFinished(() => server.stop())
  return `dynamodb://eu-central-1?prefix=t${randomBytes(6).toString('hex')}&endpoint=${encodeURIComponent(server.endpoint)}`
}

const kinds: readonly Write['kind'][] = ['insert', 'insert', 'rename', 'swap', 'remove', 'note', 'count', 'document']

test('SQLite → PostgreSQL → DynamoDB → SQLite: every digest, row, entry, signature and number is the same', {
  timeout: 240_000,
}, async (context) => {
  if (!hasDynamo()) {
    console.warn('NOT RUN: the circle of moves, because DynamoDB Local needs Java')
    return context.skip()
  }
  const first = (await emptyStorage()).storage
  await first.setSigner(newSigner())
  await first.platform().commit([], meta)
  const writer = createWriter(first)
  for (let n = 0; n < 120; n += 1) await writer.write({ kind: kinds[n % kinds.length] ?? 'note', tenant: n % 3, row: n % 13, key: n % 4 })
  const many = Array.from({ length: 300 }, (_, n) => insert(Member, aMember({ note: `ä€😀 ${n}`, score: n / 7 })))
  for (let start = 0; start < many.length; start += 30) await first.tenant(newId()).commit(many.slice(start, start + 30), meta)
  const before = await contentOf(first)

  const storages = [first, await opened(await postgres()), await opened(await dynamo()), (await emptyStorage()).storage]
  const moves: Moved[] = []
  for (const [position, target] of storages.entries()) {
    const source = storages[position - 1]
    if (source === undefined) continue
    const held = pausable(source)
    moves.push(await moveStorage({ source: held.storage, target, entities, pause: held.pause, check: async () => {}, told: () => {} }))
    expect(await contentOf(target), target.engine).toEqual(before)
  }

  expect(moves).toHaveLength(3)
  for (const { digests, entities: counts, equal } of moves)
    expect({ digests, counts, equal }).toEqual({ digests: moves[0]?.digests, counts: moves[0]?.entities, equal: true })
})
