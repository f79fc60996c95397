import { z } from 'zod'
import { scopeOf } from '../access/permissions.ts'
import { LiveDocument } from '../checklist/entity.ts'
import { type Bell, createBell } from '../kernel/bell.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context, Principal, Runtime } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { takeStream } from '../kernel/streams.ts'
import { entered, where } from '../profile/place.ts'
import type { LogEntry } from '../storage/port.ts'
import type { EditRow } from './entity.ts'
import { type FeedEvent, feedOf, maySee, maySeePerson } from './feed.ts'
import type { Op } from './json1.ts'
import { noticesOf } from './notices.ts'
import { type PresenceEvent, presenceOf, roomOf } from './presence.ts'
import { contentAt, editsBetween } from './state.ts'
import { assertVisible, entityTypes } from './sync.ts'
import { changesOf, touchedBy } from './touched.ts'

const pingMs = 15_000
/** However quiet it is, rights are looked at this often, so that a stream outlives them by less than a second. */
const recheckMs = 900
const pageSize = 100

/** Where a stream starts: in a room after a version, in one's feed after a position. Errors: `checklist_not_found` and its kin, `validation_failed`. */
export const followSync = operation({
  name: 'document.follow',
  summary: 'Follow a document, or everything one may read, as server-sent events',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object({
    ...where,
    entityId: z.string().optional(),
    entityType: z.enum(entityTypes).default('checklist'),
    sinceVersion: z.coerce.number().int().min(0).optional(),
    sessionId: z.string().max(200).optional(),
    lastEventId: z.string().max(100).optional(),
  }),
  output: z.object({
    room: z.object({ entityId: z.string(), entityType: z.string(), sessionId: z.string().nullable() }).nullable(),
    after: z.int(),
    told: z.int(),
    version: z.int(),
    tenantId: z.string(),
  }),
  async run(caller, { entityId, entityType, sinceVersion, sessionId, lastEventId, ...place }) {
    const context = await entered(caller, place)
    const [resumed, told = 0] = lastEventId === undefined ? [] : positionOf(lastEventId)
    const { tenantId } = context.store
    if (entityId === undefined) {
      const head = (await context.store.head())?.sequence ?? 0
      // an entry may tell several things: what was told of it already is left out
      const after = resumed === undefined ? head : Math.min(resumed - (told > 0 ? 1 : 0), head)
      return { output: { room: null, after, told: resumed === undefined ? 0 : told, version: 0, tenantId } }
    }
    const version = await assertVisible(context, { entityType, entityId })
    const after = Math.min(resumed ?? sinceVersion ?? version, version)
    return { output: { room: { entityId, entityType, sessionId: sessionId ?? null }, after, told: 0, version, tenantId } }
  },
})

/** A version, or an entry and how many of its events were told. */
function positionOf(lastEventId: string): number[] {
  if (/^\d{1,15}(-\d{1,4})?$/.test(lastEventId)) return lastEventId.split('-').map(Number)
  const message = 'is not an event id of this stream'
  throw new AppError('unprocessable', 'validation_failed', `Last-Event-ID: ${message}`, { errors: [{ field: 'Last-Event-ID', message }] })
}

type Start = {
  runtime: Runtime
  context: Context
  output: z.output<typeof followSync.output>
  /** The principal as it is now, or null when the credential is good no more. */
  again(): Promise<Principal | null>
}
type Room = NonNullable<Start['output']['room']>

type Told = {
  eventType: string
  userId: string | null
  userName: string | null
  entityType: string
  entityId: string
  version?: number
  timestamp?: string
  data: Record<string, unknown>
}

/** The event stream of a room or a feed: no gap, no repeat, pushed at once (contracts/prework.md, section 8). */
export async function* syncStream(start: Start): AsyncGenerator<string> {
  const { runtime, context, output } = start
  const release = takeStream(context.actor)
  const bell = createBell()
  const stops = [release, runtime.hub.subscribe(output.tenantId, bell.ring)]
  const presence = presenceOf(runtime)
  const place = { ...context, store: runtime.storage.tenant(output.tenantId) }
  const heard: PresenceEvent[] = []
  const { room } = output
  const roomName = room === null ? null : roomOf(output.tenantId, room.entityType, room.entityId)
  try {
    stops.push(presence.appear(output.tenantId, { userId: context.actor.id ?? '', userName: context.actor.name }))
    const hear = (event: PresenceEvent) => {
      if (event.session.sessionId === room?.sessionId) return
      heard.push(event)
      bell.ring()
    }
    stops.push(presence.listen(roomName ?? `${output.tenantId} people`, hear))
    if (room?.sessionId != null) stops.push(presence.hold(room.sessionId, context.actor.id ?? '') ?? (() => undefined))
    yield* follow({ ...start, context: place }, { bell, heard })
  } finally {
    for (const stop of stops) stop()
  }
}

