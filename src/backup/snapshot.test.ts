import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { insert } from '../kernel/change.ts'
import { aMember, entities, Member, meta, newId, newSigner } from '../storage/contract/harness.ts'
import type { Storage } from '../storage/port.ts'
import { sqlite } from '../storage/sqlite/engine.ts'
import { sqliteView } from '../storage/sqlite/view.ts'
import { folderTarget } from './folder/target.ts'
import { type Manifest, readManifest } from './manifest.ts'
import { segmentName } from './names.ts'
import { prove } from './prove.ts'
import { loadSnapshot } from './read-snapshot.ts'
import { recoveryKeyOf } from './recovery-key.ts'
import { packSegment } from './segment.ts'
import { backupSigner } from './signature.ts'
import { writeSnapshot } from './snapshot.ts'
import type { Target } from './target.ts'

const { recipient, identity } = await recoveryKeyOf(Buffer.alloc(32, 5))
const signer = backupSigner(Buffer.alloc(32, 5))
const identities = [identity]
const opening = { identities, publicKeys: [signer.publicKey] }
const root = mkdtempSync(join(tmpdir(), 'holdfast-snapshot-'))
const tenants = [newId(), newId()]
const id = 's-1'

let storage: Storage
let target: Target
let manifest: Manifest
let made = 0

const folder = () => join(root, `scratch-${++made}`)

async function opened(path = folder()): Promise<Storage> {
  const scratch = sqlite({ folder: path, entities })
  await scratch.open()
  return scratch
}

beforeAll(async () => {
  const path = folder()
  storage = await opened(path)
  await storage.setSigner(newSigner())
  for (const tenant of tenants)
    for (let n = 0; n < 30; n += 1)
      await storage
        .tenant(tenant)
        .commit(
          [
            insert(
              Member,
              aMember({ password: `secret ${n}`, settings: { tags: ['ä', '\u2028'], nested: { b: 1, a: [null, 1.5] } }, number: n + 1 }),
            ),
          ],
          meta,
        )
  target = folderTarget(join(root, 'target'))
  await target.open()
  for (const tenantId of tenants) {
    const entries = await storage.tenant(tenantId).log(null, 0, 1_000)
    const head = await storage.tenant(tenantId).head()
    if (head !== null) await target.put(segmentName(tenantId, 1, head.sequence), packSegment({ tenantId, entries, head }, [recipient]))
  }
  const view = sqliteView(path, entities)
  const about = { id, createdAt: meta.time, instance: '0'.repeat(64), holdfast: '1.0.0', engine: 'sqlite' }
  manifest = await writeSnapshot(view, target, { ...about, entities, recipients: [recipient], signer })
  await view.close()
})
afterAll(async () => {
  await storage.close()
  rmSync(root, { recursive: true, force: true })
})

async function proof(from: Target = target, of: Manifest = manifest) {
  const scratch = await opened()
  const result = await prove({ target: from, manifest: of, identities, entities, scratch })
  await scratch.close()
  return result
}

test('the manifest counts everything, in all and by tenant, and says where the log stood', () => {
  expect(manifest.entities).toEqual({ member: 60, note: 0, badge: 0, counter: 0 })
  expect(manifest.tenants).toEqual(Object.fromEntries(tenants.map((tenant) => [tenant, { member: 30 }])))
  expect(manifest.heads.map(({ stream, sequence }) => [stream, sequence])).toEqual([...tenants].sort().map((tenant) => [tenant, 30]))
  expect(manifest.files.map(({ part }) => part)).toEqual(['member', 'note', 'badge', 'counter', 'sequences', 'log-heads'])
})

test('it is read back as it was written, under the right key alone', async () => {
  expect(await readManifest(target, id, opening)).toEqual(manifest)
  expect(await readManifest(target, 'absent', opening)).toBeNull()
  await expect(readManifest(target, id, { identities, publicKeys: [backupSigner(Buffer.alloc(32, 6)).publicKey] })).rejects.toMatchObject({
    code: 'backup_foreign',
  })
  const other = await recoveryKeyOf(Buffer.alloc(32, 6))
  await expect(readManifest(target, id, { ...opening, identities: [other.identity] })).rejects.toMatchObject({ code: 'backup_wrong_key' })
})

