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

/** What happened, as feeds tell it (contracts/prework.md, section 8). `mediaId`, `checklistId` or `teamId`, the first that is there, says by what one may read it. */
export type FeedEvent = {
  eventType: string
  entityType: string
  entityId: string
  data: Record<string, unknown>
  checklistId?: string | undefined
  teamId?: string | undefined
  mediaId?: string | undefined
  /** Memberships that ended with it: whoever held one hears of that, though they may not read the team any more. */
  left?: readonly string[] | undefined
  /** Of a team that is gone: whether everybody could read it. */
  wasOpen?: boolean | undefined
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** What one change of the log means to feeds. */
function eventsOf({ op, type, id, fields }: LogChange, { entity, detail, changes }: LogEntry): FeedEvent[] {
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
      return op === 'remove' ? [] : [workEvent(id, op === 'insert', fields, detail)]
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

function workEvent(id: string, isNew: boolean, fields: LogChange['fields'], detail: LogEntry['detail']): FeedEvent {
  const eventType = isNew ? 'assignment.created' : fields.status === 'completed' ? 'assignment.completed' : 'assignment.updated'
  const checklistId = text(fields.checklistId) || text(detail?.checklistId) || undefined
  const { status, priority, dueDate } = fields
  const data = Object.fromEntries(Object.entries({ checklistId, status, priority, dueDate }).filter(([, value]) => value !== undefined))
  return { eventType, entityType: 'assignment', entityId: id, checklistId, data }
}

/** Of a change that moved nothing the status is in the row alone: as it was at that moment, which may be long ago. */
async function submissionEvent({ store }: Pick<Context, 'store'>, { op, id, fields }: LogChange): Promise<FeedEvent[]> {
  const event = { entityType: 'submission', entityId: id, checklistId: id }
  if (op === 'insert') return [{ ...event, eventType: 'submission.created', data: { status: fields.status } }]
  if (fields.history !== undefined) return [{ ...event, eventType: 'submission.updated', data: movedTo(fields.history) }]
  const row = await store.get(Checklist, id)
  const status = row?.history.filter(({ at }) => at <= text(fields.updatedAt)).at(-1)?.status
  return status === undefined ? [] : [{ ...event, eventType: 'submission.updated', data: { status, previousStatus: status } }]
}

/** From what to what a submission went at last. `submitted` is on the way alone: the step after it was made at once. */
function movedTo(history: Json): { status: string | null; previousStatus: string | null } {
  const steps = (Array.isArray(history) ? history : []) as { status?: string }[]
  const before = steps.at(-2)?.status === 'submitted' ? steps.at(-3) : steps.at(-2)
  return { status: steps.at(-1)?.status ?? null, previousStatus: before?.status ?? null }
}

/** What an entry of the tenant's log tells feeds and rooms, whoever reads them. */
export async function feedOf(context: Pick<Context, 'store'>, entry: LogEntry): Promise<FeedEvent[]> {
  const events: FeedEvent[] = []
  for (const change of entry.changes) {
    if (change.type !== 'checklist') events.push(...eventsOf(change, entry))
    else if (change.op !== 'remove') events.push(...(await submissionEvent(context, change)))
  }
  return events
}

/** Whether somebody may read what an event is about, now. What nothing is known of nobody may. */
export async function maySee(context: Context, { mediaId, checklistId, teamId, left, wasOpen }: FeedEvent): Promise<boolean> {
  const { store, scope, actor } = context
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
