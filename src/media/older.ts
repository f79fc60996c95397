import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { scopeOf } from '../access/permissions.ts'
import { sha256 } from '../kernel/canonical.ts'
import { insert } from '../kernel/change.ts'
import type { Context, Runtime } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { listing } from '../profile/input.ts'
import { entered, forbidden, where } from '../profile/place.ts'
import { Media } from './entity.ts'
import { isAllowed } from './kinds.ts'
import { filesOf } from './operations.ts'
import { counted, mostBytes, quotaConflicts } from './quota.ts'
import { expiryJob, requestUpload, uploading, uploadSeconds } from './upload.ts'
import { absolute, mediaView, wireKey } from './view.ts'

const invalid = (field: string, message: string) =>
  new AppError('invalid', 'invalid', `${field} ${message}`, { errors: [{ field, message }] })

const older = z.object({
  uploadUrl: z.string(),
  key: z.string(),
  fileId: z.string(),
  headers: z.record(z.string(), z.string()),
  message: z.string(),
})
const message = 'Upload URL generated successfully'

/**
 * Files of a submission; or, for clients from before uploads were announced with size and digest, an address for a file of one's own. What they do not say is not bound into the address, and is checked when the
 * upload is confirmed. Errors: `checklist_not_found`, and those of `media.request`.
 */
export const askOlder = operation({
  name: 'media.list',
  summary: 'List files of a submission, or get an address to upload one’s own to',
  needs: 'checklist:read',
  conflicts: quotaConflicts,
  input: z.object({
    ...where,
    ...listing,
    submissionId: z.string().optional(),
    fileName: z.string().min(1, 'is required').max(500).optional(),
    fileType: z.string().max(200).optional(),
    fileSize: z
      .string()
      .regex(/^\d{1,12}$/, 'must be a whole number')
      .transform(Number)
      .optional(),
    checksum: z
      .string()
      .regex(/^[0-9a-fA-F]{64}$/, 'must be a SHA-256 in hexadecimal digits')
      .toLowerCase()
      .optional(),
  }),
  output: z.union([z.object({ media: z.array(mediaView), nextCursor: z.string().nullable() }), older]),
  async run(caller, { submissionId, fileName, fileType, fileSize, checksum, ...given }) {
    if (fileName === undefined) {
      if (submissionId === undefined) throw invalid('submissionId', 'is required')
      return { output: await filesOf(caller, { ...given, submissionId }) }
    }
    if (fileType === undefined) throw invalid('fileType', 'is required')
    const { actor, origin } = caller
    if (actor.role === null || scopeOf(actor.role, 'media:upload', origin.surface) === null) throw forbidden()
    const { organization, actors } = given
    if (fileSize !== undefined && checksum !== undefined) {
      const asked = await requestUpload.run(caller, { organization, actors, fileName, fileType, fileSize, checksum })
      if ('refuse' in asked) return asked
      const { uploadUrl, key, fileId, headers } = asked.output
      return { ...asked, output: { uploadUrl, key, fileId, headers, message } }
    }
    if (!isAllowed(fileType)) throw new AppError('invalid', 'file_type', 'File type not allowed')
    if ((fileSize ?? 1) > mostBytes) throw new AppError('too_large', 'file_too_large', 'A file is at most 50 MiB.')
    const context = await entered(caller, { organization, actors })
    return unannounced(context, { fileName, fileType, fileSize: fileSize ?? 0, checksum: checksum ?? '' })
  },
})

async function unannounced(context: Context, announced: Parameters<typeof uploading>[2]) {
  const { store, actor, realMs } = context
  const row = uploading(context, { place: 'user', placeId: actor.id ?? '' }, announced)
  const { id } = row
  const expires = Math.floor(realMs / 1_000) + uploadSeconds
  const query = new URLSearchParams({ expires: String(expires), signature: signature(context, store.tenantId, id, expires) })
  return {
    output: {
      uploadUrl: absolute(context, `/api/media/bytes/${store.tenantId}/${id}?${query}`),
      key: wireKey(context, row.objectKey),
      fileId: id,
      headers: { 'Content-Type': row.mimeType },
      message,
    },
    changes: [insert(Media, row), expiryJob(context, row), ...(await counted(context, null, row))],
    store,
    entity: { type: Media.name, id },
  }
}

const signature = ({ services }: Pick<Context, 'services'>, tenantId: string, id: string, expires: number): string =>
  services.mac(`upload ${tenantId} ${id} ${expires}`)

const isSame = (given: string, wanted: string): boolean =>
  given.length === wanted.length && timingSafeEqual(Buffer.from(given), Buffer.from(wanted))

type Address = { tenantId?: string; fileId?: string; expires?: string; signature?: string }

/** Whether an address is one of ours and still good, before fifty megabytes are taken from anybody. Errors: `signature_invalid`, `signature_expired`. */
function assertAddress(
  { services }: Pick<Context, 'services'>,
  { tenantId = '', fileId = '', expires = '', signature: given = '' }: Address,
  realMs: number,
) {
  if (!isUuid(tenantId) || !isUuid(fileId) || !isSame(given, signature({ services }, tenantId, fileId, Number(expires))))
    throw new AppError('forbidden', 'signature_invalid', 'This address was changed, or never signed.')
  if (Number(expires) * 1_000 <= realMs) throw new AppError('forbidden', 'signature_expired', 'This address is not good any more.')
}

export async function admitBytes({ runtime, params, query }: { runtime: Runtime; params: Address; query: Address }): Promise<void> {
  assertAddress(runtime, { ...query, ...params }, runtime.clock.realMs())
}

/** Takes the bytes of an upload whose size and digest nobody announced. The address is the credential. Errors: `signature_invalid`, `signature_expired`, `file_type`, `object_exists`. */
export const putBytes = operation({
  name: 'media.put-bytes',
  summary: 'Upload the bytes of a file',
  needs: 'public',
  readOnly: true,
  input: z.object({
    tenantId: z.string(),
    fileId: z.string(),
    expires: z.string().regex(/^\d{1,12}$/),
    signature: z.string().max(200),
    type: z.string(),
    bytes: z.instanceof(Uint8Array),
  }),
  output: z.null(),
  async run({ runtime, services, realMs }, { type, bytes, ...address }) {
    assertAddress({ services }, address, realMs)
    const { tenantId, fileId } = address
    const row = await runtime.storage.tenant(tenantId).get(Media, fileId)
    if (row === null || row.uploadStatus !== 'uploading') throw new AppError('not_found', 'not_found', 'There is nothing at this address.')
    if (type.split(';')[0]?.trim().toLowerCase() !== row.mimeType)
      throw new AppError('invalid', 'file_type', `The Content-Type must be ${row.mimeType}.`)
    const described = { size: bytes.byteLength, sha256: sha256(Buffer.from(bytes)), type: row.mimeType }
    await (await services.objects()).tenant(tenantId).put(row.objectKey, bytes, described)
    return { output: null }
  },
})
