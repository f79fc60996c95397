import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { insert } from '../kernel/change.ts'
import { aMember, entities, Member, meta, newId, newSigner } from '../storage/contract/harness.ts'
import type { Storage } from '../storage/port.ts'
import { sqlite } from '../storage/sqlite/engine.ts'
import type { Moved } from './run.ts'
import { contentOf, createWriter, type Write } from './testing/storages.ts'

const script = fileURLToPath(new URL('./testing/killed-mover.ts', import.meta.url))

/** Runs a move and kills it at its n-th step, or some milliseconds after the first one. Resolves to what it said at its end, or null when it was killed before. */
async function run(from: string, to: string, kill: { step: number } | { ms: number } | null): Promise<Moved | null> {
  const child = spawn(process.execPath, [script, from, to], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = new Promise((resolve) => child.once('close', resolve))
  let steps = 0
  let said: Moved | null = null
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) said = JSON.parse(line) as Moved
    else steps += 1
    if (kill !== null && 'step' in kill && steps === kill.step) child.kill('SIGKILL')
    if (kill !== null && 'ms' in kill && steps === 1) setTimeout(() => child.kill('SIGKILL'), kill.ms)
  })
  await closed
  return said
}

async function withStorage<T>(folder: string, work: (storage: Storage) => Promise<T>): Promise<T> {
  const storage = sqlite({ folder, entities })
  await storage.open()
  try {
    await storage.setSigner(newSigner())
    return await work(storage)
  } finally {
    await storage.close()
  }
}

const kinds: readonly Write['kind'][] = ['insert', 'rename', 'swap', 'remove', 'note', 'count', 'document']

test('a move that is killed again and again, its source written to in between, ends in an equal copy', { timeout: 180_000 }, async () => {
  const parent = mkdtempSync(join(tmpdir(), 'holdfast-move-kill-'))
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }))
  const [from, to] = [join(parent, 'from'), join(parent, 'to')]
  await withStorage(from, async (storage) => {
    for (let n = 0; n < 12; n += 1)
      await storage.tenant(newId()).commit(
        Array.from({ length: 400 }, () => insert(Member, aMember({ password: 'hash' }))),
        meta,
      )
    await storage.platform().commit([], meta)
  })
  let random = 1
  const next = (below: number): number => {
    random = (random * 48_271) % 2_147_483_647
    return random % below
  }
  const kills = [{ step: 1 }, { step: 3 }, { ms: next(40) }, { step: 9 }, { ms: next(120) }, { step: 14 }, { ms: next(250) }, { step: 20 }]
  let killed = 0
  let isEnded = false
  let moved: Moved | null = null
  for (const kill of kills) {
    moved = await run(from, to, kill)
    if (moved !== null) break
    killed += 1
    // the kill met a move that had just ended, and only its last words were lost
    isEnded = 'ms' in kill && (await withStorage(to, (storage) => storage.transfer().state())) === 'ready'
    if (isEnded) break
    await withStorage(from, async (storage) => {
      const writer = createWriter(storage)
      for (let n = 0; n < 25; n += 1)
        await writer.write({ kind: kinds[next(kinds.length)] ?? 'note', tenant: next(3), row: next(12), key: next(4) })
    })
  }
  if (!isEnded) moved ??= await run(from, to, null)

  expect(killed).toBeGreaterThan(isEnded ? 0 : 4)
  if (!isEnded) expect(moved).toMatchObject({ equal: true, resumed: true })
  expect(await withStorage(to, contentOf)).toEqual(await withStorage(from, contentOf))
  const state = await withStorage(to, async (storage) => [await storage.check(), await storage.transfer().state()])
  expect(state).toEqual([[], 'ready'])
})
