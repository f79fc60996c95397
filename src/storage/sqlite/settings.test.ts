import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { insert } from '../../kernel/change.ts'
import { aMember, aNote, entities, Member, meta, Note, newSigner } from '../contract/harness.ts'
import { assertSettings, connect, isRecent } from './connection.ts'
import { sqlite } from './engine.ts'
import { networkFileSystem } from './folder.ts'
import { openQueue } from './queue.ts'
import { shapeOf } from './schema.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-settings-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const file = () => join(folder, 'holdfast.db')

async function stored(notes: number): Promise<void> {
  const storage = sqlite({ folder, entities })
  await storage.open()
  await storage.setSigner(newSigner())
  await Promise.all(
    Array.from({ length: notes }, (_, n) => storage.tenant('t').commit([insert(Note, aNote(`${n}`, 'x'.repeat(500)))], meta)),
  )
  await storage.close()
}

test('sets and reads back what durability rests on, on connections that write and that read', () => {
  const writing = connect(file())
  const reading = connect(file(), { readonly: true })

  for (const db of [writing, reading]) {
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal')
    expect(db.pragma('synchronous', { simple: true })).toBe(2)
    expect(db.pragma('foreign_keys', { simple: true })).toBe(1)
    expect(db.pragma('trusted_schema', { simple: true })).toBe(0)
    db.close()
  }
})

test.each([
  'synchronous = NORMAL',
  'foreign_keys = OFF',
  'trusted_schema = ON',
  'cell_size_check = OFF',
  'journal_mode = DELETE',
  'wal_autocheckpoint = 1000',
])('finds out a connection with %s', (pragma) => {
  const db = connect(file())
  expect(() => assertSettings(db)).not.toThrow()
  db.pragma(pragma)
  expect(() => assertSettings(db)).toThrow('did not accept')
  db.close()
})

test.each([
  ['3.51.3', true],
  ['3.51.2', false],
  ['3.50.9', false],
  ['3.52.0', true],
  ['4.0.0', true],
  ['2.99.99', false],
])('says whether SQLite %s is recent enough', (version, expected) => {
  expect(isRecent(version)).toBe(expected)
})

test.each<[number, string | null]>([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xff534d42 | 0, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x1021997, '9P'],
  [0xef53, null],
  [0x1021994, null],
  [0x58465342, null],
  [0x9123683e, null],
  [0x794c7630, null],
])('knows the file system of type %i as %s', (type, expected) => {
  expect(networkFileSystem(type)).toBe(expected)
})

test('keeps folder and files to its own user, whatever they were', async () => {
  chmodSync(folder, 0o755)
  await stored(1)
  const mode = (path: string): number => statSync(path).mode & 0o777
  expect(mode(folder)).toBe(0o700)
  for (const name of ['holdfast.db', 'holdfast.lock', 'holdfast.pid']) expect(mode(join(folder, name))).toBe(0o600)

  for (const name of ['holdfast.db', 'holdfast.lock']) chmodSync(join(folder, name), 0o644)
  chmodSync(folder, 0o755)
  const storage = sqlite({ folder, entities })
  await storage.open()
  for (const name of ['holdfast.db', 'holdfast.lock', 'holdfast.db-wal', 'holdfast.db-shm']) expect(mode(join(folder, name))).toBe(0o600)
  expect(mode(folder)).toBe(0o700)
  await storage.close()
})

test("leaves the modes of somebody else's folder alone", async () => {
  writeFileSync(join(folder, 'other'), '')
  chmodSync(folder, 0o755)
  await stored(0)

  expect(statSync(folder).mode & 0o777).toBe(0o755)
})

test('makes a folder of several levels', async () => {
  folder = join(folder, 'a', 'b')
  await stored(1)

  expect(statSync(folder).mode & 0o777).toBe(0o700)
})

test('says what to do about a data folder that is a file', async () => {
  const path = join(folder, 'file')
  writeFileSync(path, '')

  await expect(sqlite({ folder: path, entities }).open()).rejects.toMatchObject({
    code: 'folder_unusable',
    message: expect.stringContaining('HOLDFAST_DATA'),
  })
})

test.each<[string, (path: string) => void]>([
  ['is no database', (path) => writeFileSync(path, 'nothing that SQLite wrote'.repeat(1_000))],
  ['lost its end', (path) => writeFileSync(path, readFileSync(path).subarray(0, statSync(path).size / 2))],
  [
    'has a page of noise',
    (path) => {
      const descriptor = openSync(path, 'r+')
      writeSync(descriptor, Buffer.alloc(4096, 0xa5), 0, 4096, 4096 * 20)
      closeSync(descriptor)
    },
  ],
])('refuses a file that %s, with advice, and leaves it as it is', async (_, damage) => {
  await stored(500)
  damage(file())
  const before = readFileSync(file())

  await expect(sqlite({ folder, entities }).open()).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'storage_damaged',
    message: expect.stringContaining('bin/holdfast restore'),
  })

  expect(readFileSync(file()).equals(before)).toBe(true)
})

