import type { Context } from '../kernel/context.ts'
import { everyRow } from '../kernel/every-row.ts'
import { Media, type MediaRow } from './entity.ts'
import { kindOf } from './kinds.ts'

/** Every file of a place. */
export const mediaOf = ({ store }: Pick<Context, 'store'>, placeId: string): Promise<MediaRow[]> =>
  everyRow(store, Media, { index: 'byPlace', where: { placeId } })

/** The pictures and videos of a checklist that are there: what an item that wants a photo needs (contracts/prework.md, section 7). */
export const photosOf = async (context: Pick<Context, 'store'>, checklistId: string): Promise<MediaRow[]> =>
  (await mediaOf(context, checklistId)).filter(
    ({ place, uploadStatus, mimeType }) =>
      place === 'submission' && uploadStatus === 'completed' && (kindOf(mimeType) === 'image' || kindOf(mimeType) === 'video'),
  )
