import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { anyErasure, entryProblem, firstHash, isSignedHead } from '../audit/chain.ts'
import { platformTenant } from '../storage/port.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { covering, listSegments } from './coverage.ts'
import { folderTarget } from './folder/target.ts'
import { type BackupKeys, backupKeysOf } from './keys.ts'
import { readSegment } from './segment.ts'
import { createShipper, type Shipper } from './ship.ts'
import { backupSigner, isSignedBy } from './signature.ts'

const masterKey = Buffer.alloc(32, 5)
const backupKeys = await backupKeysOf(masterKey, [])
const { identity } = backupKeys.current

let server: TestServer
let token: string
let folder: string
let shipper: Shipper

function newShipper(into = folder, mode: 'async' | 'sync' = 'async', keys: BackupKeys = backupKeys): Shipper {
  const { storage, services, clock } = server.holdfast.runtime
  return createShipper({
    storage,
    logKeys: services.keys,
    keys,
    log: services.log,
    clock,
    mode,
    targets: [folderTarget(into)],
  })
}

beforeEach(async () => {
  server = await startTestServer()
  token = await server.signIn()
  folder = join(mkdtempSync(join(tmpdir(), 'holdfast-ship-')), 'backups')
  shipper = newShipper()
})
afterEach(async () => {
  await shipper.stop()
  await server.close()
  rmSync(join(folder, '..'), { recursive: true, force: true })
})

const createUser = (username: string) => server.send('POST', '/v1/users', { token, body: { username } })

async function streams(): Promise<{ stream: string; tenantId: string; sequence: number; hash: string }[]> {
  return (await server.holdfast.runtime.storage.platform().heads({ limit: 200 })).items
}

/** Every entry of a stream as the target has it, checked as a chain up to a signed head. */
async function shipped(stream: string): Promise<number> {
  const target = folderTarget(folder)
  const { chosen, end } = covering((await listSegments(target, stream)).get(stream) ?? [])
  let before = { sequence: 0, hash: firstHash }
  for (const { name, first } of chosen) {
    const segment = await readSegment((await target.read(name)) ?? emptyBody(), [identity], name)
    expect(segment.entries[0]?.entry.sequence).toBe(first)
    for (const logged of segment.entries) {
      if (logged.entry.sequence <= before.sequence) continue
      expect(entryProblem(logged, stream, before, anyErasure)).toBeNull()
      before = { sequence: logged.entry.sequence, hash: logged.hash }
    }
    expect(segment.head).toMatchObject({ stream, sequence: segment.entries.at(-1)?.entry.sequence, hash: segment.entries.at(-1)?.hash })
    expect(isSignedHead(segment.head, server.holdfast.keys.logKeys())).toBe(true)
  }
  expect(before.sequence).toBe(end)
  return end
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}

async function expectAllShipped(): Promise<void> {
  for (const { stream, sequence } of await streams()) expect([stream, await shipped(stream)]).toEqual([stream, sequence])
}

test('what was there before and what comes is shipped, each stream without a gap', async () => {
  shipper.start()
  await shipper.flush()
  await expectAllShipped()
  await createUser('ann')
  await createUser('ben')
  await shipper.flush()
  await expectAllShipped()
  expect(await streams()).toHaveLength(2)
})

test('without a flush it follows by itself', async () => {
  shipper.start()
  await shipper.flush()
  await createUser('ann')
  const [ours] = (await streams()).filter(({ stream }) => stream !== platformTenant)
  await shipper.reached(ours?.stream ?? '', ours?.sequence ?? 0)
  await expectAllShipped()
  expect(shipper.lagSeconds()).toBe(0)
})

test('a new process goes on where the target ends, and writes nothing twice', async () => {
  shipper.start()
  await shipper.flush()
  await shipper.stop()
  const before = await Array.fromAsync(folderTarget(folder).list('log/'))
  await createUser('ann')
  shipper = newShipper()
  await shipper.flush()
  await expectAllShipped()
  const after = await Array.fromAsync(folderTarget(folder).list('log/'))
  expect(after).toHaveLength(before.length + 1)
})

test('a missing segment is written again', async () => {
  shipper.start()
  for (const username of ['ann', 'ben', 'cid']) {
    await createUser(username)
    await shipper.flush()
  }
  await shipper.stop()
  const target = folderTarget(folder)
  const ours = (await streams()).find(({ stream }) => stream !== platformTenant)?.stream ?? ''
  const segments = (await listSegments(target, ours)).get(ours) ?? []
  expect(segments.length).toBeGreaterThan(2)
  await target.remove(segments[1]?.name ?? '')
  shipper = newShipper()
  await shipper.flush()
  await expectAllShipped()
})

test('an outage holds up nobody, is told, and is caught up with', async () => {
  shipper.start()
  await shipper.flush()
  renameSync(folder, `${folder}.away`)
  writeFileSync(folder, '')
  expect((await createUser('ann')).status).toBe(201)
  await expect(shipper.flush()).rejects.toMatchObject({ code: 'target_unreachable' })
  expect(shipper.lagSeconds()).toBeGreaterThan(0)
  await createUser('ben')
  await new Promise((resolve) => setTimeout(resolve, 600))
  expect(shipper.problems()[0]?.problem).toContain('cannot be used')
  rmSync(folder)
  renameSync(`${folder}.away`, folder)
  await shipper.flush()
  await expectAllShipped()
  expect(shipper.problems()[0]?.problem).toBeNull()
})

test('heads are anchored with a stop, signed twice and without a word about anybody', async () => {
  shipper.start()
  await createUser('ann')
  await shipper.stop()
  for (const { stream, sequence, hash } of await streams()) {
    const names = readdirSync(join(folder, 'heads', stream)).sort()
    const anchor = JSON.parse(readFileSync(join(folder, 'heads', stream, names.at(-1) ?? ''), 'utf8'))
    expect(anchor.head).toMatchObject({ stream, sequence, hash })
    expect(isSignedBy([backupSigner(masterKey).publicKey], anchor)).toBe(true)
    expect(isSignedHead(anchor.head, server.holdfast.keys.logKeys())).toBe(true)
  }
})

test('a target of another instance, or of another key, is left alone', async () => {
  await shipper.flush()
  const other = await startTestServer()
  try {
    const { storage, services, clock } = other.holdfast.runtime
    const parts = { storage, logKeys: services.keys, keys: backupKeys, log: services.log, clock, mode: 'async' as const }
    const foreign = createShipper({ ...parts, targets: [folderTarget(folder)] })
    await expect(foreign.flush()).rejects.toMatchObject({ code: 'target_foreign' })
    await foreign.stop()
  } finally {
    await other.close()
  }
  const changedKey = newShipper(folder, 'async', await backupKeysOf(Buffer.alloc(32, 6), []))
  await expect(changedKey.flush()).rejects.toMatchObject({ code: 'target_foreign' })
  await changedKey.stop()
  await expectAllShipped()
})

test('one target that fails holds up no other', async () => {
  const blocked = join(folder, '..', 'blocked')
  writeFileSync(blocked, '')
  const { storage, services, clock } = server.holdfast.runtime
  const targets = [folderTarget(blocked), folderTarget(folder)]
  const both = createShipper({ storage, logKeys: services.keys, keys: backupKeys, log: services.log, clock, mode: 'sync', targets })
  both.start()
  await createUser('ann')
  for (const { stream, sequence } of await streams()) await both.reached(stream, sequence)
  await expectAllShipped()
  expect(both.problems().map(({ problem }) => problem === null)).toEqual([false, true])
  await both.stop()
})
