import { Cron } from 'croner'
import type { Storage } from '../storage/port.ts'

const job = 'backup schedule'
/** How long the others stay away after the one that does it was last heard of. Clocks that differ by less do a scheduled backup once. */
const leaseSeconds = 60
const renewMs = 20_000

type Parts = {
  storage: Pick<Storage, 'lease'>
  /** Cron syntax, in UTC. */
  cron: string
  failed(error: unknown): void
  /** What it is called among the processes. */
  name?: string
}

/** Does the work at the scheduled times; of several processes on one storage one does it, and another at the next time once that one is gone. Returns what ends it. */
export function scheduled({ storage, cron, failed, name = job }: Parts, work: () => Promise<void>): () => void {
  async function once(): Promise<void> {
    const take = () => storage.lease?.(name, leaseSeconds)
    let renewal: NodeJS.Timeout | null = null
    try {
      if ((await take()) === null) return
      renewal = setInterval(() => take()?.catch(failed), renewMs)
      await work()
    } catch (error) {
      failed(error)
    } finally {
      if (renewal !== null) clearInterval(renewal)
    }
  }

  const timer = new Cron(cron, { timezone: 'Etc/UTC', protect: true, unref: true }, once)
  return () => timer.stop()
}
