import { sha256 } from '../kernel/canonical.ts'
import type { Runtime } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import type { Page } from '../kernel/page.ts'
import type { TenantObjects } from '../objects/port.ts'
import { everyTenantId } from '../tenant/every.ts'
import { Media, type MediaRow } from './entity.ts'
import { copiesOf } from './images.ts'
import { kindOf } from './kinds.ts'

export type Healed = { healed: number; missing: string[] }

/** Brings back what is lost of a file: its bytes from the backups, if they are the ones that its row tells of, and the copies of a picture from those. False when no backup has it. */
export async function healFile(runtime: Runtime, objects: TenantObjects, row: MediaRow): Promise<boolean> {
  const { backups } = runtime.services
  let bytes: Uint8Array | null = null
  if ((await objects.stat(row.objectKey)) === null) {
    bytes = (await backups?.objects.read(objects.tenantId, row.objectKey)) ?? null
    // whoever can write into a target can make a file that opens: the row says which bytes are meant
    if (bytes === null || bytes.byteLength !== row.fileSize || sha256(Buffer.from(bytes)) !== row.checksum) return false
    await objects.put(row.objectKey, bytes, { size: row.fileSize, sha256: row.checksum, type: row.mimeType })
  }
  await healCopies(objects, row)
  return true
}

async function healCopies(objects: TenantObjects, row: MediaRow): Promise<void> {
  const { displayKey, thumbnailKey, objectKey, mimeType } = row
  if (displayKey === null || thumbnailKey === null || kindOf(mimeType) !== 'image') return
  const lost = (await Promise.all([displayKey, thumbnailKey].map(async (key) => (await objects.stat(key)) === null))) as [boolean, boolean]
  if (!lost.includes(true)) return
  const made = await copiesOf(async () => {
    const opened = await objects.open(objectKey)
    if (opened === null) throw new Error('the picture went away')
    return Buffer.concat(await opened.body.toArray())
  }, mimeType)
  if (made === null) return
  const put = (key: string, bytes: Uint8Array, type: string) =>
    objects.put(key, bytes, { size: bytes.byteLength, sha256: sha256(Buffer.from(bytes)), type })
  if (lost[0]) await put(displayKey, made.display, mimeType)
  if (lost[1]) await put(thumbnailKey, made.thumbnail, 'image/jpeg')
}

/** Every completed file of a tenant whose bytes are not there. What no backup has is named by its id. */
export async function healFiles(runtime: Runtime, tenantId: string): Promise<Healed> {
  const store = runtime.storage.tenant(tenantId)
  const objects = (await runtime.services.objects()).tenant(tenantId)
  const done: Healed = { healed: 0, missing: [] }
  for (let cursor: string | null = null; ; ) {
    const page: Page<MediaRow> = await store.list(Media, { cursor, limit: 200 })
    for (const row of page.items) {
      if (row.uploadStatus !== 'completed' || (await isThere(objects, row))) continue
      if (await healFile(runtime, objects, row)) done.healed += 1
      else done.missing.push(row.id)
    }
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  const { log } = runtime.services
  if (done.healed > 0) log.warn({ tenantId, files: done.healed }, 'files that were lost came back from the backups')
  if (done.missing.length > 0) log.error({ tenantId, media: done.missing.slice(0, 100) }, 'files are lost, and no backup has them')
  return done
}

async function isThere(objects: TenantObjects, { objectKey, displayKey, thumbnailKey }: MediaRow): Promise<boolean> {
  for (const key of [objectKey, displayKey, thumbnailKey]) if (key !== null && (await objects.stat(key)) === null) return false
  return true
}

/**
 * At a start: of each tenant one file is looked for, and where that is lost, all of them are. So a disk that is gone, or a storage that was rebuilt elsewhere, has its files back, and a start with everything in
 * place costs two reads a tenant.
 */
export async function healLost(runtime: Runtime): Promise<void> {
  const { log, objects } = runtime.services
  // a bucket is not lost with this machine, and asking it about every tenant of a million is dear: scrubbing does that
  if ((await objects()).kind !== 'folder') return
  for await (const tenantId of everyTenantId(runtime)) {
    try {
      const completed = [{ field: 'uploadStatus', op: 'eq' as const, value: 'completed' }]
      const [row] = (await runtime.storage.tenant(tenantId).list(Media, { filter: completed, limit: 1 })).items
      if (row === undefined || (await isThere((await objects()).tenant(tenantId), row))) continue
      await healFiles(runtime, tenantId)
    } catch (error) {
      if (error instanceof AppError && error.kind === 'unavailable') log.warn({ err: error, tenantId }, 'files cannot be looked at now')
      else log.error({ err: error, tenantId }, 'lost files could not be brought back')
    }
  }
}
