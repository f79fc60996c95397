import { z } from 'zod'
import { scopeOf } from '../access/permissions.ts'
import { readableChecklist } from '../checklist/access.ts'
import { theDocument } from '../checklist/operations.ts'
import { getWork } from '../checklist/work.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { metaOf } from '../kernel/meta.ts'
import { operation } from '../kernel/operation.ts'
import { inOurWords } from '../kernel/words.ts'
import { tell } from '../metrics/series.ts'
import { entered, forbidden, type Where, where } from '../profile/place.ts'
import { readableTeam } from '../team/view.ts'
import { accountName } from './name.ts'
import { applyEdit, doorOp, editResult } from './operations.ts'
import { type PresenceSession, presenceOf, roomOf } from './presence.ts'

export const entityTypes = ['checklist', 'submission', 'team', 'assignment'] as const
const target = { entityId: z.string().max(200), entityType: z.enum(entityTypes) }
const number = z.number()
const name = z.string().max(200)

const actions = {
  join_session: z.strictObject({ ...target, sessionId: name.optional(), userName: z.string().max(500).optional() }),
  leave_session: z.strictObject({ sessionId: name }),
  apply_operation: z.strictObject({ operation: z.record(z.string(), z.unknown()) }),
  update_cursor: z.strictObject({
    ...target,
    position: z.strictObject({ x: number, y: number, elementId: name.optional() }).nullable().optional(),
    selection: z
      .strictObject({ startIndex: z.int().min(0), endIndex: z.int().min(0), elementId: name.optional() })
      .nullable()
      .optional(),
    typing: z.boolean().optional(),
    sessionId: name.optional(),
  }),
}
type Action = keyof typeof actions
const isAction = (given: unknown): given is Action => typeof given === 'string' && Object.hasOwn(actions, given)

/** One edit as the REST door takes it, in the older form too: one operation beside the rest. */
const given = z.object({
  operationId: z.string().optional(),
  entityType: z.enum(['checklist']).optional(),
  entityId: z.string().max(200),
  baseVersion: z.unknown().optional(),
  ops: z.unknown().optional(),
  strict: z.unknown().optional(),
  userId: z.unknown().optional(),
  organizationId: z.string().nullish(),
  /** Older clients say when they did it. */
  timestamp: z.unknown().optional(),
})
/** The older form, and what belongs to the operation that it is. */
const older = given.omit({ ops: true }).extend(doorOp.shape)

const session = z.object({
  sessionId: z.string(),
  userId: z.string(),
  userName: z.string(),
  entityId: z.string(),
  entityType: z.string(),
  joinedAt: z.string(),
  lastActivity: z.string(),
  isActive: z.boolean(),
  cursor: z.unknown(),
  selection: z.unknown(),
})

const output = z.object({
  session: session.optional(),
  version: z.int().optional(),
  result: editResult.optional(),
  message: z.string(),
})

/** What a session is about has to be there and readable. Returns the version of its document, where it has one. */
export async function assertVisible(context: Context, { entityType, entityId }: { entityType: string; entityId: string }): Promise<number> {
  if (entityType === 'team') await readableTeam(context, entityId)
  else if (entityType === 'assignment') await getWork.run(context, { organization: null, actors: [], assignmentId: entityId })
  else {
    const { row } = await readableChecklist(context, entityId)
    return (await theDocument(context, row.id)).documentVersion
  }
  return 0
}

/** Begins a session, and tells the log. */
export async function joined(
  context: Pick<Context, 'runtime' | 'store' | 'actor' | 'origin' | 'services'>,
  about: { entityType: string; entityId: string },
  sessionId?: string,
): Promise<PresenceSession> {
  const { runtime, store, actor } = context
  const presence = presenceOf(runtime)
  const isDocument = about.entityType === 'checklist' || about.entityType === 'submission'
  const log = async (action: string, detail: Record<string, string | number>) => {
    if (!isDocument) return
    const meta = metaOf(context, action, { entity: { type: 'checklist', id: about.entityId }, detail })
    await store.commit([], meta)
  }
  const who = { userId: actor.id ?? '', userName: await accountName(context), ...about }
  const { session: mine, isNew } = presence.join(roomOf(store.tenantId, about.entityType, about.entityId), who, {
    sessionId,
    left: async ({ sessionId: id }, seconds) => {
      tell(
        'holdfast_collaboration_session_duration_seconds',
        store.tenantId,
        { entity_type: about.entityType, role: actor.role ?? '' },
        seconds,
      )
      tell('holdfast_active_sessions', store.tenantId, {}, presence.count(store.tenantId))
      try {
        await log('collaboration.leave', { sessionId: id, seconds })
      } catch (error) {
        context.services.log.warn({ err: error }, 'the end of a session is not in the log')
      }
    },
  })
  if (!isNew) return mine
  tell('holdfast_active_sessions', store.tenantId, {}, presence.count(store.tenantId))
  await log('collaboration.join', { sessionId: mine.sessionId })
  return mine
}

