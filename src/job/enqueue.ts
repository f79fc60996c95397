import { type Change, create, insert } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Runtime } from '../kernel/context.ts'
import type { JobRow } from './entity.ts'
import { Job } from './entity.ts'

export type NewJob = {
  kind: string
  payload: JobRow['payload']
  /** Real time, milliseconds; absent = at once. */
  runAtMs?: number
  /** Default 8. */
  maxAttempts?: number
  /** While a job of this kind and name is open, another is refused with `Conflict` `unique` `job.name`. */
  name?: string
  createdBy?: string | null
}

type Maker = { newId(): string; nowMs: number; createdBy: string | null }

/** A job's row, and the change that makes it: put it into the commit of what causes it, so that neither is ever without the other. It begins once that commit is durable. */
export const newSystemJob = ({ ids, clock }: Pick<Runtime, 'ids' | 'clock'>, job: NewJob): { row: JobRow; change: Change } =>
  made({ newId: ids.newId, nowMs: clock.realMs(), createdBy: null }, job)

function made({ newId, nowMs, createdBy }: Maker, job: NewJob): { row: JobRow; change: Change } {
  const runAt = toTime(Math.max(job.runAtMs ?? nowMs, nowMs))
  const row = create(
    Job,
    newId(),
    {
      kind: job.kind,
      payload: job.payload,
      state: 'queued',
      name: job.name ?? null,
      runAt,
      dueAt: runAt,
      attempts: 0,
      maxAttempts: job.maxAttempts ?? 8,
      progress: 0,
      result: null,
      lastError: null,
      createdBy: job.createdBy ?? createdBy,
      startedAt: null,
      endedAt: null,
      openness: 'open',
    },
    toTime(nowMs),
  )
  return { row, change: insert(Job, row) }
}
