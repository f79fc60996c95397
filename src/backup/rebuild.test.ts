import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { type IsErasure, isErasedBy, isSignedHead } from '../audit/chain.ts'
import { add, type Change, insert, patched, remove, update } from '../kernel/change.ts'
import { createClock } from '../kernel/clock.ts'
import { aMember, aNote, entities, Member, meta, Note, newId, newSigner } from '../storage/contract/harness.ts'
import type { Head, Storage, StoredRow } from '../storage/port.ts'
import { leafOf, signingOf, signLeaves } from '../storage/signing.ts'
import { sqlite } from '../storage/sqlite/engine.ts'
import { sqliteView } from '../storage/sqlite/view.ts'
import { folderTarget } from './folder/target.ts'
import { backupKeysOf } from './keys.ts'
import type { Manifest } from './manifest.ts'
import { rebuild } from './rebuild.ts'
import { createShipper } from './ship.ts'
import { writeSnapshot } from './snapshot.ts'

const backupKeys = await backupKeysOf(Buffer.alloc(32, 5), [])
const { recipient, identity, signer } = backupKeys.current
const identities = [identity]
const isOurs = (head: Head) => isSignedHead(head, keys.logKeys())
const isErasure: IsErasure = (entry) => isErasedBy(keys.logKeys())(entry)
const root = mkdtempSync(join(tmpdir(), 'holdfast-rebuild-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const key = newSigner()
let made = 0
const path = () => join(root, String(++made))

async function opened(folder = path()): Promise<Storage & { folder: string }> {
  const storage = sqlite({ folder, entities })
  await storage.open()
  return { ...storage, folder }
}

const log = { info() {}, warn() {}, error() {} }
const keys = {
  signHead(head: { stream: string; sequence: number; hash: string; time: string }): Head {
    const leaves = [leafOf(head.stream, head)]
    return { ...head, leaves, kid: key.kid, signature: signLeaves(leaves, head.time, signingOf(key)) }
  },
  logKeys: () => new Map([[key.kid, key.publicKey]]),
}

function shipperOf(storage: Storage, folder: string) {
  return createShipper({
    storage,
    logKeys: keys,
    keys: backupKeys,
    clock: createClock(),
    targets: [folderTarget(folder)],
    mode: 'async',
    log,
  })
}

async function snapshotOf(storage: { folder: string }, folder: string): Promise<Manifest> {
  const view = sqliteView(storage.folder, entities)
  const about = { id: `s-${++made}`, createdAt: meta.time, instance: '0'.repeat(64), holdfast: '1.0.0', engine: 'sqlite' }
  const manifest = await writeSnapshot(view, folderTarget(folder), { ...about, entities, recipients: [recipient], signer })
  await view.close()
  return manifest
}

async function everyRow(storage: Storage): Promise<Record<string, StoredRow[]>> {
  const found: Record<string, StoredRow[]> = {}
  for (const type of entities) found[type.name] = (await storage.transfer().rows(type, { limit: 1_000 })).items
  return found
}

async function everyEntry(storage: Storage) {
  const heads = (await storage.platform().heads({ limit: 200 })).items
  return Promise.all(
    heads.map(async ({ tenantId, stream, ...head }) => ({ stream, head, entries: await storage.tenant(tenantId).log(stream, 0, 1_000) })),
  )
}

/** A few things that can be done to a tenant. */
type Step = { tenant: number; what: 'member' | 'patch' | 'note' | 'unnote' | 'renote' | 'count'; n: number }
const step: fc.Arbitrary<Step> = fc.record({
  tenant: fc.integer({ min: 0, max: 1 }),
  what: fc.constantFrom('member', 'patch', 'note', 'unnote', 'renote', 'count'),
  n: fc.integer({ min: 0, max: 3 }),
})

async function take(storage: Storage, tenants: readonly string[], { tenant, what, n }: Step): Promise<void> {
  const store = storage.tenant(tenants[tenant] ?? '')
  const changes: Change[] = []
  const id = `note-${n}`
  const note = await store.get(Note, id)
  const [member] = (await store.list(Member, { limit: 1 })).items
  if (what === 'member')
    changes.push(insert(Member, aMember({ number: await store.next('member'), password: `p${n}`, recovery: ['a', String(n)] })))
  if (what === 'patch' && member !== undefined)
    changes.push(update(Member, member, patched(Member, member, { password: `new ${n}`, score: n }, meta.time)))
  if (what === 'note' && note === null) changes.push(insert(Note, aNote(id, `first ${n}`)))
  if (what === 'renote' && note !== null) changes.push(update(Note, note, patched(Note, note, { text: `again ${n}` }, meta.time)))
  if (what === 'unnote' && note !== null) changes.push(remove(Note, note))
  if (what === 'count') changes.push(add('seats', n, meta.time))
  if (changes.length > 0) await store.commit(changes, meta)
}

test('whatever was written before and after the snapshot is there again, to the letter', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), fc.integer({ min: 0, max: 14 }), async (steps, at) => {
      const storage = await opened()
      await storage.setSigner(key)
      const platform = storage.platform()
      await platform.commit([insert(Note, aNote('first'))], meta)
      const tenants = [newId(), newId()]
      const folder = path()
      const shipper = shipperOf(storage, folder)
      let manifest: Manifest | null = null
      for (const [index, each] of steps.entries()) {
        if (index === at) manifest = await snapshotOf(storage, folder)
        await take(storage, tenants, each)
        if (index % 3 === 0) await shipper.flush()
      }
      manifest ??= await snapshotOf(storage, folder)
      await shipper.stop()
      const into = await opened()
      await rebuild({ target: folderTarget(folder), manifest, identities, entities, into, isOurs, isErasure })
      expect(await everyRow(into)).toEqual(await everyRow(storage))
      expect(await everyEntry(into)).toEqual(await everyEntry(storage))
      for (const tenant of tenants) expect(await into.tenant(tenant).next('member')).toBe(await storage.tenant(tenant).next('member'))
      await into.setSigner(key)
      await into.tenant(tenants[0] ?? '').commit([add('seats', 1, meta.time)], meta)
      await Promise.all([storage.close(), into.close()])
    }),
    { numRuns: 12 },
  )
})

