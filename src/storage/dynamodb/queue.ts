import type { Receipt } from '../port.ts'
import type { Pending } from './commit.ts'
import type { Encoded } from './plan.ts'

type Work = (stream: string, waiting: readonly Pending[]) => Promise<Pending[]>

/** Members of one group: a transaction holds no more. */
const groupSize = 100

/** One line a stream, because its entries stand one behind the other anyway: what waits while a group is written is the next group. A lone commit waits for nobody. */
export function openQueue(work: Work) {
  const lines = new Map<string, Pending[]>()
  const running = new Set<Promise<void>>()

  async function run(stream: string, line: Pending[]): Promise<void> {
    // all that the requests of one turn of the event loop have committed is one group
    await new Promise((resolve) => setImmediate(resolve))
    while (line.length > 0) line.unshift(...(await work(stream, line.splice(0, groupSize))))
    lines.delete(stream)
  }

  return {
    commit: (commit: Encoded & { stream: string; time: string }): Promise<Receipt> =>
      new Promise((resolve, reject) => {
        const pending: Pending = { ...commit, start: performance.now(), resolve, reject }
        const line = lines.get(commit.stream)
        if (line !== undefined) return void line.push(pending)
        const started = [pending]
        lines.set(commit.stream, started)
        const end = run(commit.stream, started).finally(() => running.delete(end))
        running.add(end)
      }),
    /** Resolves when everything that was accepted is settled. */
    async drain(): Promise<void> {
      while (running.size > 0) await Promise.allSettled([...running])
    },
  }
}

export type Queue = ReturnType<typeof openQueue>