test('no line of anybody stands in plain text', () => {
  for (const name of readdirSync(join(root, 'target/snapshots', id)))
    expect(readFileSync(join(root, 'target/snapshots', id, name)).includes('member 1')).toBe(false)
})

test('a good snapshot is proven', async () => {
  expect(await proof()).toMatchObject({ ok: true, id, entities: { member: 60 }, problems: [] })
})

test('every row is restored as it was, secrets and sequences too', async () => {
  const scratch = await opened()
  const transfer = scratch.transfer()
  await transfer.begin()
  expect(await loadSnapshot({ target, manifest, identities }, transfer, { entities })).toBe(60)
  await transfer.finish()
  await scratch.setSigner(newSigner('k-2'))
  for (const tenant of tenants) {
    const [wanted, found] = await Promise.all([storage, scratch].map((each) => each.tenant(tenant).list(Member, { limit: 200 })))
    expect(found?.items).toEqual(wanted?.items)
    expect(await scratch.tenant(tenant).next('member')).toBe(31)
  }
  await scratch.close()
})

test('one tenant can be restored without the others', async () => {
  const scratch = await opened()
  const transfer = scratch.transfer()
  await transfer.begin()
  expect(await loadSnapshot({ target, manifest, identities }, transfer, { entities, tenantId: tenants[0] ?? '' })).toBe(30)
  const { items } = await transfer.rows(Member, { limit: 100 })
  expect(new Set(items.map(({ tenantId }) => tenantId))).toEqual(new Set([tenants[0]]))
  await scratch.close()
})

test('a file that is missing, changed, cut, or another snapshot’s is no proof', async () => {
  const path = join(root, 'target', manifest.files[0]?.name ?? '')
  const good = readFileSync(path)
  const spoilt: [string, Buffer | null][] = [
    ['missing', null],
    ['cut', good.subarray(0, good.length - 1)],
    ['empty', Buffer.alloc(0)],
    ['changed', Buffer.concat([good.subarray(0, 300), Buffer.from([(good[300] ?? 0) ^ 1]), good.subarray(301)])],
    ['another', readFileSync(join(root, 'target', manifest.files[1]?.name ?? ''))],
  ]
  for (const [what, bytes] of spoilt) {
    if (bytes === null) rmSync(path)
    else writeFileSync(path, bytes)
    const { ok, problems } = await proof()
    expect([what, ok]).toEqual([what, false])
    expect(problems[0]?.detail).toContain(manifest.files[0]?.name)
    writeFileSync(path, good)
  }
  expect((await proof()).ok).toBe(true)
})

test('a manifest that counts otherwise, or a log that ends too early, is no proof', async () => {
  expect((await proof(target, { ...manifest, entities: { ...manifest.entities, member: 61 } })).problems).toEqual([
    { part: 'member', detail: '60 rows were restored, but 61 were saved.' },
  ])
  const [first, second] = manifest.heads
  const later = { ...manifest, heads: [{ ...first, sequence: 31 }, second] } as Manifest
  expect((await proof(target, later)).problems[0]?.detail).toContain('ends at 30')
  const forged = { ...manifest, heads: [{ ...first, hash: 'f'.repeat(64) }, second] } as Manifest
  expect((await proof(target, forged)).problems[0]?.detail).toContain('is not the one')
})

test('is proven by a newer version too, which knows a field more', async () => {
  const added = { field: 'addedLater', name: 'added_later', kind: 'text', nullable: true } as const
  const newer = entities.map((type) => (type === Member ? { ...type, columns: [...type.columns, added] } : type))
  const scratch = sqlite({ folder: folder(), entities: newer })
  await scratch.open()
  expect(await prove({ target, manifest, identities, entities: newer, scratch })).toMatchObject({ ok: true, problems: [] })
  await scratch.close()
})
