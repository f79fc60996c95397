import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { insert } from '../../kernel/change.ts'
import { aNote, entities, meta, Note, newSigner } from '../contract/harness.ts'
import type { Storage } from '../port.ts'
import { sqlite } from './engine.ts'

let folder = ''
let storage: Storage
/** Made before the engine's own, so that its messages are handled in the same pass of the loop as an acknowledgement, just before it. */
let early: MessageChannel

beforeEach(async () => {
  early = new MessageChannel()
  early.port2.on('message', () => {})
  folder = mkdtempSync(join(tmpdir(), 'holdfast-snapshot-'))
  storage = sqlite({ folder, entities })
  await storage.open()
  await storage.setSigner(newSigner())
})
afterEach(async () => {
  early.port1.close()
  await storage.close()
  rmSync(folder, { recursive: true, force: true })
})

test('a read that shares its turn with an older read sees every commit that was acknowledged in between', async () => {
  const store = storage.tenant('t')
  // reads in the phase of the loop in which acknowledgements come too, each holding the loop until the writer is done
  const { port1, port2 } = early
  const older: Promise<unknown>[] = []
  port2.on('message', () => {
    older.push(store.get(Note, 'absent'))
    for (const until = performance.now() + 4; performance.now() < until; );
  })
  let missed = 0
  for (let n = 0; n < 100; n++) {
    const commit = store.commit([insert(Note, aNote(`${n}`, 'text'))], meta)
    setImmediate(() => port1.postMessage(null))
    await commit
    if ((await store.get(Note, `${n}`)) === null) missed += 1
  }
  await Promise.all(older)
  expect(missed).toBe(0)
})

test('the shared read ends with its turn, so that the write-ahead log can be taken back', async () => {
  const store = storage.tenant('t')
  for (let n = 0; n < 50; n++) {
    await store.get(Note, 'absent')
    await store.commit([insert(Note, aNote(`${n}`, 'x'.repeat(2000)))], meta)
  }
  await storage.close()
  expect(readdirSync(folder)).not.toContain('holdfast.db-wal')
})
