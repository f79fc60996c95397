import { accessOf } from '../checklist/access.ts'
import { holders, type Level, levelOf, openStep, rankOf } from '../checklist/approval.ts'
import { Checklist, type ChecklistRow, WorkAssignment } from '../checklist/entity.ts'
import type { Json } from '../kernel/canonical.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { everyRow } from '../kernel/every-row.ts'
import type { LogChange, LogEntry } from '../storage/port.ts'
import { readableTeam } from '../team/view.ts'
import { User } from '../user/entity.ts'
import type { FeedEvent } from './feed.ts'

/**
 * What an entry of the tenant's log notifies its reader of (contracts/prework.md, sections 7 and 8). Asked of each reader, so that a commit lists nobody: of a team of five hundred everybody knows
 * for themselves that they are in it.
 */
export async function noticesOf(reader: Context, entry: LogEntry): Promise<FeedEvent[]> {
  if (reader.actor.kind !== 'user') return []
  const notices: FeedEvent[] = []
  for (const change of entry.changes) {
    const { op, type, fields } = change
    if (type === 'work_target' && op === 'insert') notices.push(...(await ofWork(reader, fields)))
    if (type === 'checklist' && op === 'update' && fields.history !== undefined) notices.push(...(await ofMove(reader, change, entry)))
    if (type === 'job' && entry.action === 'job.submission.remind' && entry.entity !== null)
      notices.push(...ofReminder(reader, entry.entity.id, fields.result))
  }
  return notices
}

const notice = (kind: string, entityId: string, data: Record<string, unknown>): FeedEvent => ({
  eventType: 'notification.created',
  entityType: 'notification',
  entityId,
  data: { kind, ...data },
})
const ofSubmission = (kind: string, submissionId: string): FeedEvent => notice(kind, submissionId, { submissionId })

/** Whoever an assignment names, from the start or later; of a team that is named alone, all who work in it. */
async function ofWork(reader: Context, { kind, targetId, assignmentId, checklistId }: LogChange['fields']): Promise<FeedEvent[]> {
  const isMine = kind === 'user' ? targetId === reader.actor.id : await worksFor(reader, String(targetId), String(assignmentId))
  return isMine ? [notice('task_assigned', String(assignmentId), { assignmentId, checklistId })] : []
}

async function worksFor(reader: Context, teamId: string, assignmentId: string): Promise<boolean> {
  const work = await reader.store.get(WorkAssignment, assignmentId)
  if (work === null || work.assignedTo.length > 0) return false
  try {
    const { team, mine } = await readableTeam(reader, teamId)
    return mine !== null && mine.role !== 'observer' && team.settings.notificationSettings.newAssignments
  } catch (error) {
    if (error instanceof AppError && error.kind === 'not_found') return false
    throw error
  }
}

const decided: Readonly<Record<string, string>> = {
  approved: 'submission_approved',
  rejected: 'submission_rejected',
  requires_changes: 'changes_requested',
}

type Step = { status: ChecklistRow['status'] | 'submitted'; by: string | null }

/** A submission that came, one that waits for the reader, or one of theirs that was decided. */
async function ofMove(reader: Context, { id, fields }: LogChange, { actor }: LogEntry): Promise<FeedEvent[]> {
  const { id: me } = reader.actor
  const history = fields.history as unknown as readonly Step[]
  const status = history.at(-1)?.status
  const submittedBy = history.filter((step) => step.status === 'submitted').at(-1)?.by ?? null
  if (status === undefined || submittedBy === null) return []
  const kind = decided[status]
  if (submittedBy === me) return kind === undefined || actor.id === me ? [] : [ofSubmission(kind, id)]
  const row = await reader.store.get(Checklist, id)
  if (row === null) return []
  const hasCome = history.at(-2)?.status === 'submitted' && (await expects(reader, row))
  const approvalSteps = (fields.approvalSteps ?? []) as unknown as ChecklistRow['approvalSteps']
  const step = openStep({ status, approvalSteps })
  const waits = step !== null && (await isAsked(reader, row, { needed: step.approverRole, submittedBy }))
  return [...(hasCome ? [ofSubmission('submission_received', id)] : []), ...(waits ? [ofSubmission('approval_required', id)] : [])]
}

/** Whose checklist it is that another submitted, and who assigned it. */
async function expects({ store, actor }: Context, { id, userId }: ChecklistRow): Promise<boolean> {
  if (userId === actor.id) return true
  const work = await everyRow(store, WorkAssignment, { index: 'byChecklist', where: { checklistId: id } })
  return work.some(({ assignedBy }) => assignedBy === actor.id)
}

/** Holders of the step's role, those who count as such by a team's role, and the submitter's own manager if they may decide; where nobody holds it, holders of the next higher one. */
async function isAsked(
  reader: Context,
  row: ChecklistRow,
  { needed, submittedBy }: { needed: Level; submittedBy: string },
): Promise<boolean> {
  const { store, actor } = reader
  const [own, rank] = [levelOf(actor.role), rankOf(needed)]
  if (own === rank) return true
  if (own < rank) return rank <= 2 && (await accessOf(reader, row)).reviews
  if ((await store.get(User, submittedBy))?.managerId === actor.id) return true
  for (const { roles } of holders.filter((one) => one.rank >= rank && one.rank < own)) {
    const filter = [
      { field: 'isActive', op: 'eq' as const, value: true },
      { field: 'id', op: 'ne' as const, value: submittedBy },
    ]
    if ((await store.count(User, { index: 'byRole', where: { role: roles }, filter })) > 0) return false
  }
  return true
}

/** A day before a decision is due (checklist/remind.ts). */
function ofReminder({ actor }: Context, id: string, result: Json | undefined): FeedEvent[] {
  const to = (result as { to?: readonly string[] } | null | undefined)?.to ?? []
  return to.some((userId) => userId === actor.id) ? [ofSubmission('approval_required', id)] : []
}
