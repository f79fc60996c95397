import { z } from 'zod'
import { Checklist } from '../checklist/entity.ts'
import { newSystemJob } from '../job/enqueue.ts'
import { sha256 } from '../kernel/canonical.ts'
import { type Change, check, create, insert, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import type { OpenedObject, TenantObjects } from '../objects/port.ts'
import { entered, where } from '../profile/place.ts'
import { copyJob } from './copies.ts'
import { Media, type MediaRow } from './entity.ts'
import { fileNameOf } from './file-name.ts'
import { copiesOf } from './images.ts'
import { fitsType, headBytes, isAllowed, isText, kindOf } from './kinds.ts'
import { expiryKind } from './purge.ts'
import { counted, mostBytes, quotaConflicts } from './quota.ts'
import { assertMayPut, maySeeMedia, mediaNotFound, type Wanted } from './rights.ts'
import { stemOf } from './stem.ts'
import { absolute, displayLink, type MediaView, mediaShape, mediaView, objectsOf, wireKey } from './view.ts'

export const uploadSeconds = 15 * 60
/** What nobody confirmed by then is taken away. */
export const unconfirmedMs = 24 * 60 * 60 * 1_000

const folders = { submission: 'submissions', profile: 'profiles', team: 'teams', user: 'users' } as const

/** What takes an upload away that nobody confirms. */
export const expiryJob = ({ runtime, realMs }: Pick<Context, 'runtime' | 'realMs'>, row: Pick<MediaRow, 'id' | 'objectKey'>): Change =>
  newSystemJob(runtime, { kind: expiryKind, payload: { id: row.id, stem: stemOf(row) }, runAtMs: realMs + unconfirmedMs }).change

type Announced = { fileName: string; fileType: string; fileSize: number; checksum: string; itemId?: string | undefined }

/** The row of a file that is to come. */
export function uploading({ actor, now, newId, realMs }: Context, wanted: Wanted, announced: Announced): MediaRow {
  const id = newId()
  const fileName = fileNameOf(announced.fileName)
  return create(
    Media,
    id,
    {
      ...wanted,
      userId: actor.id ?? '',
      itemId: announced.itemId ?? null,
      fileName,
      originalName: announced.fileName,
      mimeType: announced.fileType,
      fileSize: announced.fileSize,
      checksum: announced.checksum,
      objectKey: `${folders[wanted.place]}/${wanted.placeId}/${id}-${fileName}`,
      uploadStatus: 'uploading',
      displayKey: null,
      thumbnailKey: null,
      width: null,
      height: null,
      uploadUntil: toTime(realMs + unconfirmedMs),
    },
    now,
  )
}

const name = z.string().min(1, 'is required').max(500)

/** Reserves a place for a file and signs an address to which its bytes, and no others, may be put. Errors: `file_type`, `file_too_large`, `media_limit`, `media_quota`, `checklist_not_found`, `team_not_found`, `forbidden`, `frozen`. */
export const requestUpload = operation({
  name: 'media.request',
  summary: 'Get an address to upload a file to',
  needs: 'media:upload',
  elsewhere: true,
  conflicts: quotaConflicts,
  input: z
    .object({
      ...where,
      fileName: name,
      fileType: z.string().max(200),
      fileSize: z.int().min(1),
      checksum: z
        .string()
        .regex(/^[0-9a-fA-F]{64}$/, 'must be a SHA-256 in hexadecimal digits')
        .toLowerCase(),
      submissionId: z.string().optional(),
      itemId: z.string().max(100).optional(),
      entityType: z.enum(['profile', 'team']).optional(),
      entityId: z.string().optional(),
    })
    .strict(),
  output: z.object({
    uploadUrl: z.string(),
    method: z.literal('PUT'),
    headers: z.record(z.string(), z.string()),
    key: z.string(),
    fileId: z.string(),
    expiresAt: z.string(),
  }),
  async run(caller, { organization, actors, ...given }) {
    if (!isAllowed(given.fileType)) throw new AppError('invalid', 'file_type', 'File type not allowed')
    if (given.fileSize > mostBytes) throw new AppError('too_large', 'file_too_large', 'A file is at most 50 MiB.')
    const context = await entered(caller, { organization, actors })
    const { store, actor } = context
    const wanted = wantedOf(given, actor.id ?? '')
    const checklist = await assertMayPut(context, wanted)
    const row = uploading(context, wanted, given)
    const { id, objectKey } = row
    const objects = await objectsOf(context)
    const described = { size: given.fileSize, sha256: given.checksum, type: given.fileType }
    const signed = await objects.signUpload(objectKey, described, { method: 'PUT', expiresInSeconds: uploadSeconds })
    if (signed.method !== 'PUT') throw new Error('a PUT was asked for')
    const { url: uploadUrl, headers, expiresAt } = signed
    return {
      output: {
        uploadUrl: absolute(context, uploadUrl),
        method: 'PUT' as const,
        headers: { ...headers },
        key: wireKey(context, objectKey),
        fileId: id,
        expiresAt,
      },
      changes: [
        insert(Media, row),
        expiryJob(context, row),
        ...(await counted(context, null, row)),
        ...(checklist === null ? [] : [check(Checklist, checklist)]),
      ],
      store,
      entity: { type: Media.name, id },
    }
  },
})

function wantedOf(
  {
    submissionId,
    entityType,
    entityId,
  }: { submissionId?: string | undefined; entityType?: 'profile' | 'team' | undefined; entityId?: string | undefined },
  actorId: string,
): Wanted {
  if (submissionId !== undefined) return { place: 'submission', placeId: submissionId }
  if (entityType === undefined) return { place: 'user', placeId: actorId }
  if (entityId === undefined) {
    const message = 'is required'
    throw new AppError('unprocessable', 'validation_failed', `entityId: ${message}`, { errors: [{ field: 'entityId', message }] })
  }
  return { place: entityType, placeId: entityId }
}

/** The row of a file by its id or key, which one may read. Errors: `media_not_found`. */
export async function theMedia(context: Context, { id, key }: { id?: string; key?: string }): Promise<MediaRow> {
  const { store } = context
  const prefix = wireKey(context, '')
  const row =
    id !== undefined
      ? isUuid(id)
        ? await store.get(Media, id)
        : null
      : key?.startsWith(prefix) === true
        ? await store.find(Media, 'object', [key.slice(prefix.length)])
        : null
  if (row === null || (key !== undefined && wireKey(context, row.objectKey) !== key) || !(await maySeeMedia(context, row)))
    throw mediaNotFound()
  return row
}

const missing = () => new AppError('conflict', 'upload_missing', 'The file has not been uploaded.')
const mismatched = () =>
  new AppError('unprocessable', 'upload_mismatch', 'The uploaded file is not the one that was announced. Upload it again.')

type Checked = { problem: true } | { problem: false; size: number; sha256: string; copies: Awaited<ReturnType<typeof copiesOf>> }

async function bytesOf({ body }: OpenedObject): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Looks into a file: whether it is what its row says, and the copies of a picture. */
async function looked(objects: TenantObjects, row: MediaRow): Promise<Checked> {
  const stat = await objects.stat(row.objectKey)
  if (stat === null) throw missing()
  // older clients announce neither (older.ts): then what came is what counts, up to what any file may be
  const isAnnounced = (row.fileSize === 0 || stat.size === row.fileSize) && (row.checksum === '' || stat.sha256 === row.checksum)
  if (!isAnnounced || stat.size === 0 || stat.size > mostBytes) return { problem: true }
  const { size, sha256: digest } = stat
  const read = async (range?: { start: number; length: number }): Promise<Buffer> => {
    const opened = await objects.open(row.objectKey, range)
    if (opened === null) throw missing()
    return bytesOf(opened)
  }
  const bytes = await read(row.mimeType === 'text/plain' ? undefined : { start: 0, length: headBytes })
  if (!fitsType(row.mimeType, bytes) || (row.mimeType === 'text/plain' && !isText(bytes))) return { problem: true }
  if (kindOf(row.mimeType) !== 'image') return { problem: false, size, sha256: digest, copies: null }
  const copies = await copiesOf(read, row.mimeType)
  return copies === null ? { problem: true } : { problem: false, size, sha256: digest, copies }
}

/** Takes a file in: it is there, as large as it said, with its digest, and what its type says; a picture gets its copies. Repeatable. Errors: `media_not_found`, `upload_missing`, `upload_mismatch`, `media_quota` of one whose size was not announced. */
export const confirmUpload = operation({
  name: 'media.confirm',
  summary: 'Confirm an upload',
  needs: 'media:upload',
  elsewhere: true,
  conflicts: quotaConflicts,
  input: z.object({ ...where, fileId: z.string(), key: z.string().max(1_000) }).strict(),
  output: z.object({ media: mediaView, cdnUrl: z.string().nullable() }),
  async run(caller, { organization, actors, fileId, key }) {
    const context = await entered(caller, { organization, actors })
    const { store, now } = context
    const row = await theMedia(context, { id: fileId, key })
    const entity = { type: Media.name, id: row.id }
    if (row.uploadStatus === 'completed') return { output: await confirmed(context, row) }
    if (row.uploadStatus === 'failed') throw mismatched()
    const checklist = await assertMayPut(context, row)
    const objects = await objectsOf(context)
    const checked = await context.once('media', () => looked(objects, row))
    if (checked.problem) {
      const failed = patched(Media, row, { uploadStatus: 'failed' }, now)
      return {
        refuse: mismatched(),
        changes: [update(Media, row, failed), ...(await counted(context, row, failed))],
        store,
        entity,
        action: 'media.fail',
        ended: () =>
          void objects
            .remove(row.objectKey)
            .catch((error: unknown) => context.services.log.warn({ err: error }, 'a refused file stays for now')),
      }
    }
    const taken = { uploadStatus: 'completed' as const, fileSize: checked.size, checksum: checked.sha256 }
    const next = patched(Media, row, { ...taken, ...(await keptCopies(objects, row, checked.copies)) }, now)
    return {
      output: await confirmed(context, next),
      changes: [
        update(Media, row, next),
        ...(await counted(context, row, next)),
        ...copyJob(context.runtime, row),
        ...(checklist === null ? [] : [check(Checklist, checklist)]),
      ],
      store,
      entity,
      detail: { fileName: row.fileName, fileSize: next.fileSize, ...(row.place === 'submission' ? { submissionId: row.placeId } : {}) },
    }
  },
})

const confirmed = async (context: Context, row: MediaRow): Promise<{ media: MediaView; cdnUrl: string | null }> => ({
  media: await mediaShape(context, row),
  cdnUrl: await displayLink(context, row),
})

async function keptCopies(objects: TenantObjects, row: MediaRow, copies: Extract<Checked, { problem: false }>['copies']) {
  if (copies === null) return {}
  // no file is called so: behind the id of each stands a dash
  const base = row.objectKey.slice(0, row.objectKey.lastIndexOf('/') + 1)
  const [displayKey, thumbnailKey] = [`${base}${row.id}.display`, `${base}${row.id}.thumbnail.jpg`]
  const { display, thumbnail, width, height } = copies
  await putBytes(objects, displayKey, display, row.mimeType)
  await putBytes(objects, thumbnailKey, thumbnail, 'image/jpeg')
  return { displayKey, thumbnailKey, width, height }
}

const putBytes = (objects: TenantObjects, key: string, bytes: Uint8Array, type: string) =>
  objects.put(key, bytes, { size: bytes.byteLength, sha256: sha256(Buffer.from(bytes)), type })