async function* follow(start: Start, { bell, heard }: { bell: Bell; heard: PresenceEvent[] }): AsyncGenerator<string> {
  const { runtime, context, output } = start
  const { room } = output
  const write = writer(runtime, room)
  let spokenMs = runtime.clock.realMs()
  let version = output.after
  let sequence = room === null ? output.after : ((await context.store.head())?.sequence ?? 0)
  const ready = {
    eventType: 'stream.ready',
    userId: null,
    userName: null,
    entityType: room?.entityType ?? 'feed',
    entityId: room?.entityId ?? '',
  }
  yield write({ ...ready, version: output.version, data: { version: output.version } })
  for (;;) {
    const reason = await closing(start)
    if (reason !== null) {
      yield write({ ...ready, eventType: 'stream.closed', data: { reason } })
      return
    }
    const actor = (await start.again()) ?? context.actor
    const mine = { ...context, actor, scope: scopeOf(actor.role ?? 'auditor', 'checklist:read', context.origin.surface) ?? context.scope }
    if (room !== null) {
      for await (const { event, at } of editEvents(mine, room, version)) {
        version = at
        if (event !== null) yield write(event, String(at))
        else {
          yield write({ ...ready, eventType: 'stream.closed', data: { reason: 'resync_required' } })
          return
        }
        spokenMs = runtime.clock.realMs()
      }
    }
    const page = await context.store.log(null, sequence, pageSize)
    for (const { entry } of page) {
      sequence = entry.sequence
      const skipped = sequence === output.after + 1 ? output.told : 0
      for (const [index, event] of (await visible(mine, room, entry)).entries()) {
        if (index < skipped) continue
        yield write(event, room === null ? `${sequence}-${index + 1}` : undefined)
        spokenMs = runtime.clock.realMs()
      }
    }
    for (const { eventType, session, data } of heard.splice(0)) {
      // who is in a room is for all in it; who is online for those who may read them
      if (room === null && !(await maySeePerson(mine, session.userId))) continue
      yield write({
        eventType,
        userId: session.userId,
        userName: session.userName,
        entityType: session.entityType,
        entityId: session.entityId,
        data,
      })
      spokenMs = runtime.clock.realMs()
    }
    if (runtime.clock.realMs() - spokenMs >= pingMs) {
      yield ': ping\n\n'
      spokenMs = runtime.clock.realMs()
    }
    if (page.length < pageSize && heard.length === 0) await bell.rung(recheckMs)
  }
}

/** Why the stream has to end now, or null. */
async function closing({ runtime, context, output, again }: Start): Promise<string | null> {
  if (runtime.hub.isClosed()) return 'server_stopping'
  const actor = await again()
  if (actor === null) return 'session_ended'
  const scope = scopeOf(actor.role ?? 'auditor', 'checklist:read', context.origin.surface)
  if (scope === null) return 'forbidden'
  if (output.room === null) return null
  try {
    await assertVisible({ ...context, actor, scope: context.store.tenantId === actor.tenantId ? scope : 'tenant' }, output.room)
    return null
  } catch (error) {
    if (error instanceof AppError && (error.kind === 'not_found' || error.kind === 'forbidden')) return error.kind
    throw error
  }
}

const writer =
  ({ clock, ids }: Runtime, room: Room | null) =>
  (told: Told, id?: string): string => {
    const message = {
      eventId: ids.newId(),
      ...told,
      roomId: room === null ? null : `${room.entityType === 'submission' ? 'checklist' : room.entityType}:${room.entityId}`,
      version: told.version ?? null,
      timestamp: told.timestamp ?? toTime(clock.realMs()),
    }
    return `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(message)}\n\n`
  }

/** Edits after a version, in order; a null event where the versions between are gone. */
async function* editEvents(context: Context, room: Room, after: number): AsyncGenerator<{ event: Told | null; at: number }> {
  if (room.entityType !== 'checklist' && room.entityType !== 'submission') return
  const row = await context.store.get(LiveDocument, room.entityId)
  if (row === null || row.documentVersion === after) return
  if (row.documentVersion < after || after < row.floorVersion) {
    // version 1 is the document as it was made: whoever begins before it misses nothing
    if (after !== 0 || row.floorVersion !== 1) {
      yield { event: null, at: row.documentVersion }
      return
    }
  }
  for (const edit of await editsBetween(context, row, Math.max(after, row.floorVersion), row.documentVersion)) {
    const content = await contentAt(context, row, edit.editVersion)
    yield { event: editEvent(edit, changesOf(edit.op as Op, content)), at: edit.editVersion }
  }
}

function editEvent(edit: EditRow, changes: ReturnType<typeof changesOf>): Told {
  const { documentId, editVersion, operationId, op, userId, userName, createdAt } = edit
  const [touch, ...more] = touchedBy(op as Op)
  const [map, itemId, field] = touch?.path ?? []
  const [change] = changes
  const isCheck = more.length === 0 && map === 'items' && field === 'checked' && change !== undefined && 'value' in change
  const checked = isCheck ? change.value === true : null
  return {
    eventType: checked === null ? 'checklist.updated' : checked ? 'checklist.item.checked' : 'checklist.item.unchecked',
    userId,
    userName,
    entityType: 'checklist',
    entityId: documentId,
    version: editVersion,
    timestamp: createdAt,
    data: { operationId, op, changes, ...(map === 'items' && more.length === 0 ? { itemId } : {}) },
  }
}

/** What an entry of the tenant's log tells this stream. */
async function visible(context: Context, room: Room | null, entry: LogEntry): Promise<Told[]> {
  const told: Told[] = []
  const tell = ({ eventType, entityType, entityId, data }: FeedEvent): void =>
    void told.push({ eventType, entityType, entityId, data, userId: entry.actor.id, userName: entry.actor.name, timestamp: entry.time })
  for (const event of await feedOf(context, entry)) if (isMeant(event, room) && (await maySee(context, event))) tell(event)
  if (room === null) for (const notice of await noticesOf(context, entry)) tell(notice)
  return told
}

/** A room hears of its own: its submission, media and assignments, or its team. */
function isMeant({ checklistId, teamId, entityId }: FeedEvent, room: Room | null): boolean {
  if (room === null) return true
  return room.entityType === 'team'
    ? teamId === room.entityId
    : room.entityType === 'assignment'
      ? entityId === room.entityId
      : checklistId === room.entityId
}
