import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { add, type Change, Counter, check, insert, patched, remove, update } from '../../kernel/change.ts'
import { freshDatabase, type PostgresServer, startPostgres } from '../../testing/postgres-server.ts'
import { aMember, aNote, entities, Member, meta, Note, newId, newSigner, now } from '../contract/harness.ts'
import { Conflict, type Storage, type TenantStore } from '../port.ts'
import { postgres } from './engine.ts'

/** Several engines on one database, as several processes are. */
let server: PostgresServer
let engines: Storage[]
let url: string
beforeAll(async () => {
  server = await startPostgres()
  url = (await freshDatabase(server.adminUrl)).url
  engines = Array.from({ length: 3 }, () => postgres({ url, entities }))
  // all at once: one migrates, the others wait for it
  await Promise.all(engines.map((engine) => engine.open()))
  const signer = newSigner()
  for (const engine of engines) await engine.setSigner(signer)
})
afterAll(async () => {
  for (const engine of engines) await engine.close()
  await server.stop()
})

const at = (n: number, tenantId: string): TenantStore => (engines[n % engines.length] as Storage).tenant(tenantId)

/** The same work from every engine at once, over and over. */
async function race(count: number, work: (n: number) => Promise<unknown>): Promise<{ done: number; errors: unknown[] }> {
  const results = await Promise.allSettled(Array.from({ length: count }, (_, n) => work(n)))
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  for (const error of errors) expect(error).toBeInstanceOf(Conflict)
  return { done: count - errors.length, errors }
}

