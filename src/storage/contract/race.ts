import { expect, test } from 'vitest'
import { add, type Change, Counter, check, insert, patched, remove, update } from '../../kernel/change.ts'
import { Conflict, type Receipt } from '../port.ts'
import { aMember, aNote, chapter, Member, meta, Note, newId, now, type OpenSubject } from './harness.ts'

const fulfilled = (results: readonly PromiseSettledResult<unknown>[]): number =>
  results.filter((result) => result.status === 'fulfilled').length

function expectConflicts(results: readonly PromiseSettledResult<unknown>[]): void {
  for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(Conflict)
}

/** What holds when many write at once. */
export function raceLaws(open: OpenSubject): void {
  chapter('race', open, ({ fresh, reopen, storage }) => {
    test('lets exactly one of two racing writers win', async () => {
      const tenant = fresh()
      const note = aNote('n', 'first')
      await tenant.commit([insert(Note, note)], meta)

      const results = await Promise.allSettled(
        ['red', 'green'].map((text) => tenant.commit([update(Note, note, patched(Note, note, { text }, now))], meta)),
      )

      expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected'])
      expectConflicts(results)
      expect(await tenant.log(null, 0, 10)).toHaveLength(2)
      expect((await tenant.get(Note, 'n'))?.text).toBe(results[0]?.status === 'fulfilled' ? 'red' : 'green')
    })

    test('lets exactly one of 64 creations of one key win', async () => {
      const tenant = fresh()
      const members = Array.from({ length: 64 }, () => aMember({ email: 'wanted@example.com' }))

      const results = await Promise.allSettled(members.map((member) => tenant.commit([insert(Member, member)], meta)))

      expect(fulfilled(results)).toBe(1)
      expectConflicts(results)
      expect((await tenant.list(Member, {})).items).toEqual([members[results.findIndex((result) => result.status === 'fulfilled')]])
      expect(await tenant.log(null, 0, 100)).toHaveLength(1)
    })

    test('lets exactly one of 64 tenants take a unique directory key', async () => {
      const login = `wanted ${newId()}`
      const results = await Promise.allSettled(Array.from({ length: 64 }, () => fresh().commit([insert(Member, aMember({ login }))], meta)))

      expect(fulfilled(results)).toBe(1)
      expectConflicts(results)
      expect(await storage().platform().lookup(Member, 'login', [login])).toHaveLength(1)
    })

    test('keeps a counter within its bounds whoever races, with the rows that it counts', async () => {
      const tenant = fresh()
      const join = (n: number): Change[] => [insert(Note, aNote(`seat ${n}`)), add('seats', 1, now, { max: 10 })]

      const results = await Promise.allSettled(
        Array.from({ length: 64 }, (_, n) => tenant.commit(n % 2 === 0 ? join(n) : join(n).reverse(), meta)),
      )

      expect(fulfilled(results)).toBe(10)
      expectConflicts(results)
      expect((await tenant.get(Counter, 'seats'))?.value).toBe(10)
      expect(await tenant.count(Note, {})).toBe(10)
      expect(await tenant.log(null, 0, 100)).toHaveLength(10)
    })

    test('loses no addition', async () => {
      const tenant = fresh()
      await Promise.all(Array.from({ length: 200 }, (_, n) => tenant.commit([add('sum', n % 2 === 0 ? 3 : -1, now)], meta)))

      expect(await tenant.get(Counter, 'sum')).toMatchObject({ value: 200, version: 200 })
    })

    test('lets a pinned row and its removal never both win', async () => {
      const tenant = fresh()
      for (let round = 0; round < 20; round += 1) {
        const owner = aNote(`owner ${round}`)
        const owned = aNote(`owned ${round}`)
        await tenant.commit([insert(Note, owner)], meta)
        const commits = [
          () => tenant.commit([check(Note, owner), insert(Note, owned)], meta),
          () => tenant.commit([remove(Note, owner)], meta),
        ]

        const results = await Promise.allSettled((round % 2 === 0 ? commits : commits.reverse()).map((commit) => commit()))

        const rows = await tenant.read([owner, owned].map(({ id }) => ({ type: Note, id })))
        expectConflicts(results)
        expect(rows[1] === null || rows[0] !== null || fulfilled(results) === 2).toBe(true)
        if (fulfilled(results) === 2)
          expect((results[0] as PromiseFulfilledResult<Receipt>).value.sequence).not.toBe(
            (results[1] as PromiseFulfilledResult<Receipt>).value.sequence,
          )
      }
    })

    test('lets the members of a burst fail alone', async () => {
      const tenant = fresh()
      const [taken, kept] = [aMember({ email: 'burst@example.com' }), aMember()]
      await tenant.commit([insert(Member, taken), insert(Member, kept)], meta)
      const commits = Array.from({ length: 120 }, (_, n): { changes: Change[]; isGood: boolean } => {
        switch (n % 6) {
          case 0:
            return { changes: [insert(Note, aNote(`good ${n}`))], isGood: true }
          case 1:
            return { changes: [insert(Member, aMember({ email: 'burst@example.com' }))], isGood: false }
          case 2:
            return { changes: [insert(Note, aNote(`half ${n}`)), add('burst', 1, now), check(Note, aNote('absent'))], isGood: false }
          case 3:
            return { changes: [insert(Note, aNote(`pair ${n}`)), add('burst', 1, now)], isGood: true }
          case 4:
            return {
              changes: [insert(Note, aNote(`lost ${n}`)), add('burst', 1, now), remove(Member, { ...kept, version: 9 })],
              isGood: false,
            }
          default:
            return { changes: [], isGood: true }
        }
      })

      const results = await Promise.allSettled(commits.map(({ changes }) => tenant.commit(changes, meta)))

      expect(results.map((result) => result.status === 'fulfilled')).toEqual(commits.map(({ isGood }) => isGood))
      expectConflicts(results)
      expect((await tenant.get(Counter, 'burst'))?.value).toBe(20)
      expect(await tenant.count(Note, {})).toBe(40)
      const entries = await tenant.log(null, 0, 1_000)
      expect(entries.map(({ entry }) => entry.sequence)).toEqual(Array.from({ length: 61 }, (_, n) => n + 1))
    })

    test('gives every commit of a burst its own place in the stream, with the hash that its receipt names', async () => {
      const tenants = [fresh(), fresh(), fresh()]
      const receipts = await Promise.all(
        Array.from({ length: 300 }, (_, n) => tenants[n % 3]?.commit([insert(Note, aNote(`n ${n}`))], meta)),
      )

      for (const [n, tenant] of tenants.entries()) {
        const entries = await tenant.log(null, 0, 1_000)
        const ours = receipts.filter((_, position) => position % 3 === n).toSorted((a, b) => (a?.sequence ?? 0) - (b?.sequence ?? 0))
        expect(ours.map((receipt) => [receipt?.sequence, receipt?.hash])).toEqual(entries.map(({ entry, hash }) => [entry.sequence, hash]))
      }
    })

    test('never gives a number twice, however many ask at once', async () => {
      const tenant = fresh()
      const firsts = await Promise.all(Array.from({ length: 100 }, (_, n) => tenant.next('member', 1 + (n % 3))))

      const numbers = firsts.flatMap((first, n) => Array.from({ length: 1 + (n % 3) }, (_, offset) => first + offset))
      expect(new Set(numbers).size).toBe(numbers.length)
      expect(Math.min(...numbers)).toBeGreaterThanOrEqual(1)
    })

    test('gives numbers above every one that an insert carried, also when it is opened again', async () => {
      const tenant = fresh()
      expect(await tenant.next('member')).toBe(1)
      await tenant.commit([insert(Member, aMember({ number: 500 }))], meta)
      const first = await tenant.next('member')
      expect(first).toBeGreaterThan(500)
      await tenant.commit([insert(Member, aMember({ number: first })), insert(Member, aMember({ number: 12 }))], meta)
      await tenant.commit([insert(Member, aMember({ number: null }))], meta)

      await reopen()

      const again = storage().tenant(tenant.tenantId)
      expect(await again.next('member')).toBeGreaterThan(first)
      expect(await again.next('another sequence')).toBe(1)
    })

    test.each([0, -1, 1.5])('throws for %d numbers', async (n) => {
      await expect(fresh().next('member', n)).rejects.toThrow()
    })
  })
}
