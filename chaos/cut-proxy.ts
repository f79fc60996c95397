import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { type Random, sleep } from './random.ts'

/** What becomes of the request that is on its way when a connection is cut. Whoever asked learns nothing in any case. */
const ways = ['request lost', 'request torn', 'answer lost', 'answer torn'] as const
type Way = (typeof ways)[number]

type Pair = { client: Socket; database: Socket; way: Way | null }

/** A way to a database that can be cut. */
export type CutProxy = {
  port: number
  /** Cuts every connection, as many as possible of them in the middle of a request, and refuses new ones for so long. Resolves when it lets them in again. */
  cut(downMs: number): Promise<void>
  /** Resolves when the database has done with everything that it was still sent by connections that are gone. */
  settled(): Promise<void>
  /** Cuts by the way their request went. */
  readonly cuts: Readonly<Record<Way, number>>
  close(): void
}

/** For so long a cut waits for requests to come by; what is idle then is cut all the same. */
const armedMs = 120
const longestSettleMs = 10_000

/** Between a server under test and its database, byte by byte: what is inside is not its business, so it serves any database. */
export async function openCutProxy(databasePort: number, random: Random): Promise<CutProxy> {
  const pairs = new Set<Pair>()
  /** Connections to the database whose client is gone. */
  const leaving = new Set<Socket>()
  const cuts = { 'request lost': 0, 'request torn': 0, 'answer lost': 0, 'answer torn': 0 }
  let state: 'open' | 'armed' | 'down' = 'open'

  /** The client hears nothing more; the database reads to the end what it was sent, and then finds the connection closed. */
  function sever(pair: Pair): void {
    if (!pairs.delete(pair)) return
    const { client, database } = pair
    if (client.writableLength > 0) client.destroySoon()
    else client.destroy()
    if (database.destroyed) return
    leaving.add(database)
    database.once('close', () => leaving.delete(database))
    database.resume()
    database.end()
  }

  function asked(pair: Pair, bytes: Buffer): void {
    if (state === 'armed' && pair.way === null && random.chance(0.7)) {
      pair.way = random.pick(ways) ?? null
      if (pair.way !== null) cuts[pair.way] += 1
    }
    if (pair.way === 'request torn') pair.database.write(bytes.subarray(0, random.between(1, Math.max(1, bytes.length - 1))))
    if (pair.way === 'request torn' || pair.way === 'request lost') sever(pair)
    else pair.database.write(bytes)
  }

  function answered(pair: Pair, bytes: Buffer): void {
    if (!pairs.has(pair)) return
    if (pair.way === null) return void pair.client.write(bytes)
    if (pair.way === 'answer torn') pair.client.write(bytes.subarray(0, random.between(1, Math.max(1, bytes.length - 1))))
    sever(pair)
  }

  const server = createServer({ noDelay: true }, (client) => {
    client.on('error', () => {})
    if (state !== 'open') return void client.destroy()
    const database = connect({ port: databasePort, host: '127.0.0.1', noDelay: true })
    const pair: Pair = { client, database, way: null }
    pairs.add(pair)
    database.on('error', () => {})
    client.on('data', (bytes) => asked(pair, bytes))
    database.on('data', (bytes) => answered(pair, bytes))
    client.on('close', () => sever(pair))
    database.on('close', () => sever(pair))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()

  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cuts,
    async cut(downMs) {
      state = 'armed'
      await sleep(armedMs)
      state = 'down'
      for (const pair of [...pairs]) sever(pair)
      await sleep(downMs)
      state = 'open'
    },
    async settled() {
      for (const startedMs = performance.now(); leaving.size > 0; await sleep(5))
        if (performance.now() - startedMs > longestSettleMs) throw new Error('The database does not end connections that were cut')
    },
    close() {
      state = 'down'
      server.close()
      for (const pair of [...pairs]) sever(pair)
      for (const database of leaving) database.destroy()
    },
  }
}
