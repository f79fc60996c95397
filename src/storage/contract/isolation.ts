import { expect, test } from 'vitest'
import { add, Counter, check, insert, patched, remove, update } from '../../kernel/change.ts'
import type { Page } from '../../kernel/page.ts'
import { Conflict, platformTenant } from '../port.ts'
import { aMember, aNote, chapter, Member, meta, Note, newId, now, type OpenSubject } from './harness.ts'

/** Rows of another tenant do not exist, by any method; the platform alone asks over all. */
export function isolationLaws(open: OpenSubject): void {
  chapter('isolation', open, ({ fresh, platform, storage }) => {
    test('shows nothing of another tenant by any method that reads', async () => {
      const [ours, theirs] = [fresh(), fresh()]
      const member = aMember({ email: 'only-theirs@example.com', score: 1, lastSeenAt: now })
      await theirs.commit([insert(Member, member), add('seats', 1, now)], meta)
      await theirs.commit([], { ...meta, stream: `document-${theirs.tenantId}` })

      expect(await ours.get(Member, member.id)).toBeNull()
      expect(await ours.get(Counter, 'seats')).toBeNull()
      expect(await ours.find(Member, 'username', [member.usernameKey])).toBeNull()
      expect(await ours.find(Member, 'email', ['only-theirs@example.com'])).toBeNull()
      expect(await ours.read([{ type: Member, id: member.id }])).toEqual([null])
      for (const index of [undefined, ...Object.keys(Member.indexes)]) {
        const selection = index === undefined ? {} : { index }
        expect((await ours.list(Member, selection)).items).toEqual([])
        expect(await ours.count(Member, selection)).toBe(0)
        expect(await ours.tally(Member, selection, ['role'])).toEqual([])
      }
      expect((await ours.list(Member, { index: 'byRole', where: { role: ['member', 'owner'] } })).items).toEqual([])
      expect(await ours.count(Member, { filter: [{ field: 'email', op: 'in', value: [member.email, null] }] })).toBe(0)
      expect(await ours.log(theirs.tenantId, 0, 10)).toEqual([])
      expect(await ours.log(`document-${theirs.tenantId}`, 0, 10)).toEqual([])
      expect(await ours.head(theirs.tenantId)).toBeNull()
      expect(await ours.head(`document-${theirs.tenantId}`)).toBeNull()
    })

    test('changes nothing of another tenant by any change', async () => {
      const [ours, theirs] = [fresh(), fresh()]
      const member = aMember()
      await theirs.commit([insert(Member, member)], meta)

      for (const change of [
        update(Member, member, patched(Member, member, { note: 'stolen' }, now)),
        remove(Member, member),
        check(Member, member),
      ]) {
        await expect(ours.commit([change], meta)).rejects.toMatchObject({ reason: 'version', id: member.id })
      }

      expect(await theirs.get(Member, member.id)).toEqual(member)
      expect(await ours.log(null, 0, 10)).toEqual([])
    })

    test("refuses to append to another tenant's stream", async () => {
      const [ours, theirs] = [fresh(), fresh()]
      await theirs.commit([], { ...meta, stream: `document-${theirs.tenantId}` })
      await theirs.commit([], meta)

      for (const stream of [theirs.tenantId, `document-${theirs.tenantId}`]) {
        await expect(ours.commit([insert(Note, aNote('x'))], { ...meta, stream })).rejects.toBeInstanceOf(Conflict)
        expect(await theirs.log(stream, 0, 10)).toHaveLength(1)
      }
      expect(await ours.get(Note, 'x')).toBeNull()
    })

    test('lets two tenants hold the same id, the same keys, counters and numbers', async () => {
      const [ours, theirs] = [fresh(), fresh()]
      const mine = aMember({ username: 'Same', email: 'same@example.com', note: 'mine' })
      const yours = aMember({ id: mine.id, username: 'Same', email: 'same@example.com', note: 'yours' })

      await ours.commit([insert(Member, mine), add('seats', 1, now)], meta)
      await theirs.commit([insert(Member, yours), add('seats', 5, now)], meta)

      expect(await ours.find(Member, 'email', ['same@example.com'])).toEqual(mine)
      expect(await theirs.find(Member, 'email', ['same@example.com'])).toEqual(yours)
      expect((await ours.get(Counter, 'seats'))?.value).toBe(1)
      expect((await theirs.get(Counter, 'seats'))?.value).toBe(5)
      expect(await ours.next('member')).toBe(1)
      expect(await theirs.next('member', 3)).toBe(1)
      expect(await ours.next('member')).toBe(2)
      expect(await theirs.next('member')).toBe(4)

      await ours.commit([remove(Member, mine)], meta)
      expect(await theirs.get(Member, mine.id)).toEqual(yours)
    })

    test("holds a unique directory key once over all tenants, and tells nothing of the other's row", async () => {
      const [ours, theirs] = [fresh(), fresh()]
      await theirs.commit([insert(Member, aMember({ login: 'one-over-all' }))], meta)
      const member = aMember({ login: 'one-over-all' })

      await expect(ours.commit([insert(Member, member)], meta)).rejects.toMatchObject({ reason: 'unique', id: member.id, key: 'login' })

      await expect(ours.commit([insert(Member, aMember()), insert(Member, aMember())], meta)).resolves.toBeDefined()
    })

    test("yields only one's own rows for a cursor of another tenant", async () => {
      const [ours, theirs] = [fresh(), fresh()]
      for (const tenant of [ours, theirs])
        await tenant.commit(
          [1, 2, 3].map(() => insert(Member, aMember())),
          meta,
        )
      const { nextCursor } = await ours.list(Member, { limit: 1 })

      const { items } = await theirs.list(Member, { cursor: nextCursor })

      for (const row of items) expect(await theirs.get(Member, row.id)).toEqual(row)
    })

    test('lets the platform look up rows of all tenants by a directory key, at most as many as asked for', async () => {
      const [ours, theirs] = [fresh(), fresh()]
      const username = `everywhere ${newId()}`
      const [mine, yours] = [aMember({ username, role: 'manager' }), aMember({ username, role: 'manager' })]
      await ours.commit([insert(Member, mine)], meta)
      await theirs.commit([insert(Member, yours), insert(Member, aMember({ username: `${username} too`, role: 'manager' }))], meta)
      const of = async (limit?: number) => await platform().lookup(Member, 'role', ['manager', username], limit)

      const expected = [
        { tenantId: ours.tenantId, row: mine },
        { tenantId: theirs.tenantId, row: yours },
      ]
      expect((await of()).toSorted((a, b) => (a.tenantId === ours.tenantId ? -1 : b.tenantId === ours.tenantId ? 1 : 0))).toEqual(expected)
      expect(await of(1)).toHaveLength(1)
      expect(await platform().lookup(Member, 'role', ['owner', username])).toEqual([])
      expect(await platform().lookup(Member, 'login', [null])).toEqual([])
    })

    test('lets the platform list rows of all tenants in the order of a directory, page by page', async () => {
      const [ours, theirs] = [fresh(), fresh()]
      const prefix = newId()
      const rows = ['d', 'a', 'c', 'b', 'a'].map((letter) =>
        aMember({ role: 'owner', username: `${prefix} ${letter}`, usernameKey: newId() }),
      )
      for (const [n, row] of rows.entries())
        await (n % 2 === 0 ? ours : theirs).commit([insert(Member, { ...row, usernameKey: row.id })], meta)
      const met: { tenantId: string; username: string }[] = []
      for (let cursor: string | null = null, first = true; first || cursor !== null; first = false) {
        const page: Page<{ tenantId: string; row: Member }> = await platform().listAll(Member, 'role', {
          where: ['owner'],
          cursor,
          limit: 2,
        })
        met.push(...page.items.map(({ tenantId, row }) => ({ tenantId, username: row.username })))
        cursor = page.nextCursor
      }

      const found = met.filter((one) => one.username.startsWith(prefix))
      expect(found.map((one) => one.username.at(-1)).join('')).toBe('aabcd')
      expect(found.filter((one) => one.tenantId === ours.tenantId)).toHaveLength(3)
      await expect(platform().listAll(Member, 'role', { where: ['owner'], cursor: 'nonsense' })).rejects.toMatchObject({
        code: 'bad_cursor',
      })
      await expect(platform().listAll(Member, 'role', { limit: 201 })).rejects.toThrow('1 to 200')
      await expect(platform().listAll(Member, 'email', {})).rejects.toThrow('no directory')
    })

    test('leaves rows without a value out of a directory that is ordered by it', async () => {
      const tenant = fresh()
      const login = `listed ${newId()}`
      await tenant.commit([insert(Member, aMember({ login })), insert(Member, aMember())], meta)

      const page = await platform().listAll(Member, 'login', { limit: 200 })

      expect(page.items.every(({ row }) => row.login !== null)).toBe(true)
      expect(page.items.some(({ row }) => row.login === login)).toBe(true)
    })

    test("keeps the platform's own rows in a tenant of its own", async () => {
      const note = aNote(newId())
      await platform().commit([insert(Note, note)], meta)

      expect(platform().tenantId).toBe(platformTenant)
      expect(await platform().get(Note, note.id)).toEqual(note)
      expect(await fresh().get(Note, note.id)).toBeNull()
      expect(await storage().tenant(platformTenant).get(Note, note.id)).toEqual(note)
      expect((await platform().head())?.stream).toBe(platformTenant)
    })
  })
}
