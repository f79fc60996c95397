import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { insert } from '../../kernel/change.ts'
import { freshDatabase, type PostgresServer, startPostgres } from '../../testing/postgres-server.ts'
import { aNote, entities, meta, Note, newId, newSigner } from '../contract/harness.ts'
import type { Storage } from '../port.ts'
import { postgres } from './engine.ts'

let server: PostgresServer
let storage: Storage
let url: string
beforeAll(async () => {
  server = await startPostgres({ own: true })
})
afterAll(() => server.stop())

beforeEach(async () => {
  url = (await freshDatabase(server.adminUrl)).url
  storage = postgres({ url, entities })
  await storage.open()
  await storage.setSigner(newSigner())
  return () => storage.close()
})

const unavailable = expect.objectContaining({ kind: 'unavailable', code: 'storage_failed', retryAfterSeconds: expect.any(Number) })

async function administer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql).finally(() => client.end())
}

describe('a server that is gone', () => {
  test('is an outage for every call, never an empty answer, and used again as soon as it is back', async () => {
    const tenant = storage.tenant(newId())
    const note = aNote('before')
    await tenant.commit([insert(Note, note)], meta)

    await server.kill()
    const calls = await Promise.allSettled([
      tenant.get(Note, 'before'),
      tenant.read([{ type: Note, id: 'before' }]),
      tenant.list(Note, {}),
      tenant.count(Note, {}),
      tenant.tally(Note, {}, ['text']),
      tenant.log(null, 0, 10),
      tenant.head(),
      tenant.next('note'),
      tenant.commit([insert(Note, aNote('lost'))], meta),
      storage.platform().heads({}),
      storage.transfer().state(),
      storage.check(),
      storage.describe(),
    ])
    expect(calls).toEqual(calls.map(() => ({ status: 'rejected', reason: unavailable })))

    await server.restart()
    const startMs = performance.now()
    expect(await tenant.get(Note, 'before')).toEqual(note)
    await tenant.commit([insert(Note, aNote('after'))], meta)
    expect(performance.now() - startMs).toBeLessThan(3_000)
    expect(await tenant.get(Note, 'lost')).toBeNull()
    expect((await tenant.log(null, 0, 10)).map(({ entry }) => entry.sequence)).toEqual([1, 2])
  })

  test('loses nothing that was acknowledged, whenever it is killed, and leaves no half of a commit', async () => {
    const tenant = storage.tenant(newId())
    const acknowledged = new Set<string>()
    const refused: unknown[] = []
    for (let round = 0; round < 3; round += 1) {
      let isRunning = true
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        for (let n = 0; isRunning; n += 1) {
          const id = `${round} ${writer} ${n}`
          await tenant.commit([insert(Note, aNote(id)), insert(Note, aNote(`${id} too`))], meta).then(
            () => acknowledged.add(id),
            async (error: unknown) => {
              refused.push(error)
              await setTimeout(20)
            },
          )
        }
      })
      await setTimeout(150 + 100 * round)
      await server.kill()
      await server.restart()
      await setTimeout(100)
      isRunning = false
      await Promise.all(writers)
    }

    expect(acknowledged.size).toBeGreaterThan(50)
    expect(refused.length).toBeGreaterThan(0)
    for (const error of refused) expect(error).toEqual(unavailable)
    const ids = [...acknowledged].flatMap((id) => [id, `${id} too`])
    const rows = await tenant.read(ids.map((id) => ({ type: Note, id })))
    expect(rows.filter((row) => row === null)).toEqual([])
    expect((await tenant.count(Note, {})) % 2).toBe(0)
    const sequences: number[] = []
    for (let after = 0; ; after += 1_000) {
      const entries = await tenant.log(null, after, 1_000)
      sequences.push(...entries.map(({ entry }) => entry.sequence))
      if (entries.length < 1_000) break
    }
    expect(sequences).toEqual(sequences.map((_, position) => position + 1))
    expect(await tenant.count(Note, {})).toBe(sequences.length * 2)
  })
})

