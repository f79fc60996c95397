import { assertNotFrozen, checklistNotFound, readableChecklist } from '../checklist/access.ts'
import type { ChecklistRow } from '../checklist/entity.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { forbidden } from '../profile/place.ts'
import { membershipOf, readableTeam } from '../team/view.ts'
import type { MediaRow } from './entity.ts'

export const mediaNotFound = () => new AppError('not_found', 'media_not_found', 'File not found')

export type Wanted = { place: MediaRow['place']; placeId: string }

/** The checklist that a file goes to, where it goes to one. Errors: `checklist_not_found`, `team_not_found`, `forbidden`, `frozen`. */
export async function assertMayPut(context: Context, { place, placeId }: Wanted): Promise<ChecklistRow | null> {
  const { actor, scope } = context
  if (place === 'submission') {
    const { row, access } = await readableChecklist(context, placeId)
    if (!access.mayEdit) throw forbidden()
    assertNotFrozen(row)
    return row
  }
  if (place === 'team') {
    const { mine } = await readableTeam(context, placeId)
    if (mine === null && scope === 'own') throw forbidden()
    return null
  }
  if (placeId !== actor.id) throw forbidden()
  return null
}

/** Whether somebody may read a file: as its submission, though they put it there themselves; as its team; else as whoever put it there. */
export async function maySeeMedia(context: Context, row: MediaRow): Promise<boolean> {
  try {
    if (row.place === 'submission') await readableChecklist(context, row.placeId)
    else if (row.place === 'team') {
      const { mine } = await readableTeam(context, row.placeId)
      return mine !== null || context.scope !== 'own'
    } else return row.userId === context.actor.id
    return true
  } catch (error) {
    if (error instanceof AppError && error.kind === 'not_found') return false
    throw error
  }
}

/** Whether somebody may take a file away: whoever put it there, or who may edit the checklist. Errors: `forbidden`, `frozen`. */
export async function assertMayRemove(context: Context, row: MediaRow): Promise<ChecklistRow | null> {
  const { actor } = context
  if (row.place === 'submission') {
    const found = await readableChecklist(context, row.placeId).catch((error: unknown) => {
      if (error instanceof AppError && error.code === checklistNotFound().code) return null
      throw error
    })
    if (found === null) throw mediaNotFound()
    if (row.userId !== actor.id && !found.access.mayEdit) throw forbidden()
    assertNotFrozen(found.row)
    return found.row
  }
  if (row.userId === actor.id) return null
  const { mine } = row.place === 'team' ? await membership(context, row.placeId) : { mine: null }
  if (mine?.role !== 'team_lead' && context.scope === 'own') throw forbidden()
  return null
}

const membership = async (context: Context, teamId: string) => ({ mine: await membershipOf(context, teamId, context.actor.id) })
