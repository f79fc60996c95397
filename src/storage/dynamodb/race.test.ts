import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sha256 } from '../../kernel/canonical.ts'
import { add, Counter, insert, patched, remove, update } from '../../kernel/change.ts'
import { type DynamoServer, hasDynamo, startDynamo } from '../../testing/dynamodb-server.ts'
import { aMember, aNote, entities, Member, meta, Note, newId, newSigner, now } from '../contract/harness.ts'
import { Conflict, type Receipt, type Storage, type TenantStore } from '../port.ts'
import { dynamodb } from './engine.ts'

let server: DynamoServer
const engines: Storage[] = []

const won = (results: readonly PromiseSettledResult<unknown>[]) => results.filter(({ status }) => status === 'fulfilled').length

function expectConflicts(results: readonly PromiseSettledResult<unknown>[]): void {
  for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(Conflict)
}

/** One tenant as two processes see it. */
function both(): [TenantStore, TenantStore] {
  const id = newId()
  return engines.map((engine) => engine.tenant(id)) as [TenantStore, TenantStore]
}

describe.runIf(hasDynamo())('two processes on one DynamoDB', () => {
  beforeAll(async () => {
    server = await startDynamo()
    const prefix = `t-${randomUUID()}`
    for (let n = 0; n < 2; n += 1) {
      const engine = dynamodb({ region: 'eu-central-1', prefix, endpoint: server.endpoint, tables: {}, entities })
      await engine.open()
      await engine.setSigner(newSigner(`k-${n}`))
      engines.push(engine)
    }
  })
  afterAll(async () => {
    for (const engine of engines) await engine.close()
    await server.stop()
  })

  test('let one of all who take a name win', async () => {
    const stores = both()
    const results = await Promise.allSettled(
      Array.from({ length: 24 }, (_, n) => stores[n % 2]?.commit([insert(Member, aMember({ email: 'wanted@example.org' }))], meta)),
    )

    expect(won(results)).toBe(1)
    expectConflicts(results)
    expect(await stores[0].count(Member, {})).toBe(1)
    expect(await stores[1].log(null, 0, 100)).toHaveLength(1)
  })

  test('never let the last owner go', async () => {
    const stores = both()
    await stores[0].commit([add('owners', 2, now)], meta)
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) => stores[n % 2]?.commit([add('owners', -1, now, { min: 1 })], meta)),
    )

    expect(won(results)).toBe(1)
    expectConflicts(results)
    expect((await stores[1].get(Counter, 'owners'))?.value).toBe(1)
  })

  test('let one of two who change a version win, and the other hear of it', async () => {
    const stores = both()
    let note = aNote('n', '0')
    await stores[0].commit([insert(Note, note)], meta)
    for (let round = 1; round <= 10; round += 1) {
      const next = stores.map((_, n) => patched(Note, note, { text: `${round}-${n}` }, now))
      const results = await Promise.allSettled(stores.map((store, n) => store.commit([update(Note, note, next[n] as Note)], meta)))
      expect(won(results)).toBe(1)
      expectConflicts(results)
      note = (await stores[round % 2]?.get(Note, 'n')) as Note
      expect(note).toEqual(next[results.findIndex(({ status }) => status === 'fulfilled')])
    }
  })

  test('write one log without a gap, each entry behind the other, and every receipt true', async () => {
    const stores = both()
    const receipts = (await Promise.all(
      Array.from({ length: 80 }, (_, n) => stores[n % 2]?.commit([insert(Note, aNote(`${n}`))], meta)),
    )) as Receipt[]
    const entries = await stores[0].log(null, 0, 1_000)

    expect(entries.map(({ entry }) => entry.sequence)).toEqual(Array.from({ length: 80 }, (_, n) => n + 1))
    let previous = '0'.repeat(64)
    for (const { entry, text, hash } of entries) {
      expect(entry.previousHash).toBe(previous)
      expect(hash).toBe(sha256(previous + text))
      previous = hash
    }
    for (const { sequence, hash } of receipts) expect(entries[sequence - 1]?.hash).toBe(hash)
    expect(await stores[1].head()).toMatchObject({ sequence: 80, hash: previous })
  })

  test('lose no addition', async () => {
    const stores = both()
    await Promise.all(Array.from({ length: 40 }, (_, n) => stores[n % 2]?.commit([add('sum', n % 2 === 0 ? 3 : -1, now)], meta)))

    expect(await stores[1].get(Counter, 'sum')).toMatchObject({ value: 40, version: 40 })
  })

  /** What a use case does: one that meets another is run again, with a number of its own. */
  async function numbered(store: TenantStore): Promise<{ number: number; runs: number }> {
    for (let runs = 1; ; runs += 1) {
      const number = await store.next('member')
      const result = await store.commit([insert(Member, aMember({ number }))], meta).catch((error: unknown) => error)
      if (!(result instanceof Error)) return { number, runs }
      expect(result).toMatchObject({ name: 'Conflict', reason: 'version', entity: 'member' })
    }
  }

  test('give no number twice to those who ask at once', async () => {
    const stores = both()
    const given = await Promise.all(Array.from({ length: 40 }, (_, n) => stores[n % 2]?.next('member') as Promise<number>))
    expect(new Set(given).size).toBe(40)
  })

  test('write no row with a number that another process gave or carried, though each foresees its own', async () => {
    const stores = both()
    const inTurn: number[] = []
    for (let n = 0; n < 12; n += 1) inTurn.push((await numbered(stores[n % 2] as TenantStore)).number)
    expect(inTurn).toEqual(Array.from({ length: 12 }, (_, n) => n + 1))

    await stores[0].commit([insert(Member, aMember({ number: 900 }))], meta)
    expect((await numbered(stores[1])).number).toBe(901)

    const atOnce = await Promise.all(Array.from({ length: 30 }, (_, n) => numbered(stores[n % 2] as TenantStore)))
    const numbers = atOnce.map(({ number }) => number)
    expect(new Set(numbers).size).toBe(30)
    expect(Math.min(...numbers)).toBe(902)
  })

  test('foresee numbers one at a time, and ask where another process goes on', async () => {
    const [store, other] = both()
    await numbered(store)
    const foreseen = await store.next('member')
    // of the first nothing was heard yet: the next is asked for, together with the first
    const asked = await store.next('member')
    expect([foreseen, asked]).toEqual([2, 3])
    for (const number of [asked, foreseen]) await store.commit([insert(Member, aMember({ number }))], meta)

    const again = await store.next('member')
    await numbered(other)
    await expect(store.commit([insert(Member, aMember({ number: again }))], meta)).rejects.toMatchObject({ reason: 'version' })
    await numbered(other)
    expect(await numbered(store)).toEqual({ number: 6, runs: 1 })
  })

  test('take a number that was foreseen once, and whose row is gone, back as a restore does', async () => {
    const [store] = both()
    await numbered(store)
    const number = await store.next('member')
    const member = aMember({ number })
    await store.commit([insert(Member, member)], meta)
    await store.commit([remove(Member, member)], meta)
    await numbered(store)
    await store.commit([insert(Member, aMember({ number }))], meta)
    expect(await store.count(Member, {})).toBe(3)
  })

  test('lose no addition to a counter that each remembers', async () => {
    const stores = both()
    for (let n = 0; n < 10; n += 1) await stores[n % 2]?.commit([add('remembered', 1, now)], meta)
    expect(await stores[0].get(Counter, 'remembered')).toMatchObject({ value: 10, version: 10 })
  })

  test('refuse no move within bounds for what is remembered of a counter', async () => {
    const stores = both()
    await stores[0].commit([add('places', 1, now)], meta)
    await stores[1].commit([add('places', 1, now)], meta)
    await stores[0].commit([add('places', -1, now, { min: 1 })], meta)
    expect((await stores[1].get(Counter, 'places'))?.value).toBe(1)
  })

  test('see a commit of more items than a transaction takes whole from the moment its entry is in the log', async () => {
    const stores = both()
    const notes = Array.from({ length: 150 }, (_, n) => aNote(`${n}`))
    const partial: number[] = []
    let isDone = false
    const looking = (async () => {
      for (let isLogged = false; !isDone; isLogged = (await stores[1].head()) !== null) {
        const count = await stores[1].count(Note, {})
        const rows = await stores[1].read(notes.map(({ id }) => ({ type: Note, id })))
        if (isLogged) partial.push(150 - count, rows.filter((row) => row === null).length)
      }
    })()
    await stores[0].commit(
      notes.map((note) => insert(Note, note)),
      meta,
    )
    expect(await stores[1].count(Note, {})).toBe(150)
    isDone = true
    await looking

    expect(partial.filter((missing) => missing !== 0)).toEqual([])
  })

  test('let a large commit and a small one that meet both keep their promise', async () => {
    const stores = both()
    const notes = Array.from({ length: 40 }, (_, n) => aNote(`${n}`))
    await stores[0].commit(
      notes.map((note) => insert(Note, note)),
      meta,
    )
    const results = await Promise.allSettled([
      stores[0].commit(
        notes.map((note) => update(Note, note, patched(Note, note, { text: 'all' }, now))),
        meta,
      ),
      stores[1].commit([remove(Note, notes[20] as Note)], meta),
    ])

    expect(won(results)).toBe(1)
    expectConflicts(results)
    const texts = new Set((await stores[1].list(Note, { limit: 200 })).items.map(({ text }) => text))
    expect([...texts]).toEqual(results[0].status === 'fulfilled' ? ['all'] : [''])
    expect(await stores[1].count(Note, {})).toBe(results[0].status === 'fulfilled' ? 40 : 39)
  })

  test('tell a watcher of what the other one wrote, while somebody follows the log', async () => {
    const stores = both()
    await stores[0].commit([], meta)
    const told: number[] = []
    const stop = engines[1]?.watch(({ tenantId, sequence }) => {
      if (tenantId === stores[1].tenantId) told.push(sequence)
    })
    await stores[1].log(null, 0, 10)
    await stores[0].commit([], meta)

    await expect.poll(() => told, { timeout: 60_000 }).toEqual([2])
    stop?.()
  })

  test('a job is given to one of them, and to the other once that one keeps it no longer', async () => {
    const job = newId()
    const take = (n: number, seconds = 60) => engines[n]?.lease?.(job, seconds)
    const epochs = await Promise.all([0, 1].map((n) => take(n)))
    const holder = epochs.indexOf(1)
    const other = 1 - holder
    expect(epochs[other]).toBeNull()
    expect(await take(holder, 0.5)).toBe(1)
    expect(await take(other)).toBeNull()
    await expect.poll(() => take(other), { timeout: 60_000 }).toBe(2)
    expect(await take(holder)).toBeNull()
  })
})