test('lets go of the folder when it cannot be opened', async () => {
  writeFileSync(file(), 'nothing that SQLite wrote'.repeat(1_000))
  await expect(sqlite({ folder, entities }).open()).rejects.toMatchObject({ code: 'storage_damaged' })
  rmSync(file())

  await stored(1)
})

test('leaves one database file behind when it is closed', async () => {
  await stored(50)

  expect(existsSync(`${file()}-wal`)).toBe(false)
})

test('stores each field in a column of its own that SQL can read', async () => {
  const storage = sqlite({ folder, entities })
  await storage.open()
  await storage.setSigner(newSigner())
  const member = aMember({ isActive: false, settings: { tags: ['b'], nested: { z: 1, a: 2 } } })
  await storage.tenant('t').commit([insert(Member, member)], meta)
  await storage.close()

  const db = new Database(file(), { readonly: true })
  expect(db.prepare('SELECT tenant_id, id, username, username_key, is_active, settings, created_at FROM members').get()).toEqual({
    tenant_id: 't',
    id: member.id,
    username: member.username,
    username_key: member.usernameKey,
    is_active: 0,
    settings: '{"nested":{"a":2,"z":1},"tags":["b"]}',
    created_at: member.createdAt,
  })
  expect(db.prepare('SELECT stream, sequence FROM log').all()).toEqual([{ stream: 't', sequence: 1 }])
  db.close()
})

test('refuses commits before a signer is set', async () => {
  const storage = sqlite({ folder, entities })
  await storage.open()

  await expect(storage.tenant('t').commit([insert(Note, aNote('x'))], meta)).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'storage_not_ready',
  })

  await storage.close()
})

test('rejects everything that waits, and all that follows, when the writer dies', async () => {
  await stored(1)
  const deaths: Error[] = []
  const queue = openQueue({
    file: file(),
    shapes: entities.map(shapeOf),
    onDurable: () => {},
    onCommit: () => {},
    onDeath: (error) => deaths.push(error),
  })
  await queue.ready

  const waiting = [queue.commit(null as never), queue.commit(['t', 't', '', ['', '', ''], []])]

  const unavailable = { status: 'rejected', reason: expect.objectContaining({ kind: 'unavailable', code: 'storage_failed' }) }
  expect(await Promise.allSettled(waiting)).toEqual([unavailable, unavailable])
  await expect(queue.commit(['t', 't', '', ['', '', ''], []])).rejects.toMatchObject({ code: 'storage_failed' })
  expect(queue.isDead()).toBe(true)
  expect(deaths).toHaveLength(1)
  await queue.close()
})

test('commits that wait together share one fsync', async () => {
  const storage = sqlite({ folder, entities })
  await storage.open()
  await storage.setSigner(newSigner())
  await storage.tenant('t').commit([], meta)
  const before = storage.stats()

  await Promise.all(Array.from({ length: 100 }, (_, n) => storage.tenant('t').commit([insert(Note, aNote(`${n}`))], meta)))

  const after = storage.stats()
  expect(after.commits - before.commits).toBe(100)
  expect(after.fsyncs - before.fsyncs).toBeLessThanOrEqual(3)
  const [then, now] = [before.fsyncTime, after.fsyncTime]
  expect((now?.count ?? 0) - (then?.count ?? 0)).toBe(after.groups - before.groups)
  expect(now?.seconds ?? 0).toBeGreaterThan(then?.seconds ?? 0)
  expect((now?.seconds ?? 0) - (then?.seconds ?? 0)).toBeLessThan(after.commitSeconds - before.commitSeconds)
  expect(after.largestGroup).toBeGreaterThanOrEqual(50)
  await storage.close()
})

test('goes on when a listener throws, and tells of it', async () => {
  const problems: Error[] = []
  const storage = sqlite({ folder, entities, onProblem: (error) => problems.push(error) })
  await storage.open()
  await storage.setSigner(newSigner())
  const told: number[] = []
  storage.watch(() => {
    throw new Error('a listener of no use')
  })
  storage.watch(({ sequence }) => told.push(sequence))

  await storage.tenant('t').commit([], meta)
  await storage.tenant('t').commit([], meta)

  expect(told).toEqual([1, 2])
  expect(problems.map((problem) => problem.message)).toEqual(['a listener of no use', 'a listener of no use'])
  mkdirSync(join(folder, 'unused'))
  await storage.close()
})
