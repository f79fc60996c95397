import { Worker } from 'node:worker_threads'
import type { AnyEntity } from '../../kernel/entity.ts'
import type { SqlValue } from '../encoded.ts'
import { storageFailed } from './failures.ts'
import type { Row, Tables } from './tables.ts'

/** From so many rows on, looking at each takes longer than asking another thread: about a tenth of a millisecond. */
const largeRows = 2_000

/** How many verdicts are remembered. */
const verdictsKept = 10_000

export type Scan = { sql: string; bound: readonly SqlValue[] }
export type Scanned = { rows: Row[] } | { problem: string }

/**
 * Reads that may look at every row of a tenant. In a large one they run in a thread of their own, which is started when it is first needed, so that everybody else's requests go on
 * meanwhile. It reads what was acknowledged before it was asked, like everyone.
 */
export function scans({ of, prepare }: Tables, file: string) {
  const large = new Set<string>()
  const waiting: { resolve: (rows: Row[]) => void; reject: (error: Error) => void }[] = []
  let worker: Worker | null = null

  function start(): Worker {
    const started = new Worker(new URL('./scan.ts', import.meta.url), { workerData: { file } })
    started.on('message', (answer: Scanned) => {
      const asked = waiting.shift()
      if ('rows' in answer) asked?.resolve(answer.rows)
      else asked?.reject(storageFailed(new Error(answer.problem)))
      if (waiting.length === 0) started.unref()
    })
    started.on('error', fail)
    started.on('exit', () => fail(new Error('The scanning thread ended')))
    return started
  }

  function fail(error: Error): void {
    worker = null
    for (const { reject } of waiting.splice(0)) reject(storageFailed(error))
  }

  return {
    isLarge(tenant: string, type: AnyEntity): boolean {
      const { table } = of(type)
      const name = `${table}\n${tenant}`
      if (large.has(name)) return true
      const isLarge = prepare(`SELECT 1 FROM ${table} WHERE tenant_id = ? LIMIT 1 OFFSET ${largeRows}`).get(tenant) !== undefined
      if (large.size >= verdictsKept) large.clear()
      if (isLarge) large.add(name)
      return isLarge
    },
    all(sql: string, bound: readonly SqlValue[]): Promise<Row[]> {
      worker ??= start()
      worker.ref()
      worker.postMessage({ sql, bound } satisfies Scan)
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
    },
    async close(): Promise<void> {
      await worker?.terminate()
    },
  }
}

export type Scans = ReturnType<typeof scans>
