import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { aFile, newId, read } from '../contract/harness.ts'
import { folderObjects } from './objects.ts'

const script = fileURLToPath(new URL('./killed-writer.ts', import.meta.url))
const ends: (() => void)[] = []

afterEach(() => {
  for (const end of ends.splice(0).reverse()) end()
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-objects-'))
  ends.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const openAt = (folder: string) => folderObjects({ folder, signingKey: randomBytes(32), nowMs: Date.now, newId })

/** Kills a process with eight writers once it has acknowledged so many objects. Returns what it acknowledged. */
async function killedAfter(folder: string, tenantId: string, count: number): Promise<Map<string, string>> {
  const child = spawn(process.execPath, [script, folder, tenantId, '8'], { stdio: ['ignore', 'pipe', 'inherit'] })
  ends.push(() => child.kill('SIGKILL'))
  const acknowledged = new Map<string, string>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [key = '', sha256 = ''] = line.split(' ')
    acknowledged.set(key, sha256)
    if (acknowledged.size >= count) child.kill('SIGKILL')
  })
  await once(child, 'close')
  return acknowledged
}

test('a killed process leaves every acknowledged object whole, and no part of any other', async () => {
  const folder = newFolder()
  const tenantId = newId()
  const expected = new Map<string, string>()
  let abandoned = 0
  for (const count of [5, 30, 60, 41]) {
    for (const [key, sha256] of await killedAfter(folder, tenantId, count)) expected.set(key, sha256)
    abandoned = readdirSync(join(folder, '.pending')).length
  }
  const objects = openAt(folder)
  await objects.open()
  const tenant = objects.tenant(tenantId)

  // reading proves each, acknowledged or not: what is to be seen is whole
  const { items } = await tenant.list('')
  for (const { key } of items) await read(await tenant.open(key))
  for (const [key, sha256] of expected) expect(await tenant.stat(key)).toMatchObject({ sha256, size: 200_000 })
  expect(items.length).toBeGreaterThanOrEqual(expected.size)
  // the kills did hit writers in the middle of a file
  expect(abandoned).toBeGreaterThan(0)
})

test('drops what was abandoned more than a day ago, and nothing that another process may be writing', async () => {
  const folder = newFolder()
  mkdirSync(join(folder, '.pending'))
  for (const [name, ageHours] of [
    ['old', 25],
    ['young', 23],
  ] as const) {
    const path = join(folder, '.pending', name)
    writeFileSync(path, 'x')
    const at = Date.now() / 1_000 - ageHours * 3_600
    utimesSync(path, at, at)
  }

  await openAt(folder).open()

  expect(readdirSync(join(folder, '.pending'))).toEqual(['young'])
})

test('leaves nothing behind of a put that was refused or lost the race', async () => {
  const folder = newFolder()
  const tenant = openAt(folder).tenant('t')
  const { bytes, described } = aFile()
  const other = aFile()
  await tenant.put('a', bytes, described)

  await expect(tenant.put('a', other.bytes, other.described)).rejects.toMatchObject({ code: 'object_exists' })
  await expect(tenant.put('b', other.bytes, described)).rejects.toMatchObject({ code: 'object_mismatch' })

  expect(readdirSync(join(folder, '.pending'))).toEqual([])
  expect(readdirSync(join(folder, 't'))).toEqual(['a+'])
})

test('finds a file that was cut, lengthened, altered in its first line, moved to another key or to another tenant', async () => {
  const folder = newFolder()
  const objects = openAt(folder)
  const { bytes, described } = aFile()
  for (const key of ['cut', 'long', 'line', 'from', 'away', 'empty']) await objects.tenant('t').put(key, bytes, described)
  await objects.tenant('u').put('x', bytes, described)
  const path = (key: string): string => join(folder, 't', `${key}+`)
  truncateSync(path('cut'), 500)
  appendFileSync(path('long'), 'x')
  writeFileSync(path('line'), `{}\n${bytes}`)
  renameSync(path('from'), path('to'))
  renameSync(path('away'), join(folder, 'u', 'away+'))
  truncateSync(path('empty'), 0)

  for (const key of ['cut', 'long', 'line', 'to', 'empty']) {
    await expect(objects.tenant('t').stat(key), key).rejects.toMatchObject({ code: 'object_damaged' })
    await expect(objects.tenant('t').open(key), key).rejects.toMatchObject({ code: 'object_damaged' })
    await expect(objects.tenant('t').list(key), key).rejects.toMatchObject({ code: 'object_damaged' })
  }
  await expect(objects.tenant('u').stat('away')).rejects.toMatchObject({ code: 'object_damaged' })
})

test('keeps no file open that nobody reads any more', async () => {
  const tenant = openAt(newFolder()).tenant('t')
  const { bytes, described } = aFile(300_000)
  await tenant.put('a', bytes, described)
  const open = (): number => readdirSync('/proc/self/fd').length
  const before = open()
  for (let n = 0; n < 20; n += 1) {
    for (const range of [undefined, { start: 5, length: 100_000 }]) {
      ;(await tenant.open('a', range))?.body.destroy()
      await read(await tenant.open('a', range))
    }
    await tenant.stat('a')
    await tenant.list('')
    await expect(tenant.open('a', { start: 300_000, length: 1 })).rejects.toMatchObject({ code: 'range_invalid' })
    await expect(tenant.put('a', Buffer.alloc(3), described)).rejects.toMatchObject({ code: 'object_mismatch' })
  }

  await expect.poll(open).toBeLessThanOrEqual(before + 2)
})

test('says unavailable, never absent, when the folder cannot be used', async () => {
  const folder = join(newFolder(), 'objects')
  writeFileSync(folder, 'a file where the folder should be')
  const { bytes, described } = aFile()
  const objects = openAt(folder)

  await expect(objects.open()).rejects.toMatchObject({ kind: 'unavailable', code: 'objects_unavailable' })
  await expect(objects.tenant('t').put('a', bytes, described)).rejects.toMatchObject({ kind: 'unavailable' })
})

/** A file system of a few megabytes, or null where one may not be mounted. */
function smallDisk(): string | null {
  const folder = newFolder()
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return null
  }
  ends.push(() => execFileSync('/bin/umount', ['-l', folder]))
  return folder
}

test('says no_space on a full disk, keeps nothing of the refused object, and goes on once there is space', async (context) => {
  const disk = smallDisk()
  if (disk === null) {
    console.warn('NOT RUN: the full disk of the objects folder needs root, to mount a small tmpfs')
    return context.skip()
  }
  const tenant = openAt(join(disk, 'objects')).tenant('t')
  const [kept, refused] = [aFile(1_000_000), aFile(1_500_000)]
  await tenant.put('kept', kept.bytes, kept.described)

  await expect(tenant.put('refused', refused.bytes, refused.described)).rejects.toMatchObject({ kind: 'no_space', code: 'no_space' })

  expect(await tenant.stat('refused')).toBeNull()
  expect((await read(await tenant.open('kept'))).equals(kept.bytes)).toBe(true)
  await tenant.remove('kept')
  await tenant.put('refused', refused.bytes, refused.described)
})
