import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { sha256 } from '../../kernel/canonical.ts'
import { Counter, insert } from '../../kernel/change.ts'
import { aNote, entities, meta, Note, newId, newSigner } from '../contract/harness.ts'
import { sqlite } from './engine.ts'

const script = fileURLToPath(new URL('./killed-writer.ts', import.meta.url))
const ends: (() => void)[] = []

afterEach(() => {
  for (const end of ends.splice(0).reverse()) end()
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-crash-'))
  ends.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Starts the writer and waits until it says `open` and has acknowledged `commits` commits. */
async function startWriter(
  folder: string,
  tenant: string,
  commits: number,
): Promise<{ child: ChildProcess; acknowledged: Map<number, string> }> {
  const child = spawn(process.execPath, [script, folder, tenant, commits === 0 ? '0' : '16'], { stdio: ['ignore', 'pipe', 'inherit'] })
  ends.push(() => child.kill('SIGKILL'))
  const acknowledged = new Map<number, string>()
  const lines = createInterface({ input: child.stdout })
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error('The writer ended by itself')))
    lines.on('line', (line) => {
      const [sequence = '', id] = line.split(' ')
      if (id !== undefined) acknowledged.set(Number(sequence), id)
      if (acknowledged.size >= commits) resolve()
    })
  })
  return { child, acknowledged }
}

async function kill(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}

test('refuses a folder that another process holds, at once, and names the process', async () => {
  const folder = newFolder()
  const { child } = await startWriter(folder, newId(), 0)

  const start = performance.now()
  const refused = sqlite({ folder, entities }).open()

  await expect(refused).rejects.toMatchObject({
    kind: 'conflict',
    code: 'folder_in_use',
    message: expect.stringContaining(`process ${child.pid}`),
  })
  expect(performance.now() - start).toBeLessThan(3_000)
})

test('opens a folder again as soon as its holder was killed', async () => {
  const folder = newFolder()
  const { child } = await startWriter(folder, newId(), 0)
  await kill(child)

  const storage = sqlite({ folder, entities })
  await storage.open()
  await storage.close()
})

test('refuses a second engine in the same process, and the first keeps its lock and its data', async () => {
  const folder = newFolder()
  const first = sqlite({ folder, entities })
  await first.open()
  await first.setSigner(newSigner())

  await expect(sqlite({ folder, entities }).open()).rejects.toMatchObject({ code: 'folder_in_use' })
  const other = spawn(process.execPath, [script, folder, newId(), '0'], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [code] = await once(other, 'exit')
  expect(code).not.toBe(0)

  await first.tenant(newId()).commit([insert(Note, aNote('still mine'))], meta)
  await first.close()
})

test('loses nothing that was acknowledged when it is killed while it writes', async () => {
  const folder = newFolder()
  const tenantId = newId()
  const expected = new Map<number, string>()
  for (let cycle = 0; cycle < 4; cycle += 1) {
    const { child, acknowledged } = await startWriter(folder, tenantId, 150 + cycle * 70)
    await kill(child)
    for (const [sequence, id] of acknowledged) expected.set(sequence, id)
  }

  const storage = sqlite({ folder, entities })
  await storage.open()
  ends.push(() => void storage.close())
  const tenant = storage.tenant(tenantId)

  expect(await storage.check()).toEqual([])
  let previous = '0'.repeat(64)
  let sequence = 0
  for (let page = await tenant.log(null, 0, 1_000); page.length > 0; page = await tenant.log(null, sequence, 1_000)) {
    for (const { entry, text, hash } of page) {
      sequence += 1
      expect(entry).toMatchObject({ sequence, previousHash: previous })
      expect(hash).toBe(sha256(previous + text))
      previous = hash
      const id = entry.changes[0]?.id ?? ''
      expect(expected.get(sequence) ?? id).toBe(id)
      expect(await tenant.get(Counter, id)).not.toBeNull()
    }
  }
  expect(sequence).toBeGreaterThanOrEqual(Math.max(...expected.keys()))
  expect(await tenant.count(Counter, {})).toBe(sequence)
  expect(await tenant.head()).toMatchObject({ sequence, hash: previous })
  await storage.close()
})

/** A file system of a few megabytes, or null where one may not be mounted. */
function smallDisk(): string | null {
  const folder = newFolder()
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return null
  }
  ends.push(() => execFileSync('/bin/umount', ['-l', folder]))
  return folder
}

test('says no_space on a full disk, keeps what was acknowledged, reads on, and writes again once there is space', async (context) => {
  const disk = smallDisk()
  if (disk === null) {
    console.warn('NOT RUN: the full disk of SQLite needs root, to mount a small tmpfs')
    return context.skip()
  }
  const folder = join(disk, 'data')
  const ballast = join(disk, 'ballast')
  mkdirSync(folder)
  writeFileSync(ballast, Buffer.alloc(2_000_000))
  const storage = sqlite({ folder, entities })
  await storage.open()
  ends.push(() => void storage.close())
  await storage.setSigner(newSigner())
  const tenant = storage.tenant(newId())
  const kept: string[] = []
  const write = async (n: number): Promise<void> => {
    const note = aNote(`note ${n}`, 'x'.repeat(20_000))
    await tenant.commit([insert(Note, note)], meta)
    kept.push(note.id)
  }

  for (let round = 0; round < 3; round += 1) {
    const results: PromiseSettledResult<void>[] = []
    for (let n = 0; n < 200 && !results.some((result) => result.status === 'rejected'); n += 5) {
      results.push(...(await Promise.allSettled([0, 1, 2, 3, 4].map((k) => write(round * 1_000 + n + k)))))
    }
    const refused = results.filter((result) => result.status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    for (const { reason } of refused) expect(reason).toMatchObject({ kind: 'no_space', code: 'no_space', status: 507 })
    expect(await tenant.count(Note, {})).toBe(kept.length)
    for (const id of kept) expect(await tenant.get(Note, id)).not.toBeNull()

    // room for some more each round, without a restart
    writeFileSync(ballast, Buffer.alloc(1_200_000 - round * 400_000))
    await write(round * 1_000 + 999)
  }

  const entries = await tenant.log(null, 0, 1_000)
  expect(entries.map(({ entry }) => entry.changes[0]?.id)).toEqual(kept)
  expect(await tenant.head()).toMatchObject({ sequence: kept.length })
  expect(await storage.check()).toEqual([])
  await storage.close()
})
