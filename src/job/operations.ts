import { z } from 'zod'
import { patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { pageInput, pageOf } from '../kernel/page.ts'
import type { TenantStore } from '../storage/port.ts'
import { Job, type JobRow } from './entity.ts'
import { ended } from './run.ts'

const theJob = async (store: TenantStore, id: string): Promise<JobRow> => {
  const row = isUuid(id) ? await store.get(Job, id) : null
  if (row === null) throw notFound()
  return row
}

/** In the order in which they were made; of one state or of one kind. */
export const listJobs = operation({
  name: 'job.list',
  summary: 'List background jobs',
  needs: 'job:manage',
  readOnly: true,
  input: z.strictObject({ ...pageInput, state: Job.fields.state.optional(), kind: z.string().max(100).optional() }),
  output: pageOf(Job.public),
  async run({ store }, { limit, cursor, state, kind }) {
    const page = { cursor: cursor ?? null, limit: limit ?? 50 }
    const filter = kind === undefined ? [] : [{ field: 'kind', op: 'eq' as const, value: kind }]
    if (state !== undefined) return { output: await store.list(Job, { ...page, index: 'byState', where: { state }, filter }) }
    if (kind !== undefined) return { output: await store.list(Job, { ...page, index: 'byKind', where: { kind } }) }
    return { output: await store.list(Job, page) }
  },
})

export const getJob = operation({
  name: 'job.get',
  summary: 'Read a background job',
  needs: 'job:manage',
  readOnly: true,
  input: z.strictObject({ id: z.string() }),
  output: Job.public,
  run: async ({ store }, { id }) => ({ output: await theJob(store, id) }),
})

/** Has a job that was given up or cancelled begin again, with all its attempts. Errors: `not_found`, `job_not_ended`. */
export const retryJob = operation({
  name: 'job.retry',
  summary: 'Run a job again that was given up or cancelled',
  needs: 'job:manage',
  input: z.strictObject({ id: z.string() }),
  output: Job.public,
  async run({ store, realMs }, { id }) {
    const row = await theJob(store, id)
    if (row.state !== 'dead' && row.state !== 'cancelled')
      throw new AppError('conflict', 'job_not_ended', 'Only a job that was given up or cancelled runs again.')
    const now = toTime(realMs)
    const patch = { state: 'queued', runAt: now, dueAt: now, openness: 'open', attempts: 0, progress: 0, endedAt: null } as const
    const after = patched(Job, row, patch, now)
    return { output: after, changes: [update(Job, row, after)], entity: { type: Job.name, id } }
  },
})

/** Ends a job that waits or runs; one that runs changes nothing from then on. Again: nothing happens. Errors: `not_found`, `job_ended`. */
export const cancelJob = operation({
  name: 'job.cancel',
  summary: 'Cancel a background job',
  needs: 'job:manage',
  input: z.strictObject({ id: z.string() }),
  output: Job.public,
  async run({ store, realMs }, { id }) {
    const row = await theJob(store, id)
    if (row.state === 'cancelled') return { output: row }
    if (row.dueAt === null) throw new AppError('conflict', 'job_ended', 'The job has ended already.')
    const after = patched(Job, row, ended('cancelled', realMs, row.lastError), toTime(realMs))
    return { output: after, changes: [update(Job, row, after)], entity: { type: Job.name, id } }
  },
})
