import { scopeOf } from '../access/permissions.ts'
import { readAll } from '../assignment/ledger.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { everyRow } from '../kernel/every-row.ts'
import { isUuid } from '../kernel/id.ts'
import type { TenantStore } from '../storage/port.ts'
import type { TeamMemberRow } from '../team/entity.ts'
import { membershipsOf } from '../team/view.ts'
import { Checklist, type ChecklistRow, WorkTarget, type WorkTargetRow } from './entity.ts'

export const checklistNotFound = () => new AppError('not_found', 'checklist_not_found', 'Checklist not found')

/** What somebody may do with a checklist. `reviews`: counts as a manager for it, by a role in a team that it is assigned to. */
export type Access = { mayRead: boolean; mayEdit: boolean; reviews: boolean }

const everyTarget = ({ store }: { store: TenantStore }, where: Record<string, string | string[]>): Promise<WorkTargetRow[]> =>
  everyRow(store, WorkTarget, { index: 'checklistId' in where ? 'byChecklist' : 'byTarget', where })

/** Whether somebody reads every checklist of the tenant, however far the act reaches that they ask for. */
export const readsAll = ({ actor, origin }: Pick<Context, 'actor' | 'origin'>): boolean =>
  (scopeOf(actor.role ?? 'member', 'checklist:read', origin.surface) ?? 'own') !== 'own'

/** Own checklists, and those that an assignment names one or one's team for; a team's observer only reads (contracts/prework.md section 3). */
export async function accessOf(context: Context, row: ChecklistRow): Promise<Access> {
  const { actor, scope } = context
  const isWide = scope !== 'own'
  const isAuthor = row.userId === actor.id
  const targets = await everyTarget(context, { checklistId: row.id })
  const teams = new Set(targets.filter(({ kind }) => kind === 'team').map(({ targetId }) => targetId))
  const mine: TeamMemberRow[] =
    teams.size === 0 || actor.id === null ? [] : (await membershipsOf(context, actor.id)).filter(({ teamId }) => teams.has(teamId))
  const isNamed = targets.some(({ kind, targetId }) => kind === 'user' && targetId === actor.id)
  const works = mine.some(({ role }) => role !== 'observer')
  return {
    mayRead: readsAll(context) || isAuthor || isNamed || mine.length > 0,
    mayEdit: (isWide && actor.role !== 'auditor' && actor.role !== 'platform_operator') || isAuthor || isNamed || works,
    reviews: mine.some(({ role }) => role === 'team_lead' || role === 'senior_member'),
  }
}

/** A checklist that one may read, and what else one may. Errors: `checklist_not_found`, alike for absent, foreign and hidden. */
export async function readableChecklist(context: Context, id: string): Promise<{ row: ChecklistRow; access: Access }> {
  const row = isUuid(id) ? await context.store.get(Checklist, id) : null
  if (row === null) throw checklistNotFound()
  const access = await accessOf(context, row)
  if (!access.mayRead) throw checklistNotFound()
  return { row, access }
}

/** Ids of the checklists that are assigned to somebody or to a team of theirs. */
export async function assignedIds(context: Context, userId: string): Promise<Set<string>> {
  const teams = (await membershipsOf(context, userId)).map(({ teamId }) => teamId)
  return new Set((await everyTarget(context, { targetId: [userId, ...teams] })).map(({ checklistId }) => checklistId))
}

/** Every checklist that one may read, in the order of creation; for those who do not reach the whole tenant. */
export async function ownChecklists(context: Context): Promise<ChecklistRow[]> {
  const { actor, store } = context
  if (actor.id === null) return []
  const rows = new Map<string, ChecklistRow>()
  for (const row of await everyRow(store, Checklist, { index: 'byAuthor', where: { userId: actor.id } })) rows.set(row.id, row)
  const assigned = [...(await assignedIds(context, actor.id))]
  for (const row of await readAll<ChecklistRow>(
    store,
    assigned.map((id) => ({ type: Checklist, id })),
  ))
    if (row !== null) rows.set(row.id, row)
  return [...rows.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** While it is decided, and after, nothing of it changes. Errors: `frozen`. */
export function assertNotFrozen({ status }: ChecklistRow): void {
  if (status === 'under_review' || status === 'approved' || status === 'rejected')
    throw new AppError('conflict', 'frozen', 'This checklist is submitted and cannot be changed.')
}
