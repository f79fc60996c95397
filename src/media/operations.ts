import { z } from 'zod'
import { readableChecklist } from '../checklist/access.ts'
import { Checklist } from '../checklist/entity.ts'
import { check, remove } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { entered, type Where, where } from '../profile/place.ts'
import { forgetCopyJob } from './copies.ts'
import { Media, type MediaRow } from './entity.ts'
import { removeObjects } from './purge.ts'
import { counted } from './quota.ts'
import { assertMayRemove } from './rights.ts'
import { theMedia } from './upload.ts'
import { displayLink, linkTo, mediaShape, objectsOf, thumbnailLink, wireKey } from './view.ts'

type Asked = Where & { submissionId: string; limit: number; cursor: string | null }

/** Files of a submission. Errors: `checklist_not_found`. */
export async function filesOf(caller: Context, { submissionId, limit, cursor, ...place }: Asked) {
  const context = await entered(caller, place)
  const { row } = await readableChecklist(context, submissionId)
  const page = await context.store.list(Media, { index: 'byPlace', where: { placeId: row.id }, limit, cursor })
  return { media: await Promise.all(page.items.map((one) => mediaShape(context, one))), nextCursor: page.nextCursor }
}

const actions = ['download', 'metadata', 'thumbnail'] as const
const link = z.object({
  downloadUrl: z.string().optional(),
  thumbnailKey: z.string().optional(),
  thumbnailUrl: z.string().optional(),
  metadata: z
    .object({
      contentType: z.string(),
      contentLength: z.int(),
      lastModified: z.string(),
      checksum: z.string(),
      metadata: z.object({ width: z.int().nullable(), height: z.int().nullable() }),
    })
    .optional(),
  message: z.string(),
})

const notThere = () => new AppError('conflict', 'upload_incomplete', 'The file is not there yet, or was refused.')

/** An address to get a file from, what is known of it, or its thumbnail. Errors: `action_unknown`, `media_not_found`, `upload_incomplete`. */
export const askMedia = operation({
  name: 'media.ask',
  summary: 'Get the address of a file, what is known of it, or its thumbnail',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object({
    ...where,
    action: z.string().optional(),
    key: z.string().max(1_000).optional(),
    originalKey: z.string().max(1_000).optional(),
    variant: z.enum(['original', 'display']).default('original'),
  }),
  output: link,
  async run(caller, { action, key, originalKey, variant, ...place }) {
    if (!actions.some((known) => known === action))
      throw new AppError('invalid', 'action_unknown', `Invalid action. Supported actions: ${actions.join(', ')}`)
    const field = action === 'thumbnail' ? 'originalKey' : 'key'
    const wanted = action === 'thumbnail' ? (originalKey ?? key) : key
    if (wanted === undefined) {
      const message = 'is required'
      throw new AppError('unprocessable', 'validation_failed', `${field}: ${message}`, { errors: [{ field, message }] })
    }
    const context = await entered(caller, place)
    const row = await theMedia(context, { key: wanted })
    if (row.uploadStatus !== 'completed') throw notThere()
    if (action === 'download') {
      const downloadUrl =
        variant === 'display'
          ? await displayLink(context, row)
          : await linkTo(context, row.objectKey, { name: row.fileName, type: row.mimeType })
      return { output: { downloadUrl, message: 'Download URL generated successfully' } }
    }
    if (action === 'metadata') return { output: { metadata: await known(row), message: 'Metadata retrieved successfully' } }
    if (row.thumbnailKey === null) throw new AppError('conflict', 'thumbnail_none', 'Only images have a thumbnail.')
    return {
      output: {
        thumbnailKey: wireKey(context, row.thumbnailKey),
        thumbnailUrl: await thumbnailLink(context, row.thumbnailKey),
        message: 'Thumbnail generated successfully',
      },
    }

    async function known({ objectKey, mimeType, width, height }: MediaRow) {
      const stat = await (await objectsOf(context)).stat(objectKey)
      if (stat === null) throw notThere()
      return {
        contentType: mimeType,
        contentLength: stat.size,
        lastModified: stat.storedAt,
        checksum: stat.sha256,
        metadata: { width, height },
      }
    }
  },
})

/** Takes a file away. Errors: `media_not_found`, `forbidden`, `frozen`. */
export const removeMedia = operation({
  name: 'media.remove',
  summary: 'Delete a file',
  needs: 'media:upload',
  elsewhere: true,
  input: z.object({ ...where, key: z.string({ error: 'is required' }).max(1_000) }),
  output: z.null(),
  async run(caller, { key, ...place }) {
    const context = await entered(caller, place)
    const { store, runtime, services } = context
    const row = await theMedia(context, { key })
    const checklist = await assertMayRemove(context, row)
    return {
      output: null,
      changes: [
        remove(Media, row),
        ...(row.uploadStatus === 'completed' ? [forgetCopyJob(runtime, row)] : []),
        ...(await counted(context, row, null)),
        ...(checklist === null ? [] : [check(Checklist, checklist)]),
      ],
      store,
      entity: { type: Media.name, id: row.id },
      // the row is the file: without it nobody reaches the bytes, and what a crash leaves of them the scrubber takes
      after: () =>
        void removeObjects(runtime, store.tenantId, [row]).catch((error: unknown) =>
          services.log.warn({ err: error }, 'the bytes of a deleted file stay for now'),
        ),
    }
  },
})