test('a run that was interrupted is done again; a storage with data is left alone', async () => {
  const storage = await opened()
  await storage.setSigner(key)
  const tenant = newId()
  await storage.platform().commit([insert(Note, aNote('first'))], meta)
  await storage.tenant(tenant).commit([insert(Member, aMember()), insert(Member, aMember())], meta)
  const folder = path()
  const manifest = await snapshotOf(storage, folder)
  await storage.tenant(tenant).commit([insert(Note, aNote('after'))], meta)
  const shipper = shipperOf(storage, folder)
  await shipper.stop()
  await shipper.flush()
  const into = await opened()
  const target = folderTarget(folder)
  const failing = {
    ...target,
    read: (name: string) => (name.startsWith(`log/${tenant}`) ? Promise.reject(new Error('pulled')) : target.read(name)),
  }
  const parts = { manifest, identities, entities, into, isOurs, isErasure }
  await expect(rebuild({ ...parts, target: failing })).rejects.toThrow('pulled')
  expect(await into.transfer().state()).toBe('loading')
  await rebuild({ ...parts, target })
  expect(await everyRow(into)).toEqual(await everyRow(storage))
  await expect(rebuild({ ...parts, target })).rejects.toMatchObject({ code: 'storage_not_empty' })
  await Promise.all([storage.close(), into.close()])
})

test('a log that does not reach the snapshot is refused', async () => {
  const storage = await opened()
  await storage.setSigner(key)
  await storage.platform().commit([insert(Note, aNote('first'))], meta)
  const folder = path()
  const shipper = shipperOf(storage, folder)
  await shipper.flush()
  await storage.platform().commit([insert(Note, aNote('second'))], meta)
  const manifest = await snapshotOf(storage, folder)
  const into = await opened()
  await expect(rebuild({ target: folderTarget(folder), manifest, identities, entities, into, isOurs, isErasure })).rejects.toMatchObject({
    code: 'backup_incomplete',
  })
  await Promise.all([shipper.stop(), storage.close(), into.close()])
})
