import type { Change } from '../kernel/change.ts'
import type { Runtime } from '../kernel/context.ts'
import type { TenantStore } from '../storage/port.ts'
import type { JobRow } from './entity.ts'

export type JobRun = {
  runtime: Runtime
  /** The store of the tenant that the job belongs to. */
  store: TenantStore
  job: JobRow
  /** Aborted when the job was cancelled, its lease was lost, or the server stops: end soon, nothing you return is kept. */
  signal: AbortSignal
  /** 0 to 100; written down at most once a second. It also keeps the lease, which is kept anyway. */
  progress(percent: number): void
}

export type JobDone = {
  result?: JobRow['result']
  /** Written in the commit that ends the job: it happens once, whatever crashes. */
  changes?: readonly Change[]
  entity?: { type: string; id: string }
  /** The job goes on waiting until then instead of ending (real time, milliseconds): for work that comes back. */
  againAtMs?: number
}

/**
 * What jobs of one kind do. It may run more than once (a crash, a lost lease), so effects outside the returned `changes` must bear repetition. What it throws is tried again later with growing waits, until the
 * job's attempts are spent; an AppError of the kinds `invalid`, `unprocessable`, `forbidden` and `gone` ends it at once.
 */
export type JobHandler = (run: JobRun) => Promise<JobDone | undefined>

export type JobHandlers = Readonly<Record<string, JobHandler>>
