import { expect, test } from 'vitest'
import { insert, patched, remove, update } from '../../kernel/change.ts'
import type { AnyEntity } from '../../kernel/entity.ts'
import { aMember, aNote, chapter, Member, meta, Note, newId, now, type OpenSubject } from './harness.ts'

/** Rows come back as they were written, at once, by id or by a unique key. */
export function readLaws(open: OpenSubject): void {
  chapter('read', open, ({ fresh, ours, platform }) => {
    test('throws for a key that was not declared, and for too few or too many values', async () => {
      await expect(ours().find(Member, 'password', ['x'])).rejects.toThrow('no key password')
      await expect(ours().find(Member, 'email', [])).rejects.toThrow('no key email')
      await expect(ours().find(Member, 'email', ['x', 'y'])).rejects.toThrow('no key email')
      await expect(platform().lookup(Member, 'email', ['x'])).rejects.toThrow('no key email')
    })

    test('throws for an entity that the engine was not told of', async () => {
      const stranger: AnyEntity = { ...Note, name: 'stranger' }
      await expect(ours().get(stranger, 'x')).rejects.toThrow('stranger')
      await expect(ours().commit([insert(stranger, aNote('x'))], meta)).rejects.toThrow('stranger')
    })

    test('answers null for what is not there', async () => {
      expect(await ours().get(Member, newId())).toBeNull()
      expect(await ours().get(Note, '')).toBeNull()
      expect(await ours().find(Member, 'email', ['nobody@example.com'])).toBeNull()
    })

    test.each<[string, Partial<Member>]>([
      ['nothing but what is required', {}],
      [
        'every value',
        {
          number: 12,
          email: 'e@example.com',
          login: 'l',
          managerId: newId(),
          isCertified: true,
          lastSeenAt: now,
          note: 'n',
          password: 'p',
          recovery: ['a', 'b'],
        },
      ],
      ['false where null was possible', { isActive: false, isCertified: false }],
      ['empty texts and lists', { note: '', recovery: [], settings: { tags: [], nested: {} } }],
      ['zero and negative numbers', { score: 0, number: 1 }],
      ['the largest safe integer', { number: Number.MAX_SAFE_INTEGER, score: Number.MAX_SAFE_INTEGER }],
      ['fractions to the last digit', { score: 0.1 + 0.2 }],
      ['very small and very large numbers', { score: -1.7976931348623157e308 }],
      [
        'texts of any script',
        { note: 'Zoë ß Ω 中文 🧑‍🚒 \u0301 "quoted" \\ \n\t\r \u2028', settings: { tags: ['\u0001', 'ÿ'], nested: '🎉' } },
      ],
      ['texts that look like SQL, like paths, and like numbers', { note: "'; DROP TABLE members; --", email: '00012', login: '%_\\' }],
      ['long texts', { note: 'x'.repeat(200_000) }],
      [
        'nested values of any depth',
        { settings: { tags: ['b', 'a'], nested: { z: [1, [2, [null, false, { y: 'ü' }]]], a: { b: { c: 1e-7 } } } } },
      ],
    ])('gives back %s', async (_, fields) => {
      const tenant = fresh()
      const member = aMember(fields)

      await tenant.commit([insert(Member, member)], meta)

      expect(await tenant.get(Member, member.id)).toStrictEqual(member)
      expect(await tenant.find(Member, 'username', [member.usernameKey])).toStrictEqual(member)
      expect((await tenant.list(Member, {})).items).toStrictEqual([member])
    })

    test('finds a row by each of its keys, exactly as it is written there', async () => {
      const member = aMember({ email: 'Exact@example.com', managerId: newId(), number: 31 })
      await ours().commit([insert(Member, member)], meta)

      expect(await ours().find(Member, 'email', ['Exact@example.com'])).toEqual(member)
      expect(await ours().find(Member, 'seat', [member.managerId, 31])).toEqual(member)
      expect(await ours().find(Member, 'email', ['exact@example.com'])).toBeNull()
      expect(await ours().find(Member, 'email', ['Exact@example.com '])).toBeNull()
      expect(await ours().find(Member, 'seat', [member.managerId, 32])).toBeNull()
    })

    test('finds nothing by a key with a null', async () => {
      const member = aMember({ managerId: newId() })
      await ours().commit([insert(Member, member)], meta)

      expect(await ours().find(Member, 'email', [null])).toBeNull()
      expect(await ours().find(Member, 'seat', [member.managerId, null])).toBeNull()
    })

    test('finds a row by its new key and no longer by the old one', async () => {
      const member = aMember({ email: 'old@example.com' })
      const next = patched(Member, member, { email: 'new@example.com' }, now)
      await ours().commit([insert(Member, member)], meta)
      await ours().commit([update(Member, member, next)], meta)

      expect(await ours().find(Member, 'email', ['old@example.com'])).toBeNull()
      expect(await ours().find(Member, 'email', ['new@example.com'])).toEqual(next)
    })

    test('reads several rows in the order asked for, null for those that are not there, twice what is asked for twice', async () => {
      const [one, two, note] = [aMember(), aMember(), aNote(newId())]
      await ours().commit([insert(Member, one), insert(Member, two), insert(Note, note)], meta)

      const rows = await ours().read([
        { type: Member, id: two.id },
        { type: Note, id: note.id },
        { type: Member, id: newId() },
        { type: Member, id: one.id },
        { type: Note, id: two.id },
        { type: Member, id: two.id },
      ])

      expect(rows).toEqual([two, note, null, one, null, two])
      expect(await ours().read([])).toEqual([])
    })

    test('sees every acknowledged commit at once, by every method', async () => {
      const tenant = fresh()
      let member = aMember({ email: 'seen@example.com', login: 'seen' })
      await tenant.commit([insert(Member, member)], meta)

      for (let round = 0; round < 50; round += 1) {
        const next = patched(Member, member, { score: round, email: `seen-${round}@example.com`, login: `seen-${round}` }, now)
        const { sequence } = await tenant.commit([update(Member, member, next)], meta)
        member = next
        expect(await tenant.get(Member, member.id)).toEqual(next)
        expect(await tenant.find(Member, 'email', [next.email])).toEqual(next)
        expect(await tenant.read([{ type: Member, id: member.id }])).toEqual([next])
        expect((await tenant.list(Member, {})).items).toEqual([next])
        expect(await platform().lookup(Member, 'login', [next.login])).toEqual([{ tenantId: tenant.tenantId, row: next }])
        expect((await tenant.head())?.sequence).toBe(sequence)
        expect(await tenant.log(null, sequence - 1, 10)).toHaveLength(1)
      }

      await tenant.commit([remove(Member, member)], meta)
      expect(await tenant.get(Member, member.id)).toBeNull()
      expect(await tenant.count(Member, {})).toBe(0)
      expect(await platform().lookup(Member, 'login', [member.login])).toEqual([])
    })
  })
}
