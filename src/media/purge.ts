import type { JobHandler } from '../job/handler.ts'
import { type Change, remove } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import { type Runtime, system } from '../kernel/context.ts'
import { copyJobs, forgetCopyJob } from './copies.ts'
import { Media, type MediaRow } from './entity.ts'
import { bytesOf, countBytes, counted } from './quota.ts'
import { mediaOf } from './rows.ts'
import { removeStem } from './stem.ts'

export const expiryKind = 'media.expire'

/** Everything that is stored of a file. */
export const keysOf = ({ objectKey, displayKey, thumbnailKey }: MediaRow): string[] =>
  [objectKey, displayKey, thumbnailKey].filter((key) => key !== null)

export async function removeObjects({ services }: Pick<Runtime, 'services'>, tenantId: string, rows: readonly MediaRow[]): Promise<void> {
  const objects = (await services.objects()).tenant(tenantId)
  for (const key of rows.flatMap(keysOf)) await objects.remove(key)
}

/**
 * An upload that nobody confirmed within a day. The row goes first and by its version, so that a file that is confirmed at this moment keeps its bytes; whatever lies under the key of a row that is gone goes then,
 * also when a crash came between.
 */
const expire: JobHandler = async ({ runtime, store, job }) => {
  const { id, stem } = job.payload as { id?: unknown; stem?: unknown }
  const row = await store.get(Media, String(id))
  if (row?.uploadStatus === 'completed') return undefined
  if (row !== null) {
    const now = toTime(runtime.clock.realMs())
    await store.commit([remove(Media, row), ...(await counted({ store, services: runtime.services, now }, row, null))], {
      actor: { id: system.id, kind: system.kind, name: system.name },
      action: expiryKind,
      entity: { type: Media.name, id: row.id },
      requestId: null,
      time: now,
    })
  }
  await removeStem(runtime, store.tenantId, String(stem))
  return undefined
}

/** Rows and objects of a checklist that is gone. */
export async function removeAllOf(
  { runtime, store }: Pick<Parameters<JobHandler>[0], 'runtime' | 'store'>,
  placeId: string,
): Promise<Change[]> {
  const rows = await mediaOf({ store }, placeId)
  await removeObjects(runtime, store.tenantId, rows)
  const completed = rows.filter(({ uploadStatus }) => uploadStatus === 'completed')
  const place = { store, services: runtime.services, now: toTime(runtime.clock.realMs()) }
  return [
    ...rows.map((row) => remove(Media, row)),
    ...completed.map((row) => forgetCopyJob(runtime, row)),
    ...(await countBytes(place, -rows.reduce((sum, row) => sum + bytesOf(row), 0))),
  ]
}

export const mediaJobs = { [expiryKind]: expire, ...copyJobs }
