import { Worker } from 'node:worker_threads'
import type { EncodedCommit as WireCommit } from '../encoded.ts'
import { Conflict, type EngineStats, type Receipt, type Signer } from '../port.ts'
import { errorOf, storageFailed } from './failures.ts'
import type { Shape } from './schema.ts'
import type { FromWriter, Outcome, Replacement, ToWriter } from './wire.ts'

type Pending = { commit: WireCommit; start: number; resolve: (receipt: Receipt) => void; reject: (error: Error) => void }

type Options = {
  file: string
  shapes: readonly Shape[]
  /** Called before any of a group is settled: from here on whoever reads must see it. */
  onDurable: (group: readonly WireCommit[]) => void
  onCommit: (commit: { tenantId: string; stream: string; sequence: number }) => void
  /** The writer's thread is gone and will not come back. */
  onDeath: (error: Error) => void
}

/** The main thread's side of the writer: posts commits, and settles them when their group is durable. */
export type Queue = {
  ready: Promise<void>
  commit(commit: WireCommit): Promise<Receipt>
  setSigner(signer: Signer): Promise<void>
  erase(tenant: string, entries: readonly Replacement[]): Promise<void>
  close(): Promise<void>
  readonly stats: EngineStats
  isDead(): boolean
}

const noFsyncs = { count: 0, seconds: 0 }

/** A new value each time, so that whoever asked before keeps what was. */
const withFsync = ({ count, seconds } = noFsyncs, took: number | null) =>
  took === null ? { count, seconds } : { count: count + 1, seconds: seconds + took }

export function openQueue({ file, shapes, onDurable, onCommit, onDeath }: Options): Queue {
  const worker = new Worker(new URL('./writer.ts', import.meta.url), {
    workerData: { file, shapes },
    // its garbage is short-lived texts: a young generation of the usual size only takes memory
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  })
  const stats: EngineStats = { commits: 0, groups: 0, fsyncs: 0, conflicts: 0, commitSeconds: 0, largestGroup: 0, fsyncTime: noFsyncs }
  const ready = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const signers: { resolve: () => void; reject: (error: Error) => void }[] = []
  const erasing: { resolve: () => void; reject: (error: Error) => void }[] = []
  let pending: Pending[] = []
  let unsent: WireCommit[] = []
  let dead: Error | null = null
  let isClosed = false

  const post = (message: ToWriter): void => worker.postMessage(message)

  /** At the end of the event loop's turn: all that the requests of one turn have committed is one message and one group, and a lone commit waits for nothing. */
  function send(): void {
    if (unsent.length === 0) return
    const commits = unsent
    unsent = []
    post({ kind: 'commits', commits })
  }

  function settle(outcomes: readonly Outcome[]): void {
    const settled = pending.slice(0, outcomes.length)
    onDurable(settled.map(({ commit }) => commit))
    pending = pending.slice(outcomes.length)
    const now = performance.now()
    for (const [position, { commit, start, resolve, reject }] of settled.entries()) {
      const outcome = outcomes[position] as Outcome
      const [, stream, time] = commit
      if (outcome[0] === 'done') {
        stats.commits += 1
        stats.commitSeconds += (now - start) / 1000
        resolve({ stream, sequence: outcome[1], time, hash: outcome[2], durability: ['fsync'] })
      } else {
        const error = errorOf(outcome)
        if (error instanceof Conflict) stats.conflicts += 1
        reject(error)
      }
    }
    for (const [position, { commit }] of settled.entries()) {
      const outcome = outcomes[position] as Outcome
      if (outcome[0] === 'done') onCommit({ tenantId: commit[0], stream: commit[1], sequence: outcome[1] })
    }
  }

  worker.on('message', (message: FromWriter) => {
    switch (message.kind) {
      case 'ready':
        return ready.resolve()
      case 'done':
        if (message.fsyncs > 0) stats.groups += 1
        stats.fsyncs += message.fsyncs
        stats.fsyncTime = withFsync(stats.fsyncTime, message.commitSeconds)
        stats.largestGroup = Math.max(stats.largestGroup, message.outcomes.length)
        return settle(message.outcomes)
      case 'signer': {
        const waiting = signers.shift()
        return message.problem === null ? waiting?.resolve() : waiting?.reject(new Error(message.problem))
      }
      case 'erased': {
        const waiting = erasing.shift()
        return message.problem === null ? waiting?.resolve() : waiting?.reject(new Error(message.problem))
      }
      case 'closed':
        stats.fsyncs += message.fsyncs
        isClosed = true
        return closed.resolve()
    }
  })
  worker.on('error', die)
  worker.on('exit', () => die(new Error('The writer thread ended')))

  function die(error: Error): void {
    if (dead !== null || isClosed) return
    dead = error
    const lost = storageFailed(error)
    ready.reject(error)
    closed.resolve()
    for (const { reject } of pending) reject(lost)
    for (const { reject } of [...signers, ...erasing]) reject(lost)
    pending = []
    unsent = []
    onDeath(error)
  }

  return {
    ready: ready.promise,
    stats,
    isDead: () => dead !== null,
    commit(commit) {
      if (dead !== null) return Promise.reject(storageFailed(dead))
      return new Promise((resolve, reject) => {
        if (unsent.length === 0) setImmediate(send)
        unsent.push(commit)
        pending.push({ commit, start: performance.now(), resolve, reject })
      })
    },
    setSigner(signer) {
      if (dead !== null) return Promise.reject(storageFailed(dead))
      return new Promise((resolve, reject) => {
        signers.push({ resolve, reject })
        send()
        post({ kind: 'signer', signer })
      })
    },
    erase(tenant, entries) {
      if (dead !== null) return Promise.reject(storageFailed(dead))
      return new Promise((resolve, reject) => {
        erasing.push({ resolve, reject })
        send()
        post({ kind: 'erase', tenant, entries })
      })
    },
    async close() {
      send()
      if (dead === null) post({ kind: 'close' })
      await closed.promise
    },
  }
}
