import type { Context } from '../kernel/context.ts'
import type { Page } from '../kernel/page.ts'
import { Media, type MediaRow } from './entity.ts'
import { kindOf } from './kinds.ts'

/** Every file of a place. */
export async function mediaOf({ store }: Pick<Context, 'store'>, placeId: string): Promise<MediaRow[]> {
  const rows: MediaRow[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Page<MediaRow> = await store.list(Media, { index: 'byPlace', where: { placeId }, cursor, limit: 200 })
    rows.push(...page.items)
    if (page.nextCursor === null) return rows
    cursor = page.nextCursor
  }
}

/** The pictures and videos of a checklist that are there: what an item that wants a photo needs (contracts/prework.md, section 7). */
export const photosOf = async (context: Pick<Context, 'store'>, checklistId: string): Promise<MediaRow[]> =>
  (await mediaOf(context, checklistId)).filter(
    ({ place, uploadStatus, mimeType }) =>
      place === 'submission' && uploadStatus === 'completed' && (kindOf(mimeType) === 'image' || kindOf(mimeType) === 'video'),
  )
