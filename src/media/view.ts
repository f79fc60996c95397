import { z } from 'zod'
import type { Context } from '../kernel/context.ts'
import type { TenantObjects } from '../objects/port.ts'
import type { MediaRow } from './entity.ts'
import { kindOf } from './kinds.ts'

const text = z.string().nullable()
/** Signed addresses are good for an hour. */
const linkSeconds = 3_600

export const mediaView = z.object({
  mediaId: z.string(),
  organizationId: z.string(),
  userId: z.string(),
  submissionId: text,
  itemId: text,
  fileName: z.string(),
  originalName: z.string(),
  fileType: z.enum(['image', 'video', 'audio', 'document']),
  mimeType: z.string(),
  fileSize: z.int(),
  checksum: z.string(),
  key: z.string(),
  uploadStatus: z.string(),
  thumbnailUrl: text,
  cdnUrl: text,
  metadata: z.object({ width: z.int().nullable(), height: z.int().nullable() }),
  createdAt: z.string(),
  updatedAt: z.string(),
})
export type MediaView = z.input<typeof mediaView>

/** A key as clients know it, with the organization in front. */
export const wireKey = ({ store }: Pick<Context, 'store'>, objectKey: string): string => `org/${store.tenantId}/${objectKey}`

export const objectsOf = async ({ services, store }: Pick<Context, 'services' | 'store'>): Promise<TenantObjects> =>
  (await services.objects()).tenant(store.tenantId)

/** An address of our own, where the adapter gives a path. */
export const absolute = ({ services }: Pick<Context, 'services'>, url: string): string =>
  url.startsWith('/') ? `${services.settings.publicUrl}${url}` : url

/** A signed address of an object, as an attachment of this name. */
export async function linkTo(
  context: Pick<Context, 'services' | 'store'>,
  key: string,
  { name, type }: { name: string; type: string },
): Promise<string> {
  const objects = await objectsOf(context)
  const { url } = await objects.signDownload(key, { attachmentName: name, type, expiresInSeconds: linkSeconds })
  return absolute(context, url)
}

/** What is shown: of an image the copy without metadata, else the file itself. */
export const displayLink = (context: Pick<Context, 'services' | 'store'>, row: MediaRow): Promise<string> =>
  linkTo(context, row.displayKey ?? row.objectKey, { name: row.fileName, type: row.mimeType })

export const thumbnailLink = (context: Pick<Context, 'services' | 'store'>, key: string): Promise<string> =>
  linkTo(context, key, { name: 'thumbnail.jpg', type: 'image/jpeg' })

export async function mediaShape(context: Pick<Context, 'services' | 'store'>, row: MediaRow): Promise<MediaView> {
  const isThere = row.uploadStatus === 'completed'
  return {
    ...row,
    mediaId: row.id,
    organizationId: context.store.tenantId,
    submissionId: row.place === 'submission' ? row.placeId : null,
    fileType: kindOf(row.mimeType),
    key: wireKey(context, row.objectKey),
    cdnUrl: isThere ? await displayLink(context, row) : null,
    thumbnailUrl: isThere && row.thumbnailKey !== null ? await thumbnailLink(context, row.thumbnailKey) : null,
    metadata: { width: row.width, height: row.height },
  }
}
