import { add, type Change, Counter, checkAbsent, create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { everyRow } from '../kernel/every-row.ts'
import { Media, type MediaRow } from './entity.ts'

/** 50 MiB. */
export const mostBytes = 52_428_800
const filesPerSubmission = 10
export const bytesCounter = 'media-bytes'

const full = ['media_quota', 'The files of this organization take all the space that it has. Delete some first.'] as const
/** How a commit is refused that would hold too many files or bytes. */
export const quotaConflicts = {
  'counter.media': ['media_limit', 'A submission holds ten files at most.'],
  [`counter.${bytesCounter}`]: full,
} as const

type Weighed = Pick<MediaRow, 'place' | 'placeId' | 'uploadStatus' | 'fileSize'>
type Place = Pick<Context, 'store' | 'services' | 'now'>

/** The bytes that a file takes of its tenant's space, also while it is uploaded: of one whose size nobody announced as many as it may have. Copies of pictures are ours, and not counted. */
export const bytesOf = ({ uploadStatus, fileSize }: Pick<MediaRow, 'uploadStatus' | 'fileSize'>): number =>
  uploadStatus === 'failed' ? 0 : uploadStatus === 'uploading' && fileSize === 0 ? mostBytes : fileSize

/**
 * What a commit counts that makes, changes or removes a file: the files of its submission, uploading and completed, ten at most, and the bytes of its tenant, both exactly, whoever races. The commit's operation
 * needs `quotaConflicts`. Errors: `media_quota`.
 */
export async function counted(place: Place, before: Weighed | null, after: Weighed | null): Promise<Change[]> {
  const files = Number(after !== null && after.uploadStatus !== 'failed') - Number(before !== null && before.uploadStatus !== 'failed')
  const of = after ?? before
  const bytes = (after === null ? 0 : bytesOf(after)) - (before === null ? 0 : bytesOf(before))
  return [
    ...(files === 0 || of?.place !== 'submission'
      ? []
      : [add(`media:${of.placeId}`, files, place.now, { min: 0, max: filesPerSubmission })]),
    ...(await countBytes(place, bytes)),
  ]
}

/** Moves what a tenant's files take; `isBounded: false` also beyond what they may, for what is brought back. Errors: `media_quota`. */
export async function countBytes({ store, services, now }: Place, by: number, { isBounded = true } = {}): Promise<Change[]> {
  if (by === 0) return []
  const most = isBounded ? services.settings.mediaQuotaBytes : null
  const counter = await store.get(Counter, bytesCounter)
  if (counter !== null) return [add(bytesCounter, by, now, by > 0 && most !== null ? { max: most } : {})]
  // of a tenant from before bytes were counted: what is there is counted with the first upload, and until then what goes needs no counting
  if (by < 0) return [checkAbsent(Counter, bytesCounter)]
  const value = (await storedBytes({ store })) + by
  if (most !== null && value > most) throw new AppError('conflict', ...full)
  return [insert(Counter, create(Counter, bytesCounter, { value }, now))]
}

const storedBytes = async ({ store }: Pick<Context, 'store'>): Promise<number> =>
  (await everyRow(store, Media)).reduce((sum, row) => sum + bytesOf(row), 0)

/** The counter as it stands, to be read before the rows that it is compared with. */
export const countedBytes = ({ store }: Pick<Context, 'store'>): Promise<Entity<typeof Counter> | null> => store.get(Counter, bytesCounter)

/** Sets a counter right that was read before `rows` were: nothing where it is, or where an upload came between. */
export function recounted(counter: Entity<typeof Counter> | null, rows: readonly MediaRow[], now: string): Change[] {
  const value = rows.reduce((sum, row) => sum + bytesOf(row), 0)
  return counter === null || counter.value === value ? [] : [update(Counter, counter, patched(Counter, counter, { value }, now))]
}
