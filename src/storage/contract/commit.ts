import { expect, test } from 'vitest'
import { add, type Change, Counter, check, checkAbsent, insert, patched, remove, update } from '../../kernel/change.ts'
import { Conflict } from '../port.ts'
import { aMember, aNote, chapter, Member, meta, Note, newId, now, type OpenSubject } from './harness.ts'

const later = '2026-03-01T09:00:00.000Z'

/** What a commit promises: guards first, all or nothing, durable when it resolves. */
export function commitLaws(open: OpenSubject): void {
  chapter('commit', open, ({ fresh, ours }) => {
    const refusal = async (changes: readonly Change[]): Promise<Conflict> => {
      const error = await ours()
        .commit(changes, meta)
        .then(
          () => new Error('was not refused'),
          (reason: unknown) => reason,
        )
      if (error instanceof Conflict) return error
      throw error
    }

    test('refuses an insert whose id is taken, and says exists', async () => {
      const member = aMember()
      await ours().commit([insert(Member, member)], meta)

      const error = await refusal([insert(Member, aMember({ id: member.id }))])

      expect(error).toMatchObject({ reason: 'exists', entity: 'member', id: member.id, key: null, kind: 'conflict' })
      expect(await ours().get(Member, member.id)).toEqual(member)
    })

    test('says exists before unique when the whole row is there already', async () => {
      const member = aMember({ email: 'twice@example.com' })
      await ours().commit([insert(Member, member)], meta)

      expect((await refusal([insert(Member, member)])).reason).toBe('exists')
    })

    test.each([
      ['username', { username: 'Taken' }, { username: 'tAKEN' }],
      ['email', { email: 'taken@example.com' }, { email: 'taken@example.com' }],
      ['seat', { managerId: newId(), number: 7 }, 'same'],
      ['login', { login: 'taken-login' }, { login: 'taken-login' }],
    ] as const)('refuses an insert whose key %s is taken, and names the key', async (key, first, second) => {
      await ours().commit([insert(Member, aMember(first))], meta)
      const other = aMember(second === 'same' ? first : second)

      expect(await refusal([insert(Member, other)])).toMatchObject({ reason: 'unique', entity: 'member', id: other.id, key })
      expect(await ours().get(Member, other.id)).toBeNull()
    })

    test('refuses an update that takes the key of another row', async () => {
      const holder = aMember({ email: 'holder@example.com' })
      const member = aMember()
      await ours().commit([insert(Member, holder), insert(Member, member)], meta)

      const error = await refusal([update(Member, member, patched(Member, member, { email: 'holder@example.com' }, later))])

      expect(error).toMatchObject({ reason: 'unique', id: member.id, key: 'email' })
      expect(await ours().get(Member, member.id)).toEqual(member)
    })

    test('lets any number of rows have a null in a key', async () => {
      const managerId = newId()
      const rows = [aMember({ managerId }), aMember({ managerId }), aMember({ number: 9 }), aMember({ number: 9 })]

      await ours().commit(
        rows.map((row) => insert(Member, row)),
        meta,
      )

      for (const row of rows) expect(await ours().get(Member, row.id)).toEqual(row)
    })

    test('frees a key with the row that held it, and with an update that gives it up', async () => {
      const removed = aMember({ email: 'free@example.com' })
      await ours().commit([insert(Member, removed)], meta)
      await ours().commit([remove(Member, removed)], meta)
      const renamed = aMember({ email: 'free@example.com' })
      await ours().commit([insert(Member, renamed)], meta)
      await ours().commit([update(Member, renamed, patched(Member, renamed, { email: null }, later))], meta)

      const last = aMember({ email: 'free@example.com' })
      await ours().commit([insert(Member, last)], meta)

      expect(await ours().find(Member, 'email', ['free@example.com'])).toEqual(last)
    })

    test.each([
      ['an update', (row: Member) => update(Member, row, patched(Member, row, { note: 'stale' }, later))],
      ['a removal', (row: Member) => remove(Member, row)],
      ['a check', (row: Member) => check(Member, row)],
    ] as const)('refuses %s that expects an older version', async (_, change) => {
      const member = aMember()
      await ours().commit([insert(Member, member)], meta)
      const second = patched(Member, member, { note: 'second' }, later)
      await ours().commit([update(Member, member, second)], meta)

      expect(await refusal([change(member)])).toMatchObject({ reason: 'version', entity: 'member', id: member.id })
      expect(await ours().get(Member, member.id)).toEqual(second)
    })

    test.each([
      ['an update', (row: Member) => update(Member, row, patched(Member, row, { note: 'gone' }, later))],
      ['a removal', (row: Member) => remove(Member, row)],
      ['a check', (row: Member) => check(Member, row)],
    ] as const)('refuses %s of a row that is gone', async (_, change) => {
      const member = aMember()
      await ours().commit([insert(Member, member)], meta)
      await ours().commit([remove(Member, member)], meta)

      expect(await refusal([change(member)])).toMatchObject({ reason: 'version', id: member.id })
      expect(await ours().get(Member, member.id)).toBeNull()
    })

    test('refuses a check of absence when the row is there, and passes it when it is not', async () => {
      const member = aMember()
      await ours().commit([checkAbsent(Member, member.id), insert(Note, aNote(newId()))], meta)
      await ours().commit([insert(Member, member)], meta)

      expect(await refusal([checkAbsent(Member, member.id)])).toMatchObject({ reason: 'exists', id: member.id })
    })

    test('writes nothing of a commit when one of its changes is refused, whichever it is', async () => {
      const tenant = fresh()
      const taken = aMember({ email: 'all-or-nothing@example.com' })
      const kept = aMember({ note: 'before' })
      await tenant.commit([insert(Member, taken), insert(Member, kept)], meta)
      const good: Change[] = [
        insert(Note, aNote('all-or-nothing')),
        update(Member, kept, patched(Member, kept, { note: 'after' }, later)),
        add('members', 1, now),
      ]
      const bad: Change[] = [
        insert(Member, aMember({ email: 'all-or-nothing@example.com' })),
        check(Member, { ...taken, version: 2 }),
        add('seats', 1, now, { max: 0 }),
        remove(Note, aNote('never there')),
      ]

      for (const change of bad) {
        for (let position = 0; position <= good.length; position += 1) {
          await expect(tenant.commit(good.toSpliced(position, 0, change), meta)).rejects.toBeInstanceOf(Conflict)
        }
      }

      expect(await tenant.get(Note, 'all-or-nothing')).toBeNull()
      expect(await tenant.get(Member, kept.id)).toEqual(kept)
      expect(await tenant.get(Counter, 'members')).toBeNull()
      expect(await tenant.log(null, 0, 10)).toHaveLength(1)
    })

    test.each<[string, Partial<Member>]>([
      ['half a surrogate pair', { note: 'half \ud83d of it' }],
      ['no number', { score: Number.NaN }],
      ['a number without end', { score: Number.POSITIVE_INFINITY }],
      ['an object where a text belongs', { note: new Date(0) as unknown as string }],
    ])('throws for a value that cannot be stored as it is: %s', async (_, fields) => {
      const member = aMember(fields)
      const other = aMember()

      const results = await Promise.allSettled([
        ours().commit([insert(Member, member)], meta),
        ours().commit([insert(Member, other)], meta),
      ])

      expect(results.map((result) => result.status)).toEqual(['rejected', 'fulfilled'])
      expect(await ours().get(Member, member.id)).toBeNull()
    })

    test('throws for two changes of one row', async () => {
      const member = aMember()
      await ours().commit([insert(Member, member)], meta)

      const commit = ours().commit([check(Member, member), remove(Member, member)], meta)

      await expect(commit).rejects.toThrow('same row')
      expect(await ours().get(Member, member.id)).toEqual(member)
    })

    test('keeps a counter within its bounds, and both bounds can be reached', async () => {
      const value = async () => (await ours().get(Counter, 'bounded'))?.value
      expect(await refusal([add('bounded', 3, now, { max: 2 })])).toMatchObject({ reason: 'bound', entity: 'counter', id: 'bounded' })
      expect(await value()).toBeUndefined()

      await ours().commit([add('bounded', 2, now, { max: 2 })], meta)
      expect(await refusal([add('bounded', 1, now, { max: 2 })])).toMatchObject({ reason: 'bound' })
      expect(await value()).toBe(2)
      expect(await refusal([add('bounded', -2, now, { min: 1 })])).toMatchObject({ reason: 'bound' })
      await ours().commit([add('bounded', -1, later, { min: 1 })], meta)

      expect(await ours().get(Counter, 'bounded')).toEqual({ id: 'bounded', value: 1, version: 2, createdAt: now, updatedAt: later })
    })

    test('moves a counter without bounds below zero', async () => {
      await ours().commit([add('free', -5, now)], meta)

      expect((await ours().get(Counter, 'free'))?.value).toBe(-5)
    })

    test('raises the version by an update and keeps what was not patched', async () => {
      const member = aMember({ note: 'one', password: 'hash', isCertified: true })
      await ours().commit([insert(Member, member)], meta)
      const next = patched(
        Member,
        member,
        { note: null, username: 'New Name', isCertified: false, settings: { tags: ['x'], nested: { a: [1] } } },
        later,
      )

      await ours().commit([update(Member, member, next)], meta)

      expect(await ours().get(Member, member.id)).toEqual({ ...next, version: 2, usernameKey: 'new name', updatedAt: later })
    })

    test('takes a commit without changes: an entry alone', async () => {
      const before = await ours().head()
      const receipt = await ours().commit([], { ...meta, action: 'audit.read', detail: { entries: 3 } })

      expect(receipt.sequence).toBe((before?.sequence ?? 0) + 1)
      expect((await ours().log(null, receipt.sequence - 1, 1))[0]?.entry).toMatchObject({
        action: 'audit.read',
        changes: [],
        detail: { entries: 3 },
      })
    })

    test('answers with stream, sequence, time, hash and what the commit survives', async () => {
      const tenant = fresh()
      const first = await tenant.commit([insert(Member, aMember())], meta)
      const second = await tenant.commit([insert(Member, aMember())], { ...meta, time: later })

      expect(first).toMatchObject({ stream: tenant.tenantId, sequence: 1, time: now })
      expect(second).toMatchObject({ stream: tenant.tenantId, sequence: 2, time: later })
      expect(second.durability.length).toBeGreaterThan(0)
      expect((await tenant.log(null, 1, 1))[0]?.hash).toBe(second.hash)
    })
  })
}
