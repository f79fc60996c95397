import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import type { Page } from '../../kernel/page.ts'
import type { Broadcast, Head } from '../port.ts'
import { broadcaster, wordsChannel } from './broadcast.ts'
import type { Pool } from './pool.ts'

export type Committed = { tenantId: string; stream: string; sequence: number }

const channel = 'holdfast_commits'

/** A notification holds at most 8,000 bytes; names are short. */
const perMessage = 40
const retryMs = { first: 100, most: 2_000 }

type Options = {
  url: string
  pool: Pool
  tell: (commit: Committed) => void
  heads: (cursor: string | null, limit: number) => Promise<Page<Head & { tenantId: string }>>
  onProblem: (error: Error) => void
}

export type Watch = {
  /** Tells the other processes, soon. */
  announce(commits: readonly Committed[]): void
  broadcast: Broadcast
  close(): Promise<void>
}

/**
 * Commits of other processes on the same database. They are told after the commit and not within it: PostgreSQL lets one transaction with a NOTIFY commit at a time, over all databases'
 * tables, until it is on disk. What may be missed by that (a process that ends in between, a connection that was down) is made good: a process that begins, and a connection that is made
 * again, has everybody look at every stream once.
 */
export async function openWatch({ url, pool, tell, heads, onProblem }: Options): Promise<Watch> {
  const origin = randomUUID()
  const words = broadcaster(pool, origin, onProblem)
  let pending = new Map<string, Committed>()
  let sending: Promise<void> | null = null
  let client: pg.Client | null = null
  let isClosed = false

  async function listen(): Promise<void> {
    const next = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      application_name: 'holdfast listener',
    })
    next.on('error', () => {})
    next.on('notification', ({ channel: name, payload }) => (name === wordsChannel ? words.receive : receive)(payload ?? ''))
    try {
      await next.connect()
      await next.query(`LISTEN ${channel}; LISTEN ${wordsChannel}`)
    } catch (error) {
      next.end().catch(() => {})
      throw error
    }
    next.on('end', () => {
      if (client === next) client = null
      if (!isClosed) void again()
    })
    client = next
  }

  async function again(): Promise<void> {
    for (let waitMs = retryMs.first; !isClosed; waitMs = Math.min(retryMs.most, waitMs * 2)) {
      await setTimeout(waitMs, undefined, { ref: false })
      if (isClosed) return
      try {
        await listen()
        return await lookAround()
      } catch {
        // still down: the next try follows
      }
    }
  }

  function receive(payload: string): void {
    const [from, ...commits] = JSON.parse(payload) as [string, ...[string, string, number][]]
    if (from === origin) return
    if (commits.length === 0) return void lookAround().catch(onProblem)
    for (const [tenantId, stream, sequence] of commits) tell({ tenantId, stream, sequence })
  }

  /** Every stream may have grown. */
  async function lookAround(): Promise<void> {
    for (let cursor: string | null = null, first = true; (first || cursor !== null) && !isClosed; first = false) {
      const page: Page<Head & { tenantId: string }> = await heads(cursor, 200)
      for (const { tenantId, stream, sequence } of page.items) tell({ tenantId, stream, sequence })
      cursor = page.nextCursor
    }
  }

  async function send(): Promise<void> {
    while (pending.size > 0) {
      const commits = [...pending.values()].map(({ tenantId, stream, sequence }) => [tenantId, stream, sequence])
      pending = new Map()
      for (let start = 0; start < commits.length; start += perMessage) await notify(commits.slice(start, start + perMessage))
    }
  }

  async function notify(commits: readonly unknown[]): Promise<void> {
    const lazily = { text: "SELECT set_config('synchronous_commit', 'off', true)" }
    const text = 'SELECT pg_notify($1, $2)'
    await pool.run([lazily, { text, values: [channel, JSON.stringify([origin, ...commits])] }]).catch(() => {})
  }

  await listen()
  await notify([])
  return {
    announce(commits) {
      for (const commit of commits) pending.set(commit.stream, commit)
      sending ??= send().finally(() => {
        sending = null
      })
    },
    broadcast: words,
    async close() {
      words.stop()
      await sending
      isClosed = true
      await client?.end().catch(() => {})
    },
  }
}