describe('several processes on one database', () => {
  test('let exactly one of many creations of a name win', async () => {
    const tenantId = newId()
    const { done, errors } = await race(60, (n) => at(n, tenantId).commit([insert(Member, aMember({ email: 'wanted@example.org' }))], meta))

    expect(done).toBe(1)
    expect(errors.every((error) => (error as Conflict).reason === 'unique' && (error as Conflict).key === 'email')).toBe(true)
    expect(await at(0, tenantId).count(Member, {})).toBe(1)
  })

  test('let exactly one of many tenants take a login, and name the key', async () => {
    const login = newId()
    const { done, errors } = await race(60, (n) => at(n, newId()).commit([insert(Member, aMember({ login }))], meta))

    expect(done).toBe(1)
    expect(errors.every((error) => (error as Conflict).key === 'login')).toBe(true)
  })

  test('let names pass between rows without ever doubling one', async () => {
    const tenantId = newId()
    const members = Array.from({ length: 6 }, (_, n) => aMember({ email: `${n}@example.org` }))
    await at(0, tenantId).commit(
      members.map((member) => insert(Member, member)),
      meta,
    )
    await race(60, async (n) => {
      const store = at(n, tenantId)
      const row = (await store.get(Member, members[n % 6]?.id ?? '')) as Member
      await store.commit([update(Member, row, patched(Member, row, { email: `${(n * 7) % 9}@example.org` }, now))], meta)
    })

    const { items } = await at(1, tenantId).list(Member, {})
    expect(new Set(items.map(({ email }) => email)).size).toBe(6)
  })

  test('keep the last owner, whoever removes whom', async () => {
    for (let round = 0; round < 5; round += 1) {
      const tenantId = newId()
      const owners = Array.from({ length: 6 }, () => aMember({ role: 'owner' }))
      await at(0, tenantId).commit([...owners.map((owner) => insert(Member, owner)), add('owners', 6, now)], meta)

      const { done, errors } = await race(6, (n) =>
        at(n, tenantId).commit([remove(Member, owners[n] as Member), add('owners', -1, now, { min: 1 })], meta),
      )

      expect(done).toBe(5)
      expect(errors).toMatchObject([{ reason: 'bound' }])
      expect(await at(round, tenantId).count(Member, {})).toBe(1)
    }
  })

  test('let one writer of a version win, on streams of their own too', async () => {
    const tenantId = newId()
    const note = aNote('n', 'first')
    await at(0, tenantId).commit([insert(Note, note)], meta)

    const { done, errors } = await race(30, (n) =>
      at(n, tenantId).commit([update(Note, note, patched(Note, note, { text: `${n}` }, now))], {
        ...meta,
        stream: `document ${tenantId} ${n}`,
      }),
    )

    expect(done).toBe(1)
    expect(errors.every((error) => (error as Conflict).reason === 'version')).toBe(true)
  })

  test('never let a pinned row and its removal both win, on streams of their own', async () => {
    const tenantId = newId()
    for (let round = 0; round < 15; round += 1) {
      const owner = aNote(`owner ${round}`)
      await at(0, tenantId).commit([insert(Note, owner)], meta)
      const own = (n: number) => ({ ...meta, stream: `s ${tenantId} ${round} ${n}` })
      await race(6, (n) =>
        at(n, tenantId).commit(
          n === 0 ? [remove(Note, owner)] : [check(Note, owner), insert(Note, aNote(`owned ${round} ${n}`)), add(`owned ${round}`, 1, now)],
          own(n),
        ),
      )
      // what was pinned to it is there only if it was there then: the counter tells how many
      const pinned = (await at(1, tenantId).get(Counter, `owned ${round}`))?.value ?? 0
      const ids = Array.from({ length: 6 }, (_, n) => ({ type: Note, id: `owned ${round} ${n}` }))
      expect((await at(2, tenantId).read(ids)).filter((row) => row !== null)).toHaveLength(pinned)
    }
  })

  test('lose no addition, leave no gap in the log, and give no number twice', async () => {
    const tenantId = newId()
    const numbers: number[] = []
    await Promise.all(
      Array.from({ length: 120 }, async (_, n) => {
        const store = at(n, tenantId)
        const number = await store.next('member')
        numbers.push(number)
        const changes: Change[] = [insert(Member, aMember({ number })), add('members', 1, now)]
        await store.commit(changes, meta)
      }),
    )

    expect(new Set(numbers).size).toBe(120)
    expect((await at(1, tenantId).get(Counter, 'members'))?.value).toBe(120)
    const entries = await at(2, tenantId).log(null, 0, 1_000)
    expect(entries.map(({ entry }) => entry.sequence)).toEqual(Array.from({ length: 120 }, (_, n) => n + 1))
    for (const [n, { entry }] of entries.entries()) expect(entry.previousHash).toBe(n === 0 ? '0'.repeat(64) : entries[n - 1]?.hash)
    expect(await at(0, tenantId).head()).toMatchObject({ sequence: 120, hash: entries.at(-1)?.hash })
  })

  test('see at once what another has committed', async () => {
    const tenantId = newId()
    for (let n = 0; n < 20; n += 1) {
      await at(n, tenantId).commit([insert(Note, aNote(`${n}`))], meta)
      expect(await at(n + 1, tenantId).get(Note, `${n}`)).not.toBeNull()
    }
  })

  test('wake each other: a watcher hears of commits of all', async () => {
    const tenantId = newId()
    const told = engines.map(() => new Set<number>())
    const stops = engines.map((engine, n) =>
      engine.watch((commit) => {
        if (commit.tenantId === tenantId) told[n]?.add(commit.sequence)
      }),
    )
    for (let n = 0; n < 6; n += 1) await at(n, tenantId).commit([], meta)
    await expect.poll(() => told.map((heard) => heard.has(6)), { timeout: 60_000 }).toEqual([true, true, true])
    for (const stop of stops) stop()
  })

  test('give a job to one of them, and to another once that one keeps it no longer', async () => {
    const job = newId()
    const take = (n: number, seconds = 60) => engines[n]?.lease?.(job, seconds)
    const epochs = await Promise.all([0, 1, 2].map((n) => take(n)))
    const holder = epochs.indexOf(1)
    expect(epochs.filter((epoch) => epoch === null)).toHaveLength(2)
    expect(await take(holder, 0.2)).toBe(1)
    const other = (holder + 1) % 3
    expect(await take(other)).toBeNull()
    await expect.poll(() => take(other), { timeout: 60_000 }).toBe(2)
    expect(await take(holder)).toBeNull()
  })

  test('hear what they missed when one begins', async () => {
    const tenantId = newId()
    await at(0, tenantId).commit([], meta)
    const heard = new Set<string>()
    const stop = (engines[1] as Storage).watch((commit) => heard.add(commit.tenantId))
    const late = postgres({ url, entities })
    await late.open()
    await expect.poll(() => heard.has(tenantId), { timeout: 60_000 }).toBe(true)
    stop()
    await late.close()
  })
})
