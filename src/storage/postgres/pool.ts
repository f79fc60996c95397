import pg from 'pg'
import { Batch, type Prepared, type Result, type Statement } from './batch.ts'
import { Lost, Severed } from './failures.ts'

const { Client } = pg

/** One connection to the database, as the role that serves. */
export type Link = {
  run(statements: readonly Statement[]): Promise<Result[]>
}

export type Pool = {
  /** One batch on any connection. */
  run(statements: readonly Statement[]): Promise<Result[]>
  /** Several batches on one connection, which nobody else uses meanwhile. What is left open when `work` fails is rolled back. */
  use<T>(work: (link: Link) => Promise<T>): Promise<T>
  /** Resolves when all that was asked for is done. */
  end(): Promise<void>
  readonly size: number
}

export type PoolOptions = {
  url: string
  max: number
  /** Sent as one message when a connection is made: role and settings. */
  greeting: string
  onProblem: (error: Error) => void
}

const connectMs = 5_000
/** How long a call waits for a free connection, and a statement for its answer, before it is given up as an outage. */
const patienceMs = { connection: 10_000, answer: 60_000 }

type Open = Link & { client: pg.Client; busySinceMs: number; isGone: boolean }
type Waiting = { sinceMs: number; resolve: (link: Open) => void; reject: (error: Error) => void }

/**
 * Connections to one database. A broken one is dropped as soon as it is known to be broken, and the next call makes a new one, so that a server that was started again is used at once.
 */
export function openPool({ url, max, greeting, onProblem }: PoolOptions): Pool {
  const all = new Set<Open>()
  const idle: Open[] = []
  const waiting: Waiting[] = []
  let connecting = 0
  let ended: PromiseWithResolvers<void> | null = null
  const sweep = setInterval(giveUpOnTheStuck, 1_000)
  sweep.unref()

  async function connect(): Promise<Open> {
    const client = new Client({ connectionString: url, connectionTimeoutMillis: connectMs, keepAlive: true, application_name: 'holdfast' })
    const prepared: Prepared = { names: new Set(), parsing: [] }
    const link: Open = {
      client,
      busySinceMs: 0,
      isGone: false,
      run: (statements) =>
        new Promise((resolve, reject) => {
          if (link.isGone) reject(new Severed('The connection has ended'))
          else client.query(new Batch(statements, { prepared, resolve, reject }))
        }),
    }
    client.on('error', () => drop(link))
    client.on('end', () => drop(link))
    try {
      await client.connect()
      await client.query(greeting)
    } catch (error) {
      link.isGone = true
      client.end().catch(() => {})
      throw error
    }
    client.connection.on('parseComplete', () => {
      const name = prepared.parsing.shift()
      if (name) prepared.names.add(name)
    })
    if (link.isGone) throw new Lost('The connection has ended')
    all.add(link)
    return link
  }

  function drop(link: Open): void {
    link.isGone = true
    if (!all.delete(link)) return
    const position = idle.indexOf(link)
    if (position !== -1) idle.splice(position, 1)
    link.client.end().catch(() => {})
    serve()
    settle()
  }

  /** Gives free connections to whoever waits, and makes one where none is free. */
  function serve(): void {
    while (waiting.length > 0 && idle.length > 0) hand(waiting.shift() as Waiting, idle.pop() as Open)
    while (connecting < waiting.length && all.size + connecting < max) {
      connecting += 1
      connect().then(
        (link) => {
          connecting -= 1
          release(link)
        },
        (error: Error) => {
          connecting -= 1
          waiting.shift()?.reject(error)
          serve()
          settle()
        },
      )
    }
  }

  function hand({ resolve }: Waiting, link: Open): void {
    link.busySinceMs = performance.now()
    resolve(link)
  }

  function acquire(): Promise<Open> {
    if (ended !== null) return Promise.reject(new Lost('The pool has ended'))
    const free = idle.pop()
    if (free !== undefined) {
      free.busySinceMs = performance.now()
      return Promise.resolve(free)
    }
    return new Promise((resolve, reject) => {
      waiting.push({ sinceMs: performance.now(), resolve, reject })
      serve()
    })
  }

  function release(link: Open): void {
    link.busySinceMs = 0
    if (!link.isGone) idle.push(link)
    serve()
    settle()
  }

  function giveUpOnTheStuck(): void {
    const nowMs = performance.now()
    for (const link of all) {
      if (link.busySinceMs === 0 || nowMs - link.busySinceMs < patienceMs.answer) continue
      onProblem(new Error(`PostgreSQL did not answer within ${patienceMs.answer / 1000} s`))
      link.client.connection.stream.destroy()
    }
    while (waiting[0] !== undefined && nowMs - waiting[0].sinceMs > patienceMs.connection)
      waiting.shift()?.reject(new Lost('No connection became free'))
  }

  /** Once the pool has ended and nobody uses a connection any more, they are closed. */
  function settle(): void {
    if (ended === null || waiting.length > 0 || connecting > 0 || idle.length < all.size) return
    clearInterval(sweep)
    const closing = idle.splice(0).map((link) => {
      all.delete(link)
      return link.client.end()
    })
    void Promise.allSettled(closing).then(() => ended?.resolve())
  }

  async function use<T>(work: (link: Link) => Promise<T>): Promise<T> {
    const link = await acquire()
    try {
      return await work(link)
    } finally {
      // a transaction that failed half-way is still open, and so are its locks
      if (!link.isGone && link.client.getTransactionStatus() !== 'I') await link.run([{ text: 'ROLLBACK' }]).catch(() => drop(link))
      release(link)
    }
  }

  return {
    get size() {
      return all.size
    },
    use,
    async run(statements) {
      const link = await acquire()
      try {
        return await link.run(statements)
      } finally {
        release(link)
      }
    },
    end() {
      if (ended === null) {
        ended = Promise.withResolvers()
        settle()
      }
      return ended.promise
    },
  }
}
