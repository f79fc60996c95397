import { z } from 'zod'
import { checkAbsent, patched, remove, update } from '../kernel/change.ts'
import type { Entity } from '../kernel/entity.ts'
import { notFound } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { pageInput, pageOf } from '../kernel/page.ts'
import { Credential, User } from '../user/entity.ts'
import { assertMayGrant } from '../user/plan.ts'
import { Session } from './entity.ts'
import { StaffMember } from './staff.ts'

const shown = z.object({
  id: z.uuid(),
  isCurrent: z.boolean(),
  createdAt: z.iso.datetime({ precision: 3 }),
  lastSeenAt: z.iso.datetime({ precision: 3 }),
  expiresAt: z.iso.datetime({ precision: 3 }),
  userAgent: z.string().nullable(),
  network: z.string().nullable(),
})

/** One's own sessions that are still good. */
export const listSessions = operation({
  name: 'session.list',
  summary: 'List my sessions',
  needs: 'session:read',
  readOnly: true,
  input: z.strictObject(pageInput),
  output: pageOf(shown),
  async run(context, { limit, cursor }) {
    const { actor, store } = context
    const me = await store.get(Credential, actor.id ?? '')
    const filter = [
      { field: 'epoch', op: 'eq', value: me?.sessionEpoch ?? -1 },
      { field: 'expiresAt', op: 'gt', value: new Date(context.realMs).toISOString() },
    ] as const
    const page = await store.list(Session, {
      index: 'byUser',
      where: { userId: actor.id },
      filter,
      cursor: cursor ?? null,
      limit: limit ?? 50,
    })
    return { output: { items: page.items.map((row) => ({ ...row, isCurrent: row.id === actor.sessionId })), nextCursor: page.nextCursor } }
  },
})

/** Ends the session that asks. Its tokens are refused from the reply on. */
export const revokeCurrentSession = operation({
  name: 'session.revoke-current',
  summary: 'Sign out',
  needs: 'session:revoke',
  always: true,
  input: z.strictObject({}),
  output: z.null(),
  async run(context) {
    const { actor, store } = context
    const session = actor.sessionId === null ? null : await store.get(Session, actor.sessionId)
    return session === null ? { output: null } : ended(session)
  },
})

/** Ends one of one's own sessions. Errors: `not_found` for anybody else's too. */
export const revokeSession = operation({
  name: 'session.revoke',
  summary: 'End one of my sessions',
  needs: 'session:revoke',
  always: true,
  input: z.strictObject({ id: z.string() }),
  output: z.null(),
  async run(context, { id }) {
    const { actor, store } = context
    const [session, me] = (await store.read([
      { type: Session, id },
      { type: Credential, id: actor.id ?? '' },
    ])) as [Entity<typeof Session> | null, Entity<typeof Credential> | null]
    if (session === null || session.userId !== actor.id || session.epoch !== me?.sessionEpoch) throw notFound()
    return ended(session)
  },
})

/** Ends all of one's own sessions at once: the next epoch begins. */
export const revokeAllSessions = operation({
  name: 'session.revoke-all',
  summary: 'End all my sessions',
  needs: 'session:revoke',
  always: true,
  input: z.strictObject({}),
  output: z.null(),
  async run(context) {
    const { actor, store, now } = context
    const me = await store.get(Credential, actor.id ?? '')
    if (me === null) return { output: null }
    return {
      output: null,
      changes: [update(Credential, me, patched(Credential, me, { sessionEpoch: me.sessionEpoch + 1 }, now))],
      action: 'session.revoke',
      entity: { type: (actor.kind === 'platform' ? StaffMember : User).name, id: me.id },
      detail: { all: true },
    }
  },
})

const ended = (session: Entity<typeof Session>) => ({
  output: null,
  changes: [remove(Session, session)],
  action: 'session.revoke',
  entity: { type: Session.name, id: session.id },
})

/** Ends every session of someone else, whose device was lost, say. The password stays. Errors: `not_found`, `role_not_grantable`. */
export const revokeSessionsOf = operation({
  name: 'session.revoke-of',
  summary: 'End all sessions of a user',
  needs: 'user:set-password',
  input: z.strictObject({ id: z.string() }),
  output: z.null(),
  async run({ actor, store, now }, { id }) {
    const [user, credential] = (await store.read([
      { type: User, id },
      { type: Credential, id },
    ])) as [Entity<typeof User> | null, Entity<typeof Credential> | null]
    if (user === null) throw notFound()
    assertMayGrant(actor.role, user.role)
    // someone invited has no session to end
    const change =
      credential === null
        ? checkAbsent(Credential, id)
        : update(Credential, credential, patched(Credential, credential, { sessionEpoch: credential.sessionEpoch + 1 }, now))
    const changes = [change]
    return { output: null, changes, action: 'session.revoke', entity: { type: User.name, id }, detail: { all: true } }
  },
})

/** Who one is, and in which tenant: the row that the guard read on this request, without another read. */
export const getMe = operation({
  name: 'user.me',
  summary: 'Who am I',
  needs: 'self:read',
  readOnly: true,
  input: z.strictObject({}),
  output: z.union([
    User.public.extend({ tenantId: z.string() }),
    z.object({ id: z.string(), username: z.string(), role: z.string(), tenantId: z.string() }),
  ]),
  async run({ actor }) {
    const shown = actor.user ?? { id: actor.id ?? '', username: actor.name, role: actor.role ?? '' }
    return { output: { ...shown, tenantId: actor.tenantId } as never }
  },
})
