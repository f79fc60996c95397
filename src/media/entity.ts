import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'

const time = z.iso.datetime({ precision: 3 })

/** What a file is about. A profile's and a user's are the uploader's own. */
export const mediaPlaces = ['submission', 'profile', 'team', 'user'] as const

/** One file: its row is here before its bytes are, and says what became of them. */
export const Media = entity('media', {
  table: 'media',
  fields: {
    userId: z.uuid(),
    place: z.enum(mediaPlaces),
    /** A checklist, a team, or the uploader. */
    placeId: z.uuid(),
    itemId: z.string().nullable(),
    fileName: z.string(),
    /** As it was given: for show, and nothing else. */
    originalName: z.string(),
    mimeType: z.string(),
    fileSize: z.int(),
    checksum: z.string(),
    /** Where the bytes are (objects/port.ts). */
    objectKey: z.string(),
    uploadStatus: z.enum(['uploading', 'completed', 'failed']),
    /** The copy that is shown, and the thumbnail; images alone have them. */
    displayKey: z.string().nullable(),
    thumbnailKey: z.string().nullable(),
    width: z.int().nullable(),
    height: z.int().nullable(),
    uploadUntil: time,
  },
  unique: { object: ['objectKey'] },
  indexes: { byPlace: ['placeId'] },
  belongsTo: { placeId: 'checklist' },
  // what was put to a submission or a team is work, and stays; the rest is the person's own
  erased: 'remove',
  erasedWith: { field: 'userId', fits: ({ place }) => place === 'user' || place === 'profile' },
  names: { originalName: 'userId' },
})
export type MediaRow = Entity<typeof Media>
