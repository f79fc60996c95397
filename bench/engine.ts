import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { z } from 'zod'
import { create, insert } from '../src/kernel/change.ts'
import { entity } from '../src/kernel/entity.ts'
import { idSource } from '../src/kernel/id.ts'
import type { Meta } from '../src/storage/port.ts'
import { sqlite } from '../src/storage/sqlite/engine.ts'
import type { Report } from './report.ts'

/** An id, a name that is unique, and a text. */
const Item = entity('item', { table: 'items', fields: { name: z.string(), body: z.string() }, unique: { name: ['name'] } })
const { newId } = idSource()
const now = new Date().toISOString()
const meta: Meta = { actor: { id: null, kind: 'system', name: 'bench' }, action: 'item.create', entity: null, requestId: null, time: now }
const body = JSON.stringify({
  number: 1,
  email: null,
  fullName: 'Some Body',
  role: 'member',
  managerId: null,
  isActive: true,
  createdAt: now,
})

/** How many of 64 writers' commits become durable in a second. */
async function rate(seconds: number, write: (id: string) => Promise<unknown>): Promise<number> {
  let done = 0
  const started = performance.now()
  const end = started + seconds * 1000
  const writer = async () => {
    while (performance.now() < end) {
      await write(newId())
      done += 1
    }
  }
  await Promise.all(Array.from({ length: 64 }, writer))
  return (done * 1000) / (performance.now() - started)
}

async function engineRate(folder: string, seconds: number): Promise<number> {
  const storage = sqlite({ folder, entities: [Item] })
  await storage.open()
  await storage.setSigner({
    kid: 'bench',
    privateKey: String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })),
  })
  const store = storage.tenant('01a20000-0000-7000-8000-000000000000')
  const measured = await rate(seconds, (id) => store.commit([insert(Item, create(Item, id, { name: id, body }, now))], meta))
  await storage.close()
  return measured
}

/** The same rows in the same groups without the engine (raw-writer.ts). */
async function rawRate(file: string, seconds: number): Promise<number> {
  const worker = new Worker(new URL('./raw-writer.ts', import.meta.url), { workerData: { file } })
  const waiting = new Map<string, () => void>()
  const ready = new Promise<void>((resolve) => waiting.set('ready', resolve))
  worker.on('message', (ids: string[]) => {
    for (const id of ids) {
      waiting.get(id)?.()
      waiting.delete(id)
    }
  })
  await ready
  const write = (id: string) =>
    new Promise<void>((resolve) => {
      waiting.set(id, resolve)
      worker.postMessage({ id, body, now })
    })
  const measured = await rate(seconds, write)
  await worker.terminate()
  return measured
}

/** The engine alone against the raw rate: raw, engine, raw, in folders of their own. */
export async function benchEngine(report: Report, parent: string, seconds: number): Promise<void> {
  const folder = mkdtempSync(join(parent, 'engine-'))
  const before = await rawRate(join(folder, 'raw-before.db'), seconds)
  const ours = await engineRate(join(folder, 'engine'), seconds)
  const after = await rawRate(join(folder, 'raw-after.db'), seconds)
  report.plain('engine alone, 64 writers', ours, 'commits/s')
  report.plain('raw group commit, before and after', (before + after) / 2, 'commits/s')
  report.ratio('engine against the raw group-commit rate', ours / ((before + after) / 2), { min: 0.75 })
  rmSync(folder, { recursive: true, force: true })
}
