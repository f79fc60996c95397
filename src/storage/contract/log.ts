import { createPrivateKey, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { canonical, type Json, sha256 } from '../../kernel/canonical.ts'
import { add, Counter, check, checkAbsent, insert, patched, remove, update } from '../../kernel/change.ts'
import { erasedEntry, isSignedErasure } from '../../kernel/erased-entry.ts'
import type { Head, LoggedEntry, TenantStore } from '../port.ts'
import { aMember, aNote, chapter, Member, meta, Note, newId, now, type OpenSubject } from './harness.ts'

const later = '2026-03-01T09:00:00.000Z'
const zeros = '0'.repeat(64)

/** Recomputes a stream from its texts alone, as an auditor would. */
function expectChain(entries: readonly LoggedEntry[], stream: string): void {
  let previous = zeros
  for (const [position, { entry, text, hash, secrets }] of entries.entries()) {
    expect(entry).toMatchObject({ stream, sequence: position + 1, previousHash: previous })
    expect(text).toBe(canonical(JSON.parse(text) as Json))
    expect(JSON.parse(text)).toStrictEqual(entry)
    expect(hash).toBe(sha256(previous + text))
    expect(entry.secrets).toBe(secrets === null ? undefined : sha256(secrets))
    previous = hash
  }
}

async function only(tenant: TenantStore): Promise<LoggedEntry> {
  const entries = await tenant.log(null, 0, 10)
  expect(entries).toHaveLength(1)
  return entries[0] as LoggedEntry
}

/** The history: gap-free, chained, signed, complete but for the secrets. */
export function logLaws(open: OpenSubject): void {
  chapter('log', open, ({ fresh, platform, reopen, signer, storage }) => {
    function expectSigned(head: Head | null): void {
      if (head === null) throw new Error('There is no head')
      expect(head.kid).toBe(signer.kid)
      expect(head.leaves).toContain(sha256(`${head.stream}\n${head.sequence}\n${head.hash}\n`))
      const signed = Buffer.from(canonical({ leaves: head.leaves, time: head.time }))
      expect(verify(null, signed, signer.publicKey, Buffer.from(head.signature, 'base64url'))).toBe(true)
    }

    test.each([0, -1, 1_001, 2.5])('throws for %d entries at a time', async (limit) => {
      await expect(fresh().log(null, 0, limit)).rejects.toThrow()
    })

    test('reads as empty where nothing was written', async () => {
      expect(await fresh().log(null, 0, 1_000)).toEqual([])
      expect(await fresh().head()).toBeNull()
      expect(await fresh().head('no such stream')).toBeNull()
    })

    test('tells actor, action, subject, request, time and detail as they were given', async () => {
      const tenant = fresh()
      const said = { ...meta, entity: { type: 'member', id: 'm' }, time: later, detail: { z: [1, { b: 2, a: null }], a: 'é"' } }
      await tenant.commit([], said)

      const { entry } = await only(tenant)

      const { stream: _, ...rest } = { ...said, stream: null }
      expect(entry).toStrictEqual({ ...rest, stream: tenant.tenantId, sequence: 1, changes: [], previousHash: zeros })
    })

    test('tells an actor and a request that are nobody and none', async () => {
      const tenant = fresh()
      await tenant.commit([], { actor: { id: null, kind: 'system', name: '' }, action: 'a.b', entity: null, requestId: null, time: now })

      expect(Object.keys((await only(tenant)).entry)).toEqual([
        'action',
        'actor',
        'changes',
        'entity',
        'previousHash',
        'requestId',
        'sequence',
        'stream',
        'time',
      ])
    })

    test('tells an insert with every field that is no secret', async () => {
      const tenant = fresh()
      const member = aMember({ password: 'p4ssw0rd', isCertified: true, score: 0.1, settings: { tags: ['t'], nested: { b: 1, a: 'ü' } } })
      await tenant.commit([insert(Member, member)], meta)

      const { password: _, recovery: __, ...fields } = member
      expect((await only(tenant)).entry.changes).toStrictEqual([{ op: 'insert', type: 'member', id: member.id, fields }])
    })

    test('tells an update with what changed, the version and the time; a removal and an addition as such; a check not at all', async () => {
      const tenant = fresh()
      const [member, other, noted] = [aMember(), aMember(), aNote('n')]
      await tenant.commit([insert(Member, member), insert(Member, other), insert(Note, noted), add('seats', 2, now)], meta)
      const next = patched(Member, member, { note: 'new', isActive: false, settings: { tags: ['b'], nested: null } }, later)
      await tenant.commit(
        [check(Member, other), update(Member, member, next), add('seats', -3, later), checkAbsent(Note, 'absent'), remove(Note, noted)],
        meta,
      )

      const { entry } = (await tenant.log(null, 1, 1))[0] as LoggedEntry

      const { note, isActive, settings, version, updatedAt } = next
      expect(entry.changes).toStrictEqual([
        { op: 'update', type: 'member', id: member.id, fields: { isActive, note, settings, updatedAt, version } },
        { op: 'add', type: 'counter', id: 'seats', fields: { updatedAt: later, value: -1, version: 2 } },
        { op: 'remove', type: 'note', id: 'n', fields: {} },
      ])
      expect(entry.secrets).toBeUndefined()
    })

    test('tells version and time of an update that names neither', async () => {
      const tenant = fresh()
      const note = aNote('n')
      await tenant.commit([insert(Note, note)], meta)
      const row = { ...note, text: 'new', version: 2, updatedAt: later }
      await tenant.commit([{ op: 'update', entity: Note, row, expect: 1, fields: ['text'] }], meta)

      expect((await tenant.log(null, 1, 1))[0]?.entry.changes[0]?.fields).toStrictEqual({ text: 'new', updatedAt: later, version: 2 })
      expect(await tenant.get(Note, 'n')).toEqual(row)
    })

    test('keeps secrets apart under their salted digest', async () => {
      const tenant = fresh()
      const member = aMember({ password: 'canary-password', recovery: ['canary-code'] })
      const note = aNote('between')
      await tenant.commit([insert(Note, note), insert(Member, member)], meta)
      await tenant.commit([update(Member, member, patched(Member, member, { password: 'canary-second', note: 'x' }, later))], meta)
      await tenant.commit([remove(Note, note)], meta)

      const entries = await tenant.log(null, 0, 10)

      expectChain(entries, tenant.tenantId)
      for (const { text } of entries) expect(text).not.toContain('canary')
      const secrets = entries.map((entry) =>
        entry.secrets === null ? null : (JSON.parse(entry.secrets) as { changes: unknown[]; salt: string }),
      )
      expect(secrets.map((secret) => secret?.changes)).toStrictEqual([
        [{}, { password: 'canary-password', recovery: ['canary-code'] }],
        [{ password: 'canary-second' }],
        undefined,
      ])
      for (const { secrets: text } of entries) if (text !== null) expect(text).toBe(canonical(JSON.parse(text) as Json))
      expect(secrets[0]?.salt.length).toBeGreaterThanOrEqual(22)
      expect(secrets[0]?.salt).not.toBe(secrets[1]?.salt)
    })

    test('keeps an update that touches no secret free of them', async () => {
      const tenant = fresh()
      const member = aMember({ password: 'p' })
      await tenant.commit([insert(Member, member)], meta)
      await tenant.commit([update(Member, member, patched(Member, member, { note: 'x' }, later))], meta)

      expect((await tenant.log(null, 1, 1))[0]).toMatchObject({
        secrets: null,
        entry: expect.not.objectContaining({ secrets: expect.anything() }),
      })
    })

    test('is gap-free, in order, and recomputable from its texts, also when it is opened again', async () => {
      const tenant = fresh()
      const names = ['"', '\\', '\u2028', 'é', '😀', '\u0000'.replace('\u0000', 'x'), '</script>']
      for (const name of names) await tenant.commit([insert(Note, aNote(name, name))], { ...meta, actor: { ...meta.actor, name } })
      await Promise.all(
        Array.from({ length: 100 }, (_, n) => tenant.commit([insert(Member, aMember({ password: n % 2 === 0 ? 'p' : null }))], meta)),
      )
      await reopen()
      const again = storage().tenant(tenant.tenantId)
      await again.commit([], meta)

      const entries = await again.log(null, 0, 1_000)

      expect(entries).toHaveLength(names.length + 101)
      expectChain(entries, tenant.tenantId)
      expect(await again.log(null, 5, 3)).toEqual(entries.slice(5, 8))
      expect(await again.log(null, entries.length, 3)).toEqual([])
      expect(await again.log(tenant.tenantId, 0, 1)).toEqual(entries.slice(0, 1))
    })

    test('has no trace of a commit that was refused', async () => {
      const tenant = fresh()
      const note = aNote('once')
      await tenant.commit([insert(Note, note)], meta)
      await expect(tenant.commit([insert(Note, note)], meta)).rejects.toThrow()
      await expect(tenant.commit([insert(Note, aNote('other')), add('c', 1, now, { max: 0 })], meta)).rejects.toThrow()
      await tenant.commit([remove(Note, note)], meta)

      const entries = await tenant.log(null, 0, 10)

      expect(entries.map(({ entry }) => entry.changes[0]?.op)).toEqual(['insert', 'remove'])
      expectChain(entries, tenant.tenantId)
      expect(await tenant.get(Counter, 'c')).toBeNull()
    })

    test("lets a live document's stream run beside the tenant's", async () => {
      const tenant = fresh()
      const stream = `document-${newId()}`
      await tenant.commit([insert(Note, aNote('in the tenant'))], meta)
      const receipts = await Promise.all([1, 2, 3].map((n) => tenant.commit([], { ...meta, stream, detail: { n } })))

      expect(receipts.map((receipt) => [receipt.stream, receipt.sequence])).toEqual([1, 2, 3].map((n) => [stream, n]))
      expectChain(await tenant.log(stream, 0, 10), stream)
      expect(await tenant.log(null, 0, 10)).toHaveLength(1)
      expect(await tenant.head(stream)).toMatchObject({ stream, sequence: 3, hash: receipts[2]?.hash })
      expect(await tenant.head()).toMatchObject({ stream: tenant.tenantId, sequence: 1 })
    })

    test('signs the head of every commit', async () => {
      const tenant = fresh()
      for (let n = 1; n <= 5; n += 1) {
        const { hash, sequence } = await tenant.commit([], meta)
        const head = await tenant.head()
        expect(head).toMatchObject({ stream: tenant.tenantId, sequence, hash })
        expectSigned(head)
      }
    })

    test('signs the heads of many streams that were written at once', async () => {
      const tenants = Array.from({ length: 70 }, () => fresh())
      await Promise.all(tenants.map((tenant) => tenant.commit([], meta)))

      for (const tenant of tenants) expectSigned(await tenant.head())
    })

    test('lists the newest heads of all streams by name, page by page', async () => {
      const tenants = Array.from({ length: 5 }, () => fresh())
      await Promise.all(tenants.map((tenant) => tenant.commit([], meta)))
      await tenants[0]?.commit([], { ...meta, stream: `document-${tenants[0].tenantId}` })
      const heads: (Head & { tenantId: string })[] = []
      for (let cursor: string | null = null, first = true; first || cursor !== null; first = false) {
        const page = await platform().heads({ cursor, limit: 2 })
        expect(page.items.length).toBeLessThanOrEqual(2)
        heads.push(...page.items)
        cursor = page.nextCursor
      }

      const streams = heads.map((head) => head.stream)
      expect(streams).toEqual([...new Set(streams)].sort())
      for (const { tenantId } of tenants) expect(heads.find((head) => head.stream === tenantId)).toMatchObject({ tenantId, sequence: 1 })
      expect(heads.find((head) => head.stream === `document-${tenants[0]?.tenantId}`)).toMatchObject({ tenantId: tenants[0]?.tenantId })
      for (const { tenantId: _, ...head } of heads) expectSigned(head)
    })

    test('forgets what an erased entry held, and goes on with its hash', async () => {
      const tenant = fresh()
      const member = aMember({ password: 'canary-password', note: 'canary-note' })
      await tenant.commit([insert(Member, member)], meta)
      await tenant.commit(
        [insert(Note, aNote('long', 'canary'.repeat(50_000))), insert(Note, aNote('longer', 'canary'.repeat(50_000)))],
        meta,
      )
      await tenant.commit([], meta)
      const before = await tenant.log(null, 0, 10)
      const key = { kid: signer.kid, privateKey: createPrivateKey(signer.privateKey) }
      const emptied = before.slice(0, 2).map((logged) => {
        const left = { ...logged.entry, changes: logged.entry.changes.map((change) => ({ ...change, fields: {} })) }
        return erasedEntry(logged, { left, secrets: null, time: later }, key)
      })
      const [other] = before.slice(2) as [LoggedEntry]
      const foreign = erasedEntry({ ...other, hash: zeros }, { left: other.entry, secrets: null, time: later }, key)

      await expect(storage().erase(tenant.tenantId, [foreign])).rejects.toThrow()
      await expect(storage().erase(fresh().tenantId, emptied)).rejects.toThrow()
      await expect(storage().erase(tenant.tenantId, [other])).rejects.toThrow()
      expect(await tenant.log(null, 0, 10)).toEqual(before)

      await storage().erase(tenant.tenantId, emptied)
      await storage().erase(tenant.tenantId, emptied)
      await reopen()
      const again = storage().tenant(tenant.tenantId)
      await again.commit([], meta)

      const after = await again.log(null, 0, 10)
      expect(after.slice(0, 3)).toEqual([...emptied, other])
      expect(after[3]?.entry.previousHash).toBe(other.hash)
      expect(JSON.stringify(after)).not.toContain('canary')
      for (const { entry } of after.slice(0, 2)) expect(isSignedErasure(entry, new Map([[signer.kid, signer.publicKey]]))).toBe(true)
      const forged = { ...(after[0] as LoggedEntry).entry, action: 'nothing.happened' }
      expect(isSignedErasure(forged, new Map([[signer.kid, signer.publicKey]]))).toBe(false)
    })

    test('refuses a cursor of another list of heads', async () => {
      await expect(platform().heads({ cursor: 'nonsense' })).rejects.toMatchObject({ code: 'bad_cursor' })
    })
  })
}
