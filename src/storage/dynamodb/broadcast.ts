import { randomUUID } from 'node:crypto'
import { DeleteItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { tellAll } from '../heard.ts'
import type { Broadcast } from '../port.ts'
import type { Database } from './db.ts'
import { wordsPlace } from './keys.ts'

/** What is sent within this goes together, and how often the others' words are looked for. */
const gatherMs = 250
const lookMs = 500
/** How long words stand there to be read, by whoever looks late. */
const standMs = 5_000
/** What a process that ended left behind is taken away by another after this. */
const forgottenMs = 3_600_000
const bytesPerText = 6_000
/** An item holds 400 KB: beyond this the oldest words go first. */
const mostBytes = 300_000

type Word = { n: number; atMs: number; text: string }

/**
 * The words of one process, as an item of its own that holds those of the last seconds; the others read all such items twice a second while they listen, each word once. DynamoDB has nothing that would call
 * them.
 */
export function broadcaster(current: () => Database, onProblem: (error: Error) => void): Broadcast & { stop(): void } {
  const origin = randomUUID()
  const listeners = new Set<(text: string) => void>()
  const heard = new Map<string, number>()
  let said: Word[] = []
  let count = 0
  let sending: NodeJS.Timeout | null = null
  let looking: NodeJS.Timeout | null = null
  let isLooking = false
  let isStopped = false

  /** One after the other, so that no older words take the place of newer ones. */
  async function flush(): Promise<void> {
    const last = count
    const nowMs = Date.now()
    said = said.filter(({ atMs }) => nowMs - atMs < standMs)
    for (let bytes = said.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0); bytes > mostBytes; )
      bytes -= Buffer.byteLength(said.shift()?.text ?? '')
    const { pk, sk } = wordsPlace(origin)
    try {
      const db = current()
      const Item = {
        pk: { S: pk },
        sk: { S: sk },
        words: { S: JSON.stringify(said.map(({ n, text }) => [n, text])) },
        untilMs: { N: String(nowMs + standMs) },
      }
      await db.send(() => db.client.send(new PutItemCommand({ TableName: db.keys.name, Item })))
    } catch {
      // whoever misses them does without
    }
    sending = null
    if (count > last && !isStopped) gather()
  }

  const gather = (): void => {
    sending ??= setTimeout(() => void flush(), gatherMs).unref()
  }

  async function look(): Promise<void> {
    if (isLooking) return
    isLooking = true
    try {
      const db = current()
      const { pk } = wordsPlace(origin)
      const { items } = await db.query(
        { KeyConditionExpression: '#p = :p', ExpressionAttributeNames: { '#p': 'pk' }, ExpressionAttributeValues: { ':p': { S: pk } } },
        db.keys,
      )
      for (const { sk, words, untilMs } of items) {
        const from = sk?.S ?? ''
        // of processes that are gone an item stays behind, with words that are over
        const overMs = Date.now() - Number(untilMs?.N ?? 0)
        if (overMs > forgottenMs) void forget(from)
        if (from === origin || overMs > standMs) continue
        const last = heard.get(from) ?? 0
        for (const [n, text] of JSON.parse(words?.S ?? '[]') as [number, string][]) {
          if (n <= last) continue
          heard.set(from, n)
          tellAll(listeners, text, onProblem)
        }
      }
    } catch {
      // an outage is told to whoever reads or writes
    } finally {
      isLooking = false
    }
  }

  const forget = (from: string): Promise<unknown> => {
    heard.delete(from)
    const { pk, sk } = wordsPlace(from)
    const db = current()
    return db.client.send(new DeleteItemCommand({ TableName: db.keys.name, Key: { pk: { S: pk }, sk: { S: sk } } })).catch(() => undefined)
  }

  function rest(): void {
    if (looking !== null) clearInterval(looking)
    looking = null
  }

  return {
    answerMs: 2 * (gatherMs + lookMs),
    send(text) {
      if (Buffer.byteLength(text) > bytesPerText) return
      count += 1
      said.push({ n: count, atMs: Date.now(), text })
      gather()
    },
    listen(listener) {
      listeners.add(listener)
      looking ??= setInterval(() => void look(), lookMs).unref()
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0) rest()
      }
    },
    stop() {
      isStopped = true
      rest()
      if (sending !== null) clearTimeout(sending)
      listeners.clear()
    },
  }
}
