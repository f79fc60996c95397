import { z } from 'zod'
import { date, status } from '../attendance/read.ts'
import { daysOf } from '../attendance/report.ts'
import { newSystemJob } from '../job/enqueue.ts'
import { Job } from '../job/entity.ts'
import type { JobHandler } from '../job/handler.ts'
import { sha256 } from '../kernel/canonical.ts'
import { create, insert, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { pageInput, pageOf } from '../kernel/page.ts'
import { linkTo } from '../media/view.ts'
import { Export, type ExportRow, formats } from './entity.ts'
import { expiryJob, keptMs, mayReadReport, types } from './kept.ts'
import { reportBytes } from './report-bytes.ts'
import { type Criteria, sources } from './report-source.ts'

const kind = 'report.make'

const view = z.object({
  id: z.string(),
  of: z.enum(['attendance', 'audit']),
  criteria: z.record(z.string(), z.string()),
  format: z.enum(formats),
  state: z.enum(['running', 'completed', 'failed']),
  /** 0 to 100. */
  progress: z.int(),
  /** Why it failed, in words. */
  problem: z.string().nullable(),
  jobId: z.string(),
  fileName: z.string(),
  contentType: z.string(),
  byteSize: z.int(),
  /** SHA-256 in hex; null until it is completed. */
  checksum: z.string().nullable(),
  createdAt: z.string(),
  expiresAt: z.string(),
  /** Where the bytes are for some minutes; null until it is completed. */
  downloadUrl: z.string().nullable(),
})
type View = z.input<typeof view>

/** How far it is, as its job has it. */
async function viewOf(context: Context, row: ExportRow): Promise<View> {
  const isDone = row.state === 'completed'
  const job = isDone || row.jobId === null ? null : await context.store.get(Job, row.jobId)
  const isLost = !isDone && (job === null || job.state === 'dead' || job.state === 'cancelled')
  return {
    ...row,
    of: row.entityType === 'audit' ? 'audit' : 'attendance',
    state: isDone ? 'completed' : isLost ? 'failed' : 'running',
    progress: isDone ? 100 : (job?.progress ?? 0),
    problem: isLost ? (job?.lastError ?? 'It was stopped.') : null,
    jobId: row.jobId ?? '',
    checksum: isDone ? row.checksum : null,
    downloadUrl: isDone ? await linkTo(context, row.objectKey, { name: row.fileName, type: row.contentType }) : null,
  }
}

async function started(context: Context, of: 'attendance' | 'audit', format: ExportRow['format'], criteria: Criteria) {
  const { newId, now, realMs, actor, runtime } = context
  const id = newId()
  const job = newSystemJob(runtime, { kind, payload: { exportId: id }, maxAttempts: 3, createdBy: actor.id })
  const row = create(
    Export,
    id,
    {
      userId: actor.id ?? '',
      entityType: of,
      entityId: null,
      format,
      template: 'professional',
      pageSize: 'A4',
      orientation: 'landscape',
      fileName: `${of}-${now.slice(0, 10)}.${format}`,
      contentType: types[format],
      byteSize: 0,
      checksum: '',
      objectKey: `exports/${id}.${format}`,
      expiresAt: toTime(realMs + keptMs),
      state: 'running',
      jobId: job.row.id,
      criteria,
    },
    now,
  )
  return {
    output: await viewOf(context, row).then((shown) => ({ ...shown, state: 'running' as const, problem: null })),
    changes: [insert(Export, row), job.change, expiryJob(runtime, id, realMs)],
    entity: { type: Export.name, id },
    detail: { of, criteria },
  }
}

const given = (criteria: Record<string, string | undefined>): Criteria =>
  Object.fromEntries(Object.entries(criteria).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))

/** A report of everybody's attendance, made in the background. Errors: `range_reversed`, `report_too_long`. */
export const startAttendanceReport = operation({
  name: 'report.attendance',
  summary: 'Make a report of attendance in the background',
  needs: 'attendance:report',
  input: z.strictObject({ format: z.enum(formats), from: date.optional(), to: date.optional(), status: status.optional() }),
  output: view,
  async run(context, { format, from, to, status: only }) {
    const days = await daysOf(context, { from, to })
    return started(context, 'attendance', format, given({ ...days, status: only }))
  },
})

const moment = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' })

/** The audit log as a document, made in the background. Like every reading of the log it is an entry of it. */
export const startAuditReport = operation({
  name: 'report.audit',
  summary: 'Make a report of the audit log in the background',
  needs: 'audit:read',
  input: z.strictObject({
    format: z.enum(formats),
    from: moment.optional(),
    to: moment.optional(),
    actorId: z.string().max(100).optional(),
    action: z.string().max(100).optional(),
    entityType: z.string().max(100).optional(),
    entityId: z.string().max(200).optional(),
  }),
  output: view,
  run: async (context, { format, ...criteria }) => started(context, 'audit', format, given(criteria)),
})

const notFound = () => new AppError('not_found', 'export_not_found', 'Export not found')

/** One's own report, and where it is once it is made. Errors: `export_not_found`, for those of others too. */
export const getReport = operation({
  name: 'report.get',
  summary: 'Read how far a report is',
  needs: 'export:data',
  readOnly: true,
  input: z.strictObject({ id: z.string() }),
  output: view,
  async run(context, { id }) {
    const row = isUuid(id) ? await context.store.get(Export, id) : null
    if (row === null || row.entityId !== null || !mayReadReport(context, row) || Date.parse(row.expiresAt) <= context.realMs)
      throw notFound()
    return { output: await viewOf(context, row) }
  },
})

/** One's own reports, the newest first. */
export const listReports = operation({
  name: 'report.list',
  summary: 'List the reports that one had made',
  needs: 'export:data',
  readOnly: true,
  input: z.strictObject({ ...pageInput }),
  output: pageOf(view),
  async run(context, { limit = 50, cursor = null }) {
    const userId = context.actor.id ?? ''
    const filter = [{ field: 'entityId', op: 'eq' as const, value: null }]
    const page = await context.store.list(Export, { index: 'byUser', where: { userId }, order: 'desc', filter, cursor, limit })
    const items = page.items.filter((row) => mayReadReport(context, row))
    return { output: { items: await Promise.all(items.map((row) => viewOf(context, row))), nextCursor: page.nextCursor } }
  },
})

const make: JobHandler = async ({ runtime, store, job, signal, progress }) => {
  const row = await store.get(Export, String((job.payload as { exportId?: unknown }).exportId))
  if (row === null || row.state === 'completed' || (row.entityType !== 'attendance' && row.entityType !== 'audit')) return undefined
  const { clock, services } = runtime
  const source = sources[row.entityType](store, row.criteria)
  const nowMs = clock.businessMs()
  const bytes = await reportBytes({ source, format: row.format, criteria: row.criteria, nowMs, progress, signal })
  const checksum = sha256(Buffer.from(bytes))
  const objects = (await services.objects()).tenant(store.tenantId)
  // a key of its own: an attempt that was cut off may have left other bytes, and an object is never replaced
  const objectKey = `exports/${row.id}-${job.attempts}.${row.format}`
  await objects.put(objectKey, bytes, { size: bytes.byteLength, sha256: checksum, type: row.contentType })
  const after = patched(Export, row, { state: 'completed', objectKey, byteSize: bytes.byteLength, checksum }, toTime(clock.realMs()))
  return {
    result: { exportId: row.id, byteSize: bytes.byteLength },
    changes: [update(Export, row, after)],
    entity: { type: Export.name, id: row.id },
  }
}

export const reportJobs = { [kind]: make }
