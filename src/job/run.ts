import { type Change, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import { type Runtime, system } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { Conflict, type TenantStore } from '../storage/port.ts'
import { Job, type JobRow } from './entity.ts'
import type { JobDone, JobHandler } from './handler.ts'
import { count } from './stats.ts'

export type RunSettings = {
  /** A process that has not been heard of for so long has lost its job. */
  leaseMs: number
  /** The wait after the first failure, and the longest. */
  retryMs: { first: number; longest: number }
}

type Parts = { runtime: Runtime; settings: RunSettings; handler: JobHandler | undefined; stopping: AbortSignal }

const hopeless = new Set(['invalid', 'unprocessable', 'forbidden', 'gone'])

/** Takes a due job, runs it, and writes down how it ended. The row's version is the fence: whoever holds an older one can write nothing any more. False when another process has it. */
export async function runJob({ runtime, settings, handler, stopping }: Parts, tenantId: string, seen: JobRow): Promise<boolean> {
  const store = runtime.storage.tenant(tenantId)
  const { clock, services } = runtime
  const nowMs = clock.realMs()
  if (seen.state === 'running' && seen.attempts >= seen.maxAttempts)
    return (await write(store, seen, { patch: ended('dead', clock.realMs(), 'The server ended while it ran.'), runtime })) !== null
  const taken = await write(store, seen, {
    patch: { state: 'running', attempts: seen.attempts + 1, dueAt: toTime(nowMs + settings.leaseMs), startedAt: toTime(nowMs) },
    runtime,
  })
  if (taken === null) return false
  let row: JobRow = taken
  let wanted = row.progress
  const lost = new AbortController()
  const signal = AbortSignal.any([lost.signal, stopping])
  let beating: Promise<void> = Promise.resolve()

  /** Keeps the lease, and writes progress down with it. */
  async function beat(): Promise<void> {
    const kept = await write(store, row, {
      patch: { dueAt: toTime(clock.realMs() + settings.leaseMs), progress: wanted },
      runtime,
    }).catch((error: unknown) => {
      services.log.warn({ err: error, job: row.id }, 'a job could not keep its lease this time')
      return row
    })
    if (kept === null) lost.abort()
    else row = kept
  }
  let beatenMs = nowMs
  const pulse = setInterval(
    () => {
      const isDue = clock.realMs() - beatenMs >= settings.leaseMs / 3 || wanted !== row.progress
      if (!isDue || lost.signal.aborted) return
      beatenMs = clock.realMs()
      beating = beating.then(beat)
    },
    Math.min(1_000, settings.leaseMs / 3),
  )
  pulse.unref()
  const settle = async () => {
    clearInterval(pulse)
    await beating
  }
  try {
    if (handler === undefined) throw new AppError('unprocessable', 'job_unknown', `This version knows no job of the kind ${row.kind}.`)
    const done =
      (await handler({
        runtime,
        store,
        job: row,
        signal,
        progress(percent) {
          wanted = Math.max(0, Math.min(100, Math.floor(percent)))
        },
      })) ?? {}
    await settle()
    if (lost.signal.aborted) return true
    await write(store, row, { patch: doneAs(done, clock.realMs()), done, runtime, isFinal: true })
    count('done')
  } catch (error) {
    await settle()
    if (!lost.signal.aborted) await fail(error)
  }
  return true

  async function fail(error: unknown): Promise<void> {
    // a stop is nobody's fault: the job waits for the next process
    const isStop = stopping.aborted
    const isHopeless = error instanceof AppError && hopeless.has(error.kind)
    const isOver = !isStop && (isHopeless || row.attempts >= row.maxAttempts)
    const words = error instanceof AppError ? error.message : 'Something went wrong on our side; the log has it under the job.'
    if (!isStop) {
      count('failed')
      services.log.warn({ err: error, job: row.id, kind: row.kind, tenantId, attempts: row.attempts }, 'a job failed')
    }
    if (isOver) count('dead')
    const chance = runtime.random(1).readUInt8() / 255
    const againMs = clock.realMs() + (isStop ? 0 : waitMs(row.attempts, settings.retryMs, chance))
    const patch: Partial<JobRow> = isOver
      ? ended('dead', clock.realMs(), words)
      : {
          state: 'queued',
          runAt: toTime(againMs),
          dueAt: toTime(againMs),
          lastError: isStop ? row.lastError : words,
          attempts: row.attempts - (isStop ? 1 : 0),
        }
    await write(store, row, { patch, runtime })
  }
}

/** Twice as long each time, up to the longest, and up to a half more by chance, so that many do not come back together. */
const waitMs = (attempts: number, { first, longest }: RunSettings['retryMs'], chance: number): number =>
  Math.min(first * 2 ** (attempts - 1), longest) * (1 + chance / 2)

/** What a row becomes when it ends. */
export const ended = (state: 'done' | 'dead' | 'cancelled', nowMs: number, lastError: string | null): Partial<JobRow> => ({
  state,
  dueAt: null,
  openness: null,
  name: null,
  endedAt: toTime(nowMs),
  lastError,
})

function doneAs({ result = null, againAtMs }: JobDone, nowMs: number): Partial<JobRow> {
  if (againAtMs === undefined) return { ...ended('done', nowMs, null), progress: 100, result }
  const at = toTime(againAtMs)
  return { state: 'queued', runAt: at, dueAt: at, attempts: 0, progress: 0, result, lastError: null }
}

type Writing = { patch: Partial<JobRow>; runtime: Runtime; done?: JobDone; isFinal?: boolean }

/** The row afterwards, or null when someone else has it: cancelled, or taken after the lease. A guard that the handler's own changes lost is thrown. */
async function write(store: TenantStore, before: JobRow, { patch, runtime, done = {}, isFinal }: Writing): Promise<JobRow | null> {
  const now = toTime(runtime.clock.realMs())
  const after = patched(Job, before, patch, now)
  const changes: Change[] = [update(Job, before, after), ...(done.changes ?? [])]
  const { kind, name } = system
  try {
    await store.commit(changes, {
      actor: { id: null, kind, name },
      action: isFinal === true ? `job.${before.kind}` : 'job.run',
      entity: done.entity ?? { type: Job.name, id: before.id },
      requestId: null,
      time: now,
    })
    return after
  } catch (error) {
    if (error instanceof Conflict && error.entity === Job.name && error.id === before.id) return null
    throw error
  }
}