/** The REST door to documents (contracts/prework.md, section 8): sessions, operations, cursors. Errors: `action_unknown`, those of an edit, `checklist_not_found` and its kin. */
export const sync = operation({
  name: 'document.sync',
  summary: 'Work on a document with others, over REST',
  needs: 'checklist:read',
  elsewhere: true,
  rereads: ['document_edit.operation'],
  input: z.object({ ...where, action: z.unknown(), fields: z.record(z.string(), z.unknown()) }),
  output,
  serial: async ({ store }, { action, fields }) =>
    action === 'apply_operation'
      ? { key: `document ${store.tenantId} ${String((fields.operation as { entityId?: unknown } | undefined)?.entityId)}`, width: 1 }
      : null,
  async run(caller, { action, fields, ...place }) {
    if (!isAction(action))
      throw new AppError('invalid', 'action_unknown', `Invalid action. Supported actions: ${Object.keys(actions).join(', ')}`)
    if (action === 'apply_operation' && scopeOf(caller.actor.role ?? 'auditor', 'checklist:edit', caller.origin.surface) === null)
      throw forbidden()
    if (action === 'apply_operation') return applied(caller, parsed(actions.apply_operation, fields).operation, place)
    const context = await entered(caller, place)
    const { runtime, store, actor } = context
    const presence = presenceOf(runtime)
    if (action === 'leave_session') {
      await presence.leave(parsed(actions.leave_session, fields).sessionId, actor.id ?? '')
      return { output: { message: 'Left session successfully' } }
    }
    if (action === 'join_session') {
      const { entityId, entityType, sessionId } = parsed(actions.join_session, fields)
      const version = await assertVisible(context, { entityType, entityId })
      const mine = await joined(context, { entityType, entityId }, sessionId)
      return { output: { session: mine, version, message: 'Joined session successfully' } }
    }
    const { entityId, entityType, position, ...rest } = parsed(actions.update_cursor, fields)
    await assertVisible(context, { entityType, entityId })
    presence.move(
      roomOf(store.tenantId, entityType, entityId),
      { sessionId: rest.sessionId, userId: actor.id ?? '' },
      { cursor: position, selection: rest.selection, typing: rest.typing },
    )
    return { output: { message: 'Cursor updated successfully' } }
  },
})

/** An edit in the door's own words. */
async function applied(caller: Context, edit: Record<string, unknown>, place: Where) {
  const isOlder = edit.ops === undefined
  const { operationId, entityId, baseVersion, strict, userId, organizationId } = parsed(
    (isOlder ? older : given).strict(),
    edit,
    'operation',
  )
  const actors = userId === undefined ? place.actors : [...place.actors, { field: 'operation.userId', id: userId }]
  const organization = organizationId == null ? null : { id: organizationId, from: 'body' as const }
  // each of the two that is said has to be one's own
  if (organization !== null && place.organization !== null) await entered(caller, { organization, actors })
  const input = parsed(
    applyEdit.input,
    {
      organization: place.organization ?? organization,
      actors,
      checklistId: entityId,
      ...(operationId === undefined ? {} : { operationId }),
      ...(baseVersion === undefined ? {} : { baseVersion }),
      ...(strict === undefined ? {} : { strict }),
      ops: isOlder ? [Object.fromEntries(Object.entries(edit).filter(([key]) => Object.hasOwn(doorOp.shape, key)))] : edit.ops,
    },
    'operation',
  )
  const outcome = await applyEdit.run(caller, input)
  if ('refuse' in outcome) return outcome
  return { ...outcome, action: applyEdit.name, output: { ...outcome.output, message: 'Operation applied successfully' } }
}

function parsed<S extends z.ZodType>(schema: S, fields: unknown, under = ''): z.output<S> {
  const { success, data, error } = schema.safeParse(fields, { reportInput: true, error: inOurWords })
  if (success) return data
  const errors = error.issues.flatMap((issue) => {
    const message = issue.input === undefined && issue.code.startsWith('invalid_') ? 'is required' : issue.message
    const path = [...(under === '' ? [] : [under]), ...issue.path.map(String)]
    return issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ field: [...path, key].join('.'), message: 'is not a known field' }))
      : [{ field: path.join('.'), message }]
  })
  throw new AppError('unprocessable', 'validation_failed', `${errors[0]?.field}: ${errors[0]?.message}`, { errors })
}

/** Who is there now. Errors: `parameter_missing`, `checklist_not_found` and its kin. */
export const listPresence = operation({
  name: 'document.sessions',
  summary: 'List who is looking at something now',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object({ ...where, entityId: z.string().optional(), entityType: z.enum(entityTypes).default('checklist') }),
  output: z.object({ sessions: z.array(session) }),
  async run(caller, { entityId, entityType, ...place }) {
    if (entityId === undefined) throw new AppError('invalid', 'parameter_missing', 'Missing required parameter: entityId')
    const context = await entered(caller, place)
    await assertVisible(context, { entityType, entityId })
    return { output: { sessions: await presenceOf(context.runtime).sessions(roomOf(context.store.tenantId, entityType, entityId)) } }
  },
})
