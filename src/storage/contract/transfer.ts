import { describe, expect, onTestFinished, test } from 'vitest'
import { add, Counter, insert, patched, remove, update } from '../../kernel/change.ts'
import type { Page } from '../../kernel/page.ts'
import type { Load, StoredRow, TenantStore } from '../port.ts'
import { aBadge, aMember, aNote, Badge, Member, meta, Note, newId, newSigner, type OpenSubject, type Subject } from './harness.ts'
import { type Copy, copyOf, everything, later, loadAll, writeHistory } from './whole.ts'

/** What moves, backups and restores rest on: a storage read whole, and another one made from it that cannot be told apart. */
export function transferLaws(open: OpenSubject): void {
  describe('transfer', () => {
    const signer = newSigner()

    /** An engine of its own, that nothing was written to. */
    async function begun(): Promise<Subject> {
      const subject = await open()
      onTestFinished(() => subject.close())
      return subject
    }

    async function written() {
      const subject = await begun()
      await subject.storage.setSigner(signer)
      return { subject, storage: subject.storage, ...(await writeHistory(subject.storage)) }
    }

    test('refuses a load into a storage that holds data, which stays as it is', async () => {
      const { storage } = await written()
      const before = await copyOf(storage)
      const transfer = storage.transfer()

      await expect(transfer.begin()).rejects.toMatchObject({ kind: 'conflict', code: 'storage_not_empty' })
      await expect(transfer.load({ type: Note, rows: [] })).rejects.toThrow()

      expect(await transfer.state()).toBe('ready')
      expect(await copyOf(storage)).toEqual(before)
    })

    test('throws for a load that did not begin, and for one of more than 1,000 items', async () => {
      const { storage } = await begun()
      const transfer = storage.transfer()
      const row = { tenantId: newId(), row: aNote('n') }
      await expect(transfer.load({ type: Note, rows: [row] })).rejects.toThrow()
      await expect(transfer.finish()).rejects.toThrow()
      expect(await transfer.state()).toBe('empty')

      await transfer.begin()
      const rows = Array.from({ length: 999 }, (_, n) => ({ tenantId: 'a', row: aNote(`${n}`) }))
      const sequences = [{ tenantId: 'a', sequence: 'note', value: 1 }]
      await expect(transfer.load({ type: Note, rows, sequences, removed: [{ tenantId: 'a', id: 'x' }] })).rejects.toThrow('1,000')
      expect((await transfer.rows(Note, {})).items).toEqual([])
      await transfer.load({ type: Note, rows, sequences })
      expect((await transfer.rows(Note, { limit: 1_000 })).items).toHaveLength(999)
    })

    test.each([0, 1_001, 1.5])('throws for %d rows at a time', async (limit) => {
      const { storage } = await begun()
      await expect(storage.transfer().rows(Note, { limit })).rejects.toThrow()
      await expect(storage.transfer().sequences({ limit })).rejects.toThrow()
    })

    test('refuses a cursor of another list', async () => {
      const { storage, tenants } = await written()
      const { nextCursor: cursor } = await storage.transfer().rows(Member, { limit: 1 })
      expect(cursor).not.toBeNull()
      const refused = expect.objectContaining({ code: 'bad_cursor' })
      await expect(storage.transfer().rows(Note, { cursor })).rejects.toEqual(refused)
      await expect(storage.transfer().rows(Member, { cursor, tenantId: tenants[0]?.tenantId ?? '' })).rejects.toEqual(refused)
      await expect(storage.transfer().sequences({ cursor: 'nonsense' })).rejects.toEqual(refused)
    })

    test.each<[string, (entry: Copy['entries'][number]) => Partial<Copy['entries'][number]>]>([
      ['leaves one out', (third) => third],
      ['follows another hash', ({ entry }) => ({ entry: { ...entry, sequence: 2, previousHash: 'f'.repeat(64) } })],
      ['is of a stream of another tenant', (third) => ({ ...third, tenantId: newId() })],
    ])('refuses an entry that %s, and nothing of its batch is in the log', async (why, change) => {
      const { storage: from, tenants } = await written()
      const { entries } = await copyOf(from)
      const [first, second, third] = entries.filter(({ entry }) => entry.stream === tenants[0]?.tenantId)
      if (first === undefined || second === undefined || third === undefined) throw new Error('The history is too short')
      const { storage } = await begun()
      const transfer = storage.transfer()
      await transfer.begin()
      await transfer.load({ entries: [first] })

      const bad = { ...(why.startsWith('is of') ? second : third), ...change(why.startsWith('is of') ? second : third) }
      const others = entries.filter(({ tenantId }) => tenantId === 'platform')

      await expect(transfer.load({ entries: [...others, bad] })).rejects.toMatchObject({ kind: 'conflict', code: 'load_gap' })
      expect(await storage.tenant(first.tenantId).log(null, 0, 10)).toHaveLength(1)
      expect(await storage.tenant('platform').log(null, 0, 10)).toHaveLength(0)
    })

    test('is empty at first, then loading, then ready, also when it is opened again in between', async () => {
      const { storage: from, tenants } = await written()
      const copy = await copyOf(from)
      const subject = await begun()
      expect(await subject.storage.transfer().state()).toBe('empty')
      expect(await subject.storage.transfer().begin()).toBeNull()
      await subject.storage.transfer().load({ type: Note, rows: copy.rows.note ?? [], mark: 'first' })
      await subject.storage.transfer().load({ mark: 'rows: note' })
      await subject.storage.transfer().load({ sequences: [] })

      const reopened = await subject.reopen()
      const transfer = reopened.transfer()
      expect(await transfer.state()).toBe('loading')
      await reopened.setSigner(signer)
      const tenant = reopened.tenant(tenants[0]?.tenantId ?? '')
      const loading = expect.objectContaining({ kind: 'unavailable', code: 'storage_loading' })
      await expect(tenant.commit([], meta)).rejects.toEqual(loading)
      await expect(tenant.next('member')).rejects.toEqual(loading)
      expect(await transfer.begin()).toBe('rows: note')
      expect(await tenant.get(Note, 'typed')).toEqual(copy.rows.note?.find(({ tenantId }) => tenantId === tenant.tenantId)?.row)

      await loadAll(reopened, copy)
      await transfer.finish()
      expect(await transfer.state()).toBe('ready')
      expect(await (await subject.reopen()).transfer().state()).toBe('ready')
    })

    test('makes a copy that cannot be told from its source', async () => {
      const { storage: from, tenants, document } = await written()
      const copy = await copyOf(from)
      const { storage } = await begun()
      await storage.transfer().begin()

      await loadAll(storage, copy)

      expect(await copyOf(storage)).toEqual(copy)
      await storage.transfer().finish()
      expect(await copyOf(storage)).toEqual(copy)
      for (const { tenantId } of tenants) {
        expect(await storage.tenant(tenantId).head()).toEqual(await from.tenant(tenantId).head())
        expect(await storage.tenant(tenantId).log(null, 0, 1_000)).toEqual(await from.tenant(tenantId).log(null, 0, 1_000))
        for (const index of ['byRole', 'byState', 'bySeen', 'byScore'])
          expect(await storage.tenant(tenantId).list(Member, { index })).toEqual(await from.tenant(tenantId).list(Member, { index }))
        expect(await storage.tenant(tenantId).count(Member, {})).toBe(await from.tenant(tenantId).count(Member, {}))
      }
      const [ours = '', theirs = ''] = tenants.map(({ tenantId }) => tenantId)
      expect(await storage.tenant(ours).log(document, 0, 10)).toEqual(await from.tenant(ours).log(document, 0, 10))
      expect(await storage.tenant(theirs).log(document, 0, 10)).toEqual([])
      expect(await storage.platform().lookup(Member, 'login', ['bob'])).toEqual(await from.platform().lookup(Member, 'login', ['bob']))
      const role = { where: ['member'] }
      expect(await storage.platform().listAll(Member, 'role', role)).toEqual(await from.platform().listAll(Member, 'role', role))
    })

    test('goes on as the source would: numbers, keys, counters, versions, streams', async () => {
      const { storage: from, tenants, document, first } = await written()
      const subject = await begun()
      const { storage } = subject
      await storage.transfer().begin()
      await loadAll(storage, await copyOf(from))
      await storage.transfer().finish()
      await storage.setSigner(signer)
      const [ours, theirs] = tenants.map(({ tenantId }) => storage.tenant(tenantId)) as [TenantStore, TenantStore]

      expect(await ours.next('member')).toBeGreaterThan(42)
      expect(await theirs.next('member')).toBe(8)
      await expect(ours.commit([insert(Member, aMember({ email: 'ada@example.org' }))], meta)).rejects.toMatchObject({
        reason: 'unique',
        key: 'email',
      })
      await expect(theirs.commit([insert(Member, aMember({ login: 'bob' }))], meta)).rejects.toMatchObject({
        reason: 'unique',
        key: 'login',
      })
      await expect(ours.commit([insert(Member, aMember({ id: first.id }))], meta)).rejects.toMatchObject({ reason: 'exists' })
      await expect(theirs.commit([], { ...meta, stream: document })).rejects.toMatchObject({ kind: 'conflict' })
      await ours.commit([update(Member, first, patched(Member, first, { note: 'on' }, later)), add('seats', 1, later)], meta)
      const { sequence } = await ours.commit([], { ...meta, stream: document })

      expect(sequence).toBe(2)
      expect(await ours.get(Counter, 'seats')).toMatchObject({ value: 3, version: 3 })
      const entries = await ours.log(null, 0, 1_000)
      expect(entries.at(-1)?.entry).toMatchObject({ sequence: entries.length, previousHash: entries.at(-2)?.hash })
      expect(await ours.head()).toMatchObject({ sequence: entries.length, hash: entries.at(-1)?.hash, kid: signer.kid })
      expect(await ours.find(Member, 'email', ['ada@example.org'])).toMatchObject({ note: 'on', password: 'hash' })
    })

    test('changes nothing when a batch is loaded again', async () => {
      const { storage: from } = await written()
      const copy = await copyOf(from)
      const { storage } = await begun()
      const transfer = storage.transfer()
      await transfer.begin()
      await loadAll(storage, copy)

      await loadAll(storage, copy)
      await transfer.load({ entries: copy.entries.slice(0, 2) })

      await transfer.finish()
      expect(await copyOf(storage)).toEqual(copy)
    })

    test('never lowers a sequence', async () => {
      const { storage } = await begun()
      const transfer = storage.transfer()
      await transfer.begin()
      const tenantId = newId()
      for (const value of [5, 9, 7]) await transfer.load({ sequences: [{ tenantId, sequence: 'member', value }] })

      expect((await transfer.sequences({})).items).toEqual([{ tenantId, sequence: 'member', value: 9 }])
    })

    test('keeps rows as they were loaded last, and removes what was taken away', async () => {
      const { storage } = await begun()
      const transfer = storage.transfer()
      await transfer.begin()
      const tenantId = newId()
      const load = (batch: Omit<Load, 'type'>) => transfer.load({ type: Member, ...batch })
      const [kept, gone] = [aMember({ note: 'old', password: 'p' }), aMember()]
      await load({
        rows: [
          { tenantId, row: kept },
          { tenantId, row: gone },
        ],
      })
      const next = patched(Member, kept, { note: null, password: null, isCertified: true }, later)

      await load({
        rows: [{ tenantId, row: next }],
        removed: [
          { tenantId, id: gone.id },
          { tenantId, id: newId() },
        ],
      })

      expect((await transfer.rows(Member, {})).items).toEqual([{ tenantId, row: next }])
      expect(await storage.tenant(tenantId).get(Member, gone.id)).toBeNull()
      expect(await storage.tenant(tenantId).read([{ type: Member, id: kept.id }])).toEqual([next])
    })

    test('lets keys change hands on the way, whichever row comes first, and loses no row by it', async () => {
      const { storage } = await begun()
      const transfer = storage.transfer()
      await transfer.begin()
      const tenantId = newId()
      const theirs = newId()
      const rows = async (...members: Member[]) => transfer.load({ type: Member, rows: members.map((row) => ({ tenantId, row })) })
      const [a, b, c] = [
        aMember({ username: 'A', email: 'k@example.org' }),
        aMember({ username: 'B' }),
        aMember({ username: 'C', login: 'l' }),
      ]
      const holding = { ...b, email: 'k@example.org' }
      // b came to the key after a was copied; then a gives it up
      await rows(a)
      await rows(holding)
      await rows({ ...a, email: null })
      // and back again, in one batch, and across tenants
      await rows({ ...a, email: 'k@example.org' }, b)
      await rows(c)
      await transfer.load({ type: Member, rows: [{ tenantId: theirs, row: { ...aMember(), login: 'l' } }] })
      await rows({ ...c, login: null })
      await transfer.finish()
      await storage.setSigner(signer)

      const tenant = storage.tenant(tenantId)
      expect(await tenant.count(Member, {})).toBe(3)
      expect(await tenant.get(Member, b.id)).toEqual(b)
      expect(await tenant.find(Member, 'email', ['k@example.org'])).toEqual(a)
      expect((await storage.platform().lookup(Member, 'login', ['l'])).map((found) => found.tenantId)).toEqual([theirs])
      await expect(tenant.commit([insert(Member, aMember({ email: 'k@example.org' }))], meta)).rejects.toMatchObject({ key: 'email' })
      await tenant.commit([update(Member, a, patched(Member, a, { email: null }, later)), remove(Member, b)], meta)
      await tenant.commit([insert(Member, aMember({ email: 'k@example.org', username: 'b' }))], meta)
    })

    test('lets numbers that are never absent change hands on the way', async () => {
      const { storage } = await begun()
      const transfer = storage.transfer()
      await transfer.begin()
      const tenantId = newId()
      const rows = (...badges: Badge[]) => transfer.load({ type: Badge, rows: badges.map((row) => ({ tenantId, row })) })

      await rows(aBadge('a', 1), aBadge('b', 2))
      await rows(aBadge('b', 1))
      await rows(aBadge('c', 2), aBadge('d', 2))
      expect((await transfer.rows(Badge, {})).items.map(({ row }) => [row.id, row.number])).toEqual([
        ['a', 1],
        ['b', 1],
        ['c', 2],
        ['d', 2],
      ])
      await rows(aBadge('a', 3), aBadge('c', 4))
      await transfer.finish()
      await storage.setSigner(signer)

      const tenant = storage.tenant(tenantId)
      for (const [id, number] of [
        ['a', 3],
        ['b', 1],
        ['c', 4],
        ['d', 2],
      ] as const)
        expect(await tenant.find(Badge, 'number', [number])).toEqual(aBadge(id, number))
      await expect(tenant.commit([insert(Badge, aBadge('e', 2))], meta)).rejects.toMatchObject({ reason: 'unique', key: 'number' })
    })

    test.each([false, true])(
      'gives a key back to the row that had it first, and frees those of removed rows (another process finishes: %s)',
      async (isAnother) => {
        const subject = await begun()
        const tenantId = newId()
        const first = subject.storage.transfer()
        await first.begin()
        const badges = (...rows: Badge[]) => first.load({ type: Badge, rows: rows.map((row) => ({ tenantId, row })) })
        const gone = aMember({ email: 'gone@example.org', username: 'gone', login: 'gone' })
        await badges(aBadge('a', 1), aBadge('b', 2))
        await first.load({ type: Member, rows: [{ tenantId, row: gone }] })
        // copied while it held the number of a, and again when it did not: a itself is not copied anew
        await badges(aBadge('b', 1))
        await badges(aBadge('b', 3))
        await first.load({ type: Member, removed: [{ tenantId, id: gone.id }] })
        const storage = isAnother ? await subject.reopen() : subject.storage
        if (isAnother) await storage.transfer().begin()
        await storage.transfer().finish()
        await storage.setSigner(signer)

        const tenant = storage.tenant(tenantId)
        for (const [id, number] of [
          ['a', 1],
          ['b', 3],
        ] as const)
          expect(await tenant.find(Badge, 'number', [number])).toEqual(aBadge(id, number))
        expect(await tenant.find(Badge, 'number', [2])).toBeNull()
        await expect(tenant.commit([insert(Badge, aBadge('c', 1))], meta)).rejects.toMatchObject({ reason: 'unique', key: 'number' })
        await tenant.commit([insert(Badge, aBadge('c', 2)), insert(Member, aMember({ ...gone, id: newId() }))], meta)
        expect((await storage.platform().lookup(Member, 'login', ['gone'])).map(({ row }) => row.id)).not.toContain(gone.id)
      },
    )

    test('tells rows by tenant and id, of all tenants or one', async () => {
      const { storage, tenants } = await written()
      const all = await everything((ask) => storage.transfer().rows(Member, ask), 1)
      const keys = all.map(({ tenantId, row }) => `${tenantId} ${row.id}`)
      expect(keys).toEqual(keys.toSorted())
      expect(all).toHaveLength(3)

      for (const { tenantId } of tenants) {
        const own = await everything((ask) => storage.transfer().rows(Member, { ...ask, tenantId }), 1)
        expect(own).toEqual(all.filter((one) => one.tenantId === tenantId))
      }
    })

    test('meets every row that was there all the while exactly once, while others come, go and change', async () => {
      const { subject } = await written()
      const tenant = subject.storage.tenant(newId())
      const there = Array.from({ length: 40 }, (_, n) => aNote(`note ${String(n).padStart(2, '0')}`))
      await Promise.all(there.map((note) => tenant.commit([insert(Note, note)], meta)))
      const met: string[] = []
      for (let cursor: string | null = null, round = 0; ; round += 1) {
        const page: Page<StoredRow> = await subject.storage.transfer().rows(Note, { cursor, limit: 5, tenantId: tenant.tenantId })
        met.push(...page.items.map(({ row }) => row.id))
        const [changed, gone] = [there[(round * 7) % 40], there[20 + round]] as [Note, Note]
        if (round < 6) {
          await tenant.commit([remove(Note, gone), insert(Note, aNote(`note ${round} between`))], meta)
          if (!gone.id.includes(changed.id))
            await tenant.commit([update(Note, changed, patched(Note, changed, { text: 'x' }, later))], meta).catch(() => {})
        }
        if (page.nextCursor === null) break
        cursor = page.nextCursor
      }

      const stayed = there.filter((_, n) => n < 20 || n >= 26).map(({ id }) => id)
      expect(met.filter((id) => stayed.includes(id))).toEqual(stayed)
      expect(new Set(met).size).toBe(met.length)
    })
  })
}
