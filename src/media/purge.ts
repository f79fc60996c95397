import type { JobHandler } from '../job/handler.ts'
import { add, type Change, remove } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Runtime } from '../kernel/context.ts'
import { Media, type MediaRow } from './entity.ts'
import { mediaOf } from './rows.ts'

export const expiryKind = 'media.expire'

/** Everything that is stored of a file. */
export const keysOf = ({ objectKey, displayKey, thumbnailKey }: MediaRow): string[] =>
  [objectKey, displayKey, thumbnailKey].filter((key) => key !== null)

export async function removeObjects({ services }: Pick<Runtime, 'services'>, tenantId: string, rows: readonly MediaRow[]): Promise<void> {
  const objects = (await services.objects()).tenant(tenantId)
  for (const key of rows.flatMap(keysOf)) await objects.remove(key)
}

/** An upload that nobody confirmed within a day: its bytes go first, so that a crash leaves a row that is looked at again. */
const expire: JobHandler = async ({ runtime, store, job }) => {
  const row = await store.get(Media, String((job.payload as { id?: unknown }).id))
  if (row === null || row.uploadStatus === 'completed') return undefined
  await removeObjects(runtime, store.tenantId, [row])
  const now = toTime(runtime.clock.realMs())
  const count: Change[] =
    row.uploadStatus === 'uploading' && row.place === 'submission' ? [add(`media:${row.placeId}`, -1, now, { min: 0 })] : []
  return { changes: [remove(Media, row), ...count], entity: { type: Media.name, id: row.id } }
}

/** Rows and objects of a checklist that is gone. */
export async function removeAllOf(
  { runtime, store }: Pick<Parameters<JobHandler>[0], 'runtime' | 'store'>,
  placeId: string,
): Promise<Change[]> {
  const rows = await mediaOf({ store }, placeId)
  await removeObjects(runtime, store.tenantId, rows)
  return rows.map((row) => remove(Media, row))
}

export const mediaJobs = { [expiryKind]: expire }
