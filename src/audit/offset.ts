import { z } from 'zod'
import type { Json } from '../kernel/canonical.ts'
import type { Context } from '../kernel/context.ts'
import { operation } from '../kernel/operation.ts'
import { entered, where } from '../profile/place.ts'
import type { LogEntry } from '../storage/port.ts'

const pageSize = 500

/** How clients of checklists call what is done (contracts/prework.md section 11). What is not here keeps its own name in capitals. */
const actions: Readonly<Record<string, string>> = {
  'session.create': 'USER_LOGIN_SUCCESS',
  'session.fail': 'USER_LOGIN_FAILED',
  'session.revoke-current': 'USER_LOGOUT',
  'session.revoke': 'SESSION_REVOKED',
  'session.revoke-all': 'SESSION_REVOKED',
  'session.revoke-of': 'SESSION_REVOKED',
  'session.refresh': 'SESSION_REFRESHED',
  'person.create': 'CREATE_USER',
  'user.create': 'CREATE_USER',
  'person.update': 'UPDATE_USER',
  'user.update': 'UPDATE_USER',
  'person.deactivate': 'USER_DEACTIVATED',
  'user.deactivate': 'USER_DEACTIVATED',
  'profile.create': 'UPDATE_PROFILE',
  'profile.update': 'UPDATE_PROFILE',
  'team.create': 'TEAM_CREATED',
  'team.update': 'TEAM_UPDATED',
  'team.remove': 'TEAM_DELETED',
  'team.add-members': 'TEAM_MEMBER_ADDED',
  'team.update-member': 'TEAM_MEMBER_UPDATED',
  'team.remove-member': 'TEAM_MEMBER_REMOVED',
  'team.invite': 'TEAM_INVITATION_SENT',
  'team.accept-invitation': 'TEAM_INVITATION_ACCEPTED',
  'team.decline-invitation': 'TEAM_INVITATION_DECLINED',
  'team.revoke-invitation': 'TEAM_INVITATION_REVOKED',
  'work.create': 'CHECKLIST_ASSIGNED',
  'work.update': 'ASSIGNMENT_UPDATED',
  'work.remove': 'ASSIGNMENT_DELETED',
  'template.create': 'TEMPLATE_CREATED',
  'template.update': 'TEMPLATE_UPDATED',
  'template.remove': 'TEMPLATE_DELETED',
  'checklist.create': 'CHECKLIST_CREATED',
  'checklist.update': 'CHECKLIST_UPDATED',
  'checklist.remove': 'CHECKLIST_DELETED',
  'submission.update': 'SUBMISSION_UPDATED',
  'submission.submit': 'SUBMISSION_SUBMITTED',
  'submission.review': 'SUBMISSION_REVIEWED',
  'document.edit': 'REALTIME_OPERATION_APPLIED',
  'document.submit': 'REALTIME_OPERATION_APPLIED',
  'document.restore': 'REALTIME_OPERATION_APPLIED',
  'collaboration.join': 'COLLABORATION_SESSION_JOINED',
  'collaboration.leave': 'COLLABORATION_SESSION_LEFT',
  'media.request': 'MEDIA_UPLOAD_REQUESTED',
  'media.confirm': 'MEDIA_UPLOAD_CONFIRMED',
  'media.fail': 'MEDIA_UPLOAD_FAILED',
  'media.remove': 'MEDIA_DELETED',
  'export.create': 'EXPORT_CREATED',
  'access.denied': 'ACCESS_DENIED',
  'audit.read': 'AUDIT_READ',
  'audit.page': 'AUDIT_READ',
}
const actionWord = (name: string): string => actions[name] ?? name.toUpperCase().replace(/[^A-Z]+/g, '_')

/** What happens in documents is so much that it shows only where one of them is asked for. */
const ofDocuments = new Set(['REALTIME_OPERATION_APPLIED', 'COLLABORATION_SESSION_JOINED', 'COLLABORATION_SESSION_LEFT'])

const types: Readonly<Record<string, string>> = { team_invitation: 'invitation', team_member: 'team', checklist_template: 'template' }

const log = z.object({
  logId: z.string(),
  sequence: z.int(),
  organizationId: z.string(),
  userId: z.string().nullable(),
  userName: z.string(),
  action: z.string(),
  entityType: z.string(),
  entityId: z.string().nullable(),
  oldValues: z.record(z.string(), z.unknown()).nullable(),
  newValues: z.record(z.string(), z.unknown()).nullable(),
  ipAddress: z.string().nullable(),
  userAgent: z.string().nullable(),
  requestId: z.string().nullable(),
  outcome: z.enum(['success', 'failed', 'denied']),
  timestamp: z.string(),
})
type Log = z.output<typeof log>
type Values = { readonly [field: string]: Json }