describe('a connection that is cut', () => {
  const cutAll =
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'holdfast' AND pid <> pg_backend_pid()"

  test('while nothing is on its way bothers nobody', async () => {
    const tenant = storage.tenant(newId())
    await tenant.commit([insert(Note, aNote('one'))], meta)
    for (let round = 0; round < 5; round += 1) {
      await administer(cutAll)
      expect(await tenant.get(Note, 'one')).not.toBeNull()
      await administer(cutAll)
      // what is sent before the end of a connection has arrived is on its way (the next test)
      await setTimeout(100)
      await tenant.commit([insert(Note, aNote(`round ${round}`))], meta)
    }
  })

  test('in the middle of a commit leaves it unknown: an outage, and all of it or nothing is stored', async () => {
    const tenant = storage.tenant(newId())
    await tenant.commit([], meta)
    // holds the last statement of the commit before its end, so that the cut meets it there
    await administer(`CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN new; END $$;
      CREATE TRIGGER wait BEFORE INSERT ON log FOR EACH ROW WHEN (new.entry LIKE '%slow%') EXECUTE FUNCTION wait()`)

    const commit = tenant.commit([insert(Note, aNote('slow'))], meta)
    commit.catch(() => {})
    await setTimeout(300)
    await administer(cutAll)

    await expect(commit).rejects.toEqual(unavailable)
    const isThere = (await tenant.get(Note, 'slow')) !== null
    expect(await tenant.log(null, 0, 10)).toHaveLength(isThere ? 2 : 1)
    await administer('DROP TRIGGER wait ON log')
    await tenant.commit([insert(Note, aNote('quick'))], meta)
    expect(await tenant.log(null, 0, 10)).toHaveLength(isThere ? 3 : 2)
  })
})

/** A way to PostgreSQL that, once armed, swallows the answer to a message with a log entry and closes the connection as a router does that goes down: in order, and without a word. */
async function swallowingProxy(): Promise<{ port: number; arm(): void; close(): void }> {
  const target = Number(new URL(url).port)
  let isArmed = false
  const proxy = createServer((client) => {
    const server = connect(target, '127.0.0.1')
    let isSwallowing = false
    client.on('data', (bytes) => {
      if (isArmed && bytes.includes('previousHash')) isSwallowing = true
      server.write(bytes)
    })
    server.on('data', (bytes) => {
      if (!isSwallowing) return void client.write(bytes)
      isArmed = false
      client.end()
      server.end()
    })
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', () => {})
      socket.on('close', () => other.destroy())
    }
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return { port: (proxy.address() as AddressInfo).port, arm: () => (isArmed = true), close: () => proxy.close() }
}

test.each([1, 3])(
  '%d commits that were sent whole, and whose answer never came, are unknown: nobody is told that they met their own work',
  async (size) => {
    const proxy = await swallowingProxy()
    const through = new URL(url)
    through.port = String(proxy.port)
    const engine = postgres({ url: through.href, entities })
    await engine.open()
    await engine.setSigner(newSigner())
    const tenant = engine.tenant(newId())
    await tenant.commit([insert(Note, aNote('before'))], meta)

    proxy.arm()
    const ids = Array.from({ length: size }, (_, n) => `note ${n}`)
    const results = await Promise.allSettled(ids.map((id) => tenant.commit([insert(Note, aNote(id))], meta)))

    expect(results).toEqual(results.map(() => ({ status: 'rejected', reason: unavailable })))
    expect((await tenant.log(null, 0, 100)).map(({ entry }) => entry.sequence)).toEqual(Array.from({ length: size + 1 }, (_, n) => n + 1))
    expect(await tenant.count(Note, {})).toBe(size + 1)
    await engine.close()
    proxy.close()
  },
)

test('waits for a lock of someone else no longer than a while, and says that it is an outage', async () => {
  const tenant = storage.tenant(newId())
  await tenant.commit([], meta)
  const other = new pg.Client({ connectionString: url })
  await other.connect()
  await other.query('BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE')
  const commit = tenant.commit([insert(Note, aNote('waits'))], meta)
  await setTimeout(200)
  await other.query('COMMIT')
  await other.end()
  await expect(commit).resolves.toMatchObject({ sequence: 2 })
})
