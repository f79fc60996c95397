import { scopeOf } from '../access/permissions.ts'
import { isWithin } from '../access/scope.ts'
import { accessOf } from '../checklist/access.ts'
import { Checklist } from '../checklist/entity.ts'
import type { Json } from '../kernel/canonical.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { Media } from '../media/entity.ts'
import { maySeeMedia } from '../media/rights.ts'
import type { LogChange, LogEntry } from '../storage/port.ts'
import { memberId } from '../team/join.ts'
import { readableTeam } from '../team/view.ts'
import { User } from '../user/entity.ts'

/** What happened, as feeds tell it (contracts/prework.md, section 8). `mediaId`, `checklistId` or `teamId`, the first that is there, says by what one may read it; `to` one person alone. */
export type FeedEvent = {
  eventType: string
  entityType: string
  entityId: string
  data: Record<string, unknown>
  checklistId?: string | undefined
  teamId?: string | undefined
  mediaId?: string | undefined
  to?: string | undefined
  /** Memberships that ended with it: whoever held one hears of that, though they may not read the team any more. */
  left?: readonly string[] | undefined
  /** Of a team that is gone: whether everybody could read it. */
  wasOpen?: boolean | undefined
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** What one change of the log means to feeds. */
function eventsOf({ op, type, id, fields }: LogChange, { action, entity, detail, changes }: LogEntry): FeedEvent[] {
  switch (type) {
    case 'team': {
      if (op === 'update' && Object.keys(fields).every((field) => quiet.has(field))) return []
      const eventType = op === 'insert' ? 'team.created' : op === 'remove' ? 'team.deleted' : 'team.updated'
      const gone = op === 'remove' ? { left: endedIn(changes), wasOpen: isOpen(detail?.visibility) } : {}
      return [{ eventType, entityType: 'team', entityId: id, teamId: id, data: named(fields), ...gone }]
    }
    case 'team_member': {
      // that they are in no more is said by the team's going
      if (op === 'update' || (op === 'remove' && changes.some((one) => one.type === 'team' && one.op === 'remove'))) return []
      const teamId = text(fields.teamId) || text(entity?.id)
      const userId = text(fields.userId) || text(detail?.userId)
      const eventType = op === 'insert' ? 'team.member.added' : 'team.member.removed'
      const data = { userId, ...(op === 'insert' ? { role: fields.role } : {}) }
      return [{ eventType, entityType: 'team', entityId: teamId, teamId, data, ...(op === 'remove' ? { left: [id] } : {}) }]
    }
    case 'work_assignment':
      return op === 'remove' ? [] : workEvents(id, op === 'insert', fields, detail)
    case 'checklist':
      return op === 'remove' ? [] : submissionEvents(id, op === 'insert', fields)
    case 'media':
      return op === 'update' && fields.uploadStatus === 'completed'
        ? [
            {
              eventType: 'file.uploaded',
              entityType: 'media',
              entityId: id,
              mediaId: id,
              checklistId: text(detail?.submissionId) || undefined,
              data: { fileId: id, fileName: detail?.fileName ?? null, fileSize: detail?.fileSize ?? null },
            },
          ]
        : []
    case 'job':
      return action === 'job.submission.remind' && entity !== null ? reminders(entity.id, fields.result) : []
    default:
      return []
  }
}
/** A team whose members alone changed. */
const quiet = new Set(['memberCount', 'version', 'updatedAt'])
const isOpen = (visibility: Json | undefined): boolean => visibility === 'public' || visibility === 'organization'
const endedIn = (changes: readonly LogChange[]): string[] =>
  changes.filter(({ op, type }) => op === 'remove' && type === 'team_member').map(({ id }) => id)
const named = ({ name }: LogChange['fields']): Record<string, unknown> => (name === undefined ? {} : { name })

function workEvents(id: string, isNew: boolean, fields: LogChange['fields'], detail: LogEntry['detail']): FeedEvent[] {
  const eventType = isNew ? 'assignment.created' : fields.status === 'completed' ? 'assignment.completed' : 'assignment.updated'
  const checklistId = text(fields.checklistId) || text(detail?.checklistId) || undefined
  const { status, priority, dueDate } = fields
  const data = Object.fromEntries(Object.entries({ checklistId, status, priority, dueDate }).filter(([, value]) => value !== undefined))
  const assignees = isNew && Array.isArray(fields.assignedTo) ? (fields.assignedTo as Json[]).map(text) : []
  return [
    { eventType, entityType: 'assignment', entityId: id, checklistId, data },
    ...assignees.map((to) => notification(to, 'task_assigned', id, { assignmentId: id, checklistId })),
  ]
}

function submissionEvents(id: string, isNew: boolean, fields: LogChange['fields']): FeedEvent[] {
  const { status, history, submittedBy, userId } = fields
  if (isNew) return [{ eventType: 'submission.created', entityType: 'submission', entityId: id, checklistId: id, data: { status } }]
  if (status === undefined) return []
  const steps = (Array.isArray(history) ? history : []) as { status?: string }[]
  const previousStatus = steps.at(-2)?.status === 'submitted' ? (steps.at(-3)?.status ?? 'draft') : (steps.at(-2)?.status ?? null)
  return [
    { eventType: 'submission.updated', entityType: 'submission', entityId: id, checklistId: id, data: { status, previousStatus } },
    ...(text(submittedBy) !== '' && text(userId) !== '' && submittedBy !== userId
      ? [notification(text(userId), 'submission_received', id, { submissionId: id })]
      : []),
  ]
}

/** Whom a job told that a decision is due. */
function reminders(id: string, result: Json | undefined): FeedEvent[] {
  const to = (result as { to?: readonly string[] } | null | undefined)?.to ?? []
  return to.map((userId) => notification(userId, 'approval_required', id, { submissionId: id }))
}

const decided: Readonly<Record<string, string>> = {
  approved: 'submission_approved',
  rejected: 'submission_rejected',
  requires_changes: 'changes_requested',
}

const notification = (to: string, kind: string, entityId: string, data: Record<string, unknown>): FeedEvent => ({
  eventType: 'notification.created',
  entityType: 'notification',
  entityId,
  to,
  data: { kind, ...data },
})

/** What an entry of the tenant's log tells feeds, and whom it notifies. */
export async function feedOf({ store }: Pick<Context, 'store'>, entry: LogEntry): Promise<FeedEvent[]> {
  const events = entry.changes.flatMap((change) => eventsOf(change, entry))
  const moved = events.find(({ eventType, data }) => eventType === 'submission.updated' && data.status !== data.previousStatus)
  if (moved === undefined) return events
  const row = await store.get(Checklist, moved.entityId)
  const by = row?.submittedBy ?? null
  if (row === null || by === null) return events
  const kind = decided[String(moved.data.status)]
  if (kind !== undefined && by !== entry.actor.id) return [...events, notification(by, kind, row.id, { submissionId: row.id })]
  const manager = moved.data.status === 'under_review' ? (await store.get(User, by))?.managerId : null
  return manager == null ? events : [...events, notification(manager, 'approval_required', row.id, { submissionId: row.id })]
}

/** Whether somebody may read what an event is about, now. What nothing is known of nobody may. */
export async function maySee(context: Context, { to, mediaId, checklistId, teamId, left, wasOpen }: FeedEvent): Promise<boolean> {
  const { store, scope, actor } = context
  if (to !== undefined) return to === actor.id
  if (mediaId !== undefined) {
    const file = await store.get(Media, mediaId)
    return file !== null && (await maySeeMedia(context, file))
  }
  if (checklistId !== undefined) {
    const row = isUuid(checklistId) ? await store.get(Checklist, checklistId) : null
    return row === null ? scope !== 'own' : (await accessOf(context, row)).mayRead
  }
  if (teamId === undefined) return false
  if (wasOpen === true || (actor.id !== null && left?.includes(memberId(teamId, actor.id)) === true)) return true
  try {
    await readableTeam(context, teamId)
    return true
  } catch (error) {
    if (error instanceof AppError) return scope !== 'own'
    throw error
  }
}

/** Whether somebody may read a person, now: that they are there is something about them. */
export async function maySeePerson(context: Context, userId: string): Promise<boolean> {
  const { role } = context.actor
  const scope = role === null ? null : scopeOf(role, 'profile:read', context.origin.surface)
  return scope !== null && isWithin({ ...context, scope }, userId)
}
