import type { EncodedCommit } from '../encoded.ts'
import type { Durability, EngineStats, Receipt } from '../port.ts'
import { Conflict } from '../port.ts'
import type { EncodedWith } from './encode.ts'
import { writeFailed } from './failures.ts'
import type { Committer } from './group.ts'

type Pending = EncodedWith & { startMs: number; resolve: (receipt: Receipt) => void; reject: (error: Error) => void }

export type Lanes = {
  commit(commit: EncodedWith): Promise<Receipt>
  /** Resolves when everything that was accepted is settled. */
  drain(): Promise<void>
  readonly stats: EngineStats
}

/** Bounds of a group: what one transaction may make others wait for. */
const most = { commits: 256, changes: 2_000, characters: 4_000_000 }

type Options = {
  committer: Committer
  durability: readonly Durability[]
  onCommit: (commits: { tenantId: string; stream: string; sequence: number }[]) => void
  onProblem: (error: Error) => void
}

/**
 * A lane a stream: its commits follow each other anyway, because each carries the hash of the one before. What comes while a group is on its way is the next group; a lone commit waits for
 * nobody. Lanes run side by side, as many as there are connections.
 */
export function openLanes({ committer, durability, onCommit, onProblem }: Options): Lanes {
  const lanes = new Map<string, Pending[]>()
  const stats: EngineStats = { commits: 0, groups: 0, fsyncs: 0, conflicts: 0, commitSeconds: 0, largestGroup: 0 }
  let drained: (() => void)[] = []

  /** Begins at the end of the event loop's turn: all that the requests of one turn have committed is one group. */
  function enqueue(pending: Pending): void {
    const lane = pending.commit[1]
    const queue = lanes.get(lane)
    if (queue !== undefined) return void queue.push(pending)
    lanes.set(lane, [pending])
    setImmediate(() => void work(lane))
  }

  async function work(lane: string): Promise<void> {
    const queue = lanes.get(lane) ?? []
    while (queue.length > 0) {
      const group = takeGroup(queue)
      try {
        await settle(group)
      } catch (error) {
        onProblem(error instanceof Error ? error : new Error(String(error)))
        for (const { reject } of group) reject(writeFailed(error))
      }
    }
    lanes.delete(lane)
    if (lanes.size > 0) return
    for (const done of drained) done()
    drained = []
  }

  async function settle(group: readonly Pending[]): Promise<void> {
    const wholes = new Map(group.flatMap(({ wholes: some }) => [...some]))
    const { outcomes, written } = await committer.commit({ commits: group.map(({ commit }) => commit), wholes })
    stats.groups += written
    stats.fsyncs += written
    stats.largestGroup = Math.max(stats.largestGroup, group.length)
    const nowMs = performance.now()
    const done: Parameters<typeof onCommit>[0] = []
    for (const [position, { commit, startMs, resolve, reject }] of group.entries()) {
      const outcome = outcomes[position]
      const [tenantId, stream, time] = commit
      if (outcome !== undefined && 'hash' in outcome) {
        stats.commits += 1
        stats.commitSeconds += (nowMs - startMs) / 1000
        done.push({ tenantId, stream, sequence: outcome.sequence })
        resolve({ stream, sequence: outcome.sequence, time, hash: outcome.hash, durability })
        continue
      }
      const error = outcome?.error ?? new Error('A commit was left without an outcome')
      if (error instanceof Conflict) stats.conflicts += 1
      reject(error)
    }
    if (done.length > 0) onCommit(done)
  }

  return {
    stats,
    commit: (commit) => new Promise((resolve, reject) => enqueue({ ...commit, startMs: performance.now(), resolve, reject })),
    drain: () => (lanes.size === 0 ? Promise.resolve() : new Promise((resolve) => drained.push(resolve))),
  }
}

/** Commits of one tenant from the queue's front, within the bounds. Two tenants that want one stream are not one group: the second will be refused. */
function takeGroup(queue: Pending[]): Pending[] {
  const [tenant] = queue[0]?.commit ?? []
  let changes = 0
  let characters = 0
  let size = 0
  for (const { commit } of queue) {
    changes += commit[4].length
    characters += charactersOf(commit)
    if (size > 0 && (commit[0] !== tenant || size >= most.commits || changes > most.changes || characters > most.characters)) break
    size += 1
  }
  return queue.splice(0, size)
}

function charactersOf([, , , , changes]: EncodedCommit): number {
  let characters = 0
  for (const change of changes) {
    const values = change[0] === 'insert' ? change[3] : change[0] === 'update' ? change[5] : []
    for (const value of values) if (typeof value === 'string') characters += value.length
  }
  return characters
}
