import { tellAll } from '../heard.ts'
import type { Broadcast } from '../port.ts'
import type { Pool } from './pool.ts'

export const wordsChannel = 'holdfast_words'

/** A notification holds at most 8,000 bytes. */
const bytesPerMessage = 7_500
const bytesPerText = 6_000
/** What is sent within this goes together: PostgreSQL lets one transaction with a NOTIFY commit at a time. */
const gatherMs = 25
export const answerMs = 300
/** While the database is away words are not kept for long. */
const mostPending = 500

/** The words of one process, by NOTIFY. `receive` takes what came on `wordsChannel`. */
export function broadcaster(
  pool: Pool,
  origin: string,
  onProblem: (error: Error) => void,
): Broadcast & { receive(payload: string): void; stop(): void } {
  const listeners = new Set<(text: string) => void>()
  let pending: string[] = []
  let timer: NodeJS.Timeout | null = null

  async function flush(): Promise<void> {
    const texts = pending
    pending = []
    timer = null
    const lazily = { text: "SELECT set_config('synchronous_commit', 'off', true)" }
    const payloads = packed(texts, origin).map((payload) => ({ text: 'SELECT pg_notify($1, $2)', values: [wordsChannel, payload] }))
    // whoever misses them does without
    await pool.run([lazily, ...payloads]).catch(() => undefined)
  }

  return {
    answerMs,
    send(text) {
      if (Buffer.byteLength(text) > bytesPerText || pending.length >= mostPending) return
      pending.push(text)
      timer ??= setTimeout(() => void flush(), gatherMs).unref()
    },
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    receive(payload) {
      try {
        const [from, ...texts] = JSON.parse(payload) as string[]
        if (from !== origin) for (const text of texts) tellAll(listeners, text, onProblem)
      } catch (error) {
        // anybody who may connect may notify
        onProblem(error instanceof Error ? error : new Error(String(error)))
      }
    },
    stop() {
      if (timer !== null) clearTimeout(timer)
      listeners.clear()
    },
  }
}

/** As few payloads as hold all texts, each text whole. A text within JSON is longer: its quotes are escaped. */
export function packed(texts: readonly string[], origin: string): string[] {
  const payloads: string[] = []
  let [some, bytes] = [[] as string[], 0]
  const end = () => {
    if (some.length > 0) payloads.push(`[${[JSON.stringify(origin), ...some].join(',')}]`)
    some = []
    bytes = 0
  }
  for (const text of texts) {
    const quoted = JSON.stringify(text)
    const length = Buffer.byteLength(quoted) + 1
    if (length > bytesPerMessage - 50) continue
    if (bytes + length > bytesPerMessage - 50) end()
    some.push(quoted)
    bytes += length
  }
  end()
  return payloads
}
