import { scopeOf } from '../access/permissions.ts'
import { newSystemJob } from '../job/enqueue.ts'
import type { JobHandler } from '../job/handler.ts'
import { type Change, remove } from '../kernel/change.ts'
import type { Context, Runtime } from '../kernel/context.ts'
import { Export, type ExportRow } from './entity.ts'

/** A document is kept for a week (contracts/prework.md, section 10). */
export const keptMs = 7 * 24 * 60 * 60 * 1_000

/** Media types by form (IANA). */
export const types = {
  pdf: 'application/pdf',
  csv: 'text/csv',
  json: 'application/json',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
} as const

/** A report of the whole tenant is for whoever asked for it, for as long as they may ask for it. */
export const mayReadReport = ({ actor, origin }: Context, { userId, entityType }: ExportRow): boolean =>
  userId === actor.id &&
  actor.role !== null &&
  scopeOf(actor.role, entityType === 'audit' ? 'audit:read' : 'attendance:report', origin.surface) !== null

const expiryKind = 'export.expire'

/** What removes a document and its bytes when its week is over. */
export const expiryJob = (runtime: Runtime, id: string, realMs: number): Change =>
  newSystemJob(runtime, { kind: expiryKind, payload: { id }, runAtMs: realMs + keptMs }).change

const expire: JobHandler = async ({ runtime, store, job }) => {
  const id = String((job.payload as { id?: unknown }).id)
  const row = await store.get(Export, id)
  const objects = (await runtime.services.objects()).tenant(store.tenantId)
  // of a row that is gone with its checklist too, and what an attempt that was cut off left behind
  for (const { key } of (await objects.list(`exports/${id}`)).items) await objects.remove(key)
  return row === null ? undefined : { changes: [remove(Export, row)], entity: { type: Export.name, id } }
}

export const exportJobs = { [expiryKind]: expire }
