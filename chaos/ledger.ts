import { closeSync, fdatasync, openSync, rmSync, write } from 'node:fs'
import { promisify } from 'node:util'
import type { Body } from './requests.ts'

export type Kind = 'create' | 'update' | 'deactivate' | 'sign-in' | 'refresh' | 'sign-out' | 'other'

/** A request that changes something, as it was sent. */
export type Operation = {
  /** Its number in this ledger; also how sessions are named: by the sign-in that made them. */
  n: number
  writer: number
  kind: Kind
  method: 'POST' | 'PATCH' | 'DELETE'
  path: string
  body: Body | null
  /** Version that a PATCH saw. */
  version: number | null
  /** `Idempotency-Key`, or null. */
  key: string | null
  /** The user or session it is about, where there was one before. */
  about: { user?: string; session?: number }
  /** Statuses that are no surprise. */
  expected: readonly number[]
}

/**
 * What came of it. `ok`: acknowledged, so it must exist and be equal. `fail`: refused, so it must not exist. `unknown`: no reply, or 5xx: it may exist, once at most.
 * `after` and `before`: an unknown one that was looked for later and found, or not.
 */
export type Result = 'ok' | 'fail' | 'unknown' | 'after' | 'before'

export type Entry = Operation & {
  result: Result
  status: number | null
  reply: Body | null
  receipt: string | null
  requestId: string | null
  isReplay: boolean
  sentMs: number
}

/** The client's own memory of what it was told, on a disk that no fault here touches. */
export type Ledger = {
  readonly file: string
  append(entry: Entry): void
  /** Resolves when everything appended is on the disk. */
  sync(): Promise<void>
  /** Closes and removes it. */
  close(): Promise<void>
}

const [writeAsync, syncAsync] = [promisify(write), promisify(fdatasync)]

/** Opens a new ledger. Appends that come while one write is under way go out together with the next. */
export function openLedger(file: string): Ledger {
  const descriptor = openSync(file, 'wx')
  let buffer: string[] = []
  let writing: Promise<void> = Promise.resolve()
  let isScheduled = false

  async function flush(): Promise<void> {
    isScheduled = false
    const text = buffer.join('')
    buffer = []
    if (text === '') return
    await writeAsync(descriptor, text)
    await syncAsync(descriptor)
  }

  function schedule(): Promise<void> {
    if (!isScheduled) {
      isScheduled = true
      writing = writing.then(flush)
    }
    return writing
  }

  return {
    file,
    append(entry) {
      buffer.push(`${JSON.stringify(entry)}\n`)
      // a rejection is kept in `writing` and surfaces at the next sync
      schedule().catch(() => {})
    },
    sync: schedule,
    async close() {
      await schedule()
      closeSync(descriptor)
      rmSync(file, { force: true })
    },
  }
}