const whole = (least: number, most: number) =>
  z
    .union([
      z.int(),
      z
        .string()
        .regex(/^\d{1,9}$/, 'must be a number')
        .transform(Number),
    ])
    .pipe(z.int().min(least).max(most))

const time = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' })

/** Who did what, newest first, by offset, with what was before. Reading is itself an entry. */
export const pageAudit = operation({
  name: 'audit.page',
  summary: 'Page through the audit log by offset',
  needs: 'audit:read',
  readOnly: true,
  input: z.object({
    ...where,
    userId: z.string().optional(),
    action: z.string().optional(),
    entityType: z.string().optional(),
    entityId: z.string().optional(),
    from: time.optional(),
    to: time.optional(),
    limit: whole(1, 200).default(50),
    offset: whole(0, 100_000_000).default(0),
  }),
  output: z.object({ logs: z.array(log), total: z.int(), hasMore: z.boolean() }),
  async run(caller, { limit, offset, organization, actors, ...wanted }) {
    const context = await entered(caller, { organization, actors })
    const fits = (one: Log): boolean =>
      (wanted.entityId !== undefined || !ofDocuments.has(one.action)) &&
      (wanted.userId === undefined || one.userId === wanted.userId) &&
      (wanted.action === undefined || one.action === wanted.action) &&
      (wanted.entityType === undefined || one.entityType === wanted.entityType) &&
      (wanted.entityId === undefined || one.entityId === wanted.entityId) &&
      (wanted.from === undefined || Date.parse(one.timestamp) >= Date.parse(wanted.from)) &&
      (wanted.to === undefined || Date.parse(one.timestamp) <= Date.parse(wanted.to))
    const newest: Log[] = []
    let total = 0
    for await (const one of everyLog(context)) {
      if (!fits(one)) continue
      total += 1
      newest.push(one)
      if (newest.length > 2 * (offset + limit)) newest.splice(0, newest.length - offset - limit)
    }
    const logs = newest.reverse().slice(offset, offset + limit)
    return { output: { logs, total, hasMore: offset + logs.length < total }, logged: true, store: context.store }
  },
})

/** The log in order, each entry with what the row was before. */
async function* everyLog({ store }: Context): AsyncGenerator<Log> {
  const rows = new Map<string, Values>()
  for (let after = 0; ; ) {
    const page = await store.log(null, after, pageSize)
    for (const { entry, hash } of page) yield logOf(entry, { hash, organizationId: store.tenantId, rows })
    const last = page.at(-1)
    if (last === undefined || page.length < pageSize) return
    after = last.entry.sequence
    await new Promise((resolve) => setImmediate(resolve))
  }
}

type Told = { hash: string; organizationId: string; rows: Map<string, Values> }

function logOf(entry: LogEntry, { hash, organizationId, rows }: Told): Log {
  const { entity, changes, actor, action, sequence, requestId, time: timestamp } = entry
  let oldValues: Values | null = null
  let newValues: Values | null = null
  let session: Values | null = null
  for (const { op, type, id, fields } of changes) {
    const key = `${type} ${id}`
    const before = rows.get(key) ?? null
    if (type === 'session' && op === 'insert') session = fields
    const isAbout = entity !== null && id === entity.id
    if (isAbout) {
      oldValues = before === null || op === 'insert' ? null : op === 'remove' ? before : pick(before, Object.keys(fields))
      newValues = op === 'remove' ? null : fields
    }
    if (op === 'remove') rows.delete(key)
    else if (type !== 'session' && type !== 'refresh_token') rows.set(key, { ...before, ...fields })
  }
  // a session tells where it came from, and of what made none the entry itself
  const whence = session ?? entry.detail ?? {}
  const aimed = action === 'session.fail' && entity?.type === 'user' ? entity.id : null
  const type = entity?.type ?? (action.startsWith('audit.') ? 'audit' : action.startsWith('session.') ? 'session' : 'audit')
  return {
    logId: hash,
    sequence,
    organizationId,
    userId: actor.id ?? aimed,
    userName: actor.name,
    action: actionWord(action),
    entityType: types[type] ?? type,
    entityId: entity?.id ?? null,
    oldValues,
    newValues,
    ipAddress: textOf(whence.network),
    userAgent: textOf(whence.userAgent),
    requestId,
    outcome: action === 'access.denied' ? 'denied' : action === 'session.fail' ? 'failed' : 'success',
    timestamp,
  }
}

const textOf = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null)

const pick = (values: Values, fields: readonly string[]): Values =>
  Object.fromEntries(fields.filter((field) => field in values).map((field) => [field, values[field] as Json]))
