import { z } from 'zod'
import { type Change, check, create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { parse } from '../kernel/perform.ts'
import type { TenantStore } from '../storage/port.ts'
import { Team } from '../team/entity.ts'
import { planJoin } from '../team/join.ts'
import { User } from '../user/entity.ts'
import { email, password, username } from '../user/input.ts'
import { assertGoodPassword, type UserRow, userRows } from '../user/plan.ts'
import { type LinkRow, OnboardingCompletion, OnboardingLink, OnboardingPassage, statusOf } from './entity.ts'
import { notBefore } from './links.ts'
import { linked, linkLane, notActive, passageId, sessionOf } from './public.ts'

const name = z
  .string()
  .trim()
  .refine((text) => text !== '' && [...text].length <= 100, 'must be 1 to 100 characters')

/** What a new hire says of themselves, where the link makes an account. */
const newcomer = z
  .object({ firstName: name, lastName: name, username: username.optional(), email: email.optional(), password })
  .superRefine(({ username: login, email: mail }, { addIssue }) => {
    if (login === undefined && mail === undefined)
      addIssue({ code: 'custom', path: ['username'], message: 'username or email is required', input: login })
    if (login === undefined && mail !== undefined && !username.safeParse(mail).success)
      addIssue({ code: 'custom', path: ['username'], message: 'is required, because this e-mail address cannot be one', input: login })
  })

const login = ['login_taken', 'This login is taken.', 'username'] as const

/**
 * Comes through a link. Exactly as many succeed as the link allows; where it makes an account, use, user and membership are one commit. Errors: `link_not_active`, `session_required`, `validation_failed`,
 * `weak_password`, `login_taken`, those of `linked`.
 */
export const completeLink = operation({
  name: 'onboarding.complete',
  summary: 'Complete an onboarding link',
  needs: 'public',
  elsewhere: true,
  serial: linkLane,
  input: z.object({ token: z.string().max(4_096), session: z.string().max(200).nullable().default(null), body: z.unknown() }),
  output: z.object({ user: z.object({ id: z.string(), login: z.string(), role: z.string() }).nullable() }),
  conflicts: { 'user.username': login, 'user.email': login },
  async run(context, { token, session: given, body }) {
    const { now, newId, origin } = context
    const { row, store } = await linked(context, token, notActive)
    if (statusOf(row, context.nowMs) !== 'active') throw notActive()
    const passage = sessionOf(row, given, true)
    const known = passage === null ? null : await store.get(OnboardingPassage, passageId(row.id, passage))
    if (known?.completedAt != null) throw notActive()
    const made = row.createsUser ? await planNewcomer({ ...context, store }, row, parse(newcomer, body)) : null
    const at = notBefore(now, row.lastAccessedAt)
    const completion = create(
      OnboardingCompletion,
      newId(),
      {
        linkId: row.id,
        completedAt: at,
        session: passage,
        userId: made?.user.id ?? null,
        login: made?.user.username ?? null,
        name: made?.user.fullName ?? null,
        role: made?.user.role ?? null,
        teamId: made === null ? null : row.teamId,
        ip: origin.address ?? null,
        userAgent: [...(origin.userAgent ?? '')].slice(0, 512).join(''),
        approval: made !== null && row.needsApproval ? 'pending' : 'none',
        decidedBy: null,
      },
      now,
    )
    return {
      output: { user: made === null ? null : { id: made.user.id, login: made.user.username, role: made.user.role } },
      changes: [
        planUse(context, row, at),
        ...planPassage(context, { row, passage, known, at }),
        insert(OnboardingCompletion, completion),
        ...(made?.changes ?? []),
      ],
      store,
      entity: { type: OnboardingLink.name, id: row.id },
    }
  },
})

/** One use of a link; the last one ends it. */
function planUse({ now }: Context, row: LinkRow, at: string): Change {
  const usesCount = row.usesCount + 1
  const isLast = row.maxUses !== null && usesCount >= row.maxUses
  const end = isLast ? { status: 'used' as const, completedAt: at, progressPercentage: 100, currentStep: row.totalSteps } : {}
  return update(OnboardingLink, row, patched(OnboardingLink, row, { usesCount, ...end }, now))
}

type Passing = { row: LinkRow; passage: string | null; known: Awaited<ReturnType<TenantStore['get']>> | null; at: string }

function planPassage({ now }: Context, { row, passage, known, at }: Passing): Change[] {
  if (passage === null) return []
  const done = { step: row.totalSteps, percentage: 100, completedAt: at }
  const before = known as Parameters<typeof patched<typeof OnboardingPassage>>[1] | null
  if (before !== null) return [update(OnboardingPassage, before, patched(OnboardingPassage, before, done, now))]
  return [insert(OnboardingPassage, create(OnboardingPassage, passageId(row.id, passage), { linkId: row.id, ...done }, now))]
}

/** The user that a link makes, with the role and in the team that it pins. */
async function planNewcomer(
  context: Context,
  row: LinkRow,
  given: z.output<typeof newcomer>,
): Promise<{ user: UserRow; changes: Change[] }> {
  const { store, now, services } = context
  const fullName = `${given.firstName} ${given.lastName}`
  const mail = given.email ?? null
  const who = given.username ?? mail ?? ''
  await assertGoodPassword(context, given.password, { username: who, fullName, email: mail })
  const team = row.teamId === null ? null : await store.get(Team, row.teamId)
  const passwordHash = await context.once('hash', () => services.hasher.hash(given.password))
  const made = userRows(context, {
    number: await store.next(User.name),
    username: who,
    email: mail,
    fullName,
    role: row.userRole,
    managerId: null,
    isActive: !row.needsApproval,
    legacyId: null,
    createdAt: now,
    passwordHash,
    mustChangePassword: false,
  })
  const joined = team === null ? [] : planJoin(now, team, [{ userId: made.user.id, role: 'member' }]).changes
  return { user: made.user, changes: [...made.changes, ...joined] }
}

/** Who came through a link that asks for approval, and waits. */
export const listApprovals = operation({
  name: 'onboarding.approvals',
  summary: 'List people who wait for approval',
  needs: 'onboarding:read',
  readOnly: true,
  input: z.strictObject({ limit: z.coerce.number().int().min(1).max(200).optional(), cursor: z.string().max(2_000).optional() }),
  output: z.object({ items: z.array(OnboardingCompletion.public), nextCursor: z.string().nullable() }),
  run: async ({ store }, { limit = 50, cursor = null }) => ({
    output: await store.list(OnboardingCompletion, { index: 'byApproval', where: { approval: 'pending' }, cursor, limit }),
  }),
})

/** Lets somebody in who waits, or does not. Errors: `not_found`, `already_decided`. */
export const decideApproval = operation({
  name: 'onboarding.decide',
  summary: 'Approve or reject who came through a link',
  needs: 'onboarding:manage',
  input: z.strictObject({ id: z.string(), decision: z.enum(['approve', 'reject']) }),
  output: OnboardingCompletion.public,
  async run({ store, now, actor }, { id, decision }) {
    const row = /^[0-9a-f-]{36}$/.test(id) ? await store.get(OnboardingCompletion, id) : null
    if (row === null || row.approval === 'none') throw new AppError('not_found', 'not_found', 'There is nothing at this address.')
    if (row.approval !== 'pending') throw new AppError('conflict', 'already_decided', 'Somebody decided this before.')
    const decided = patched(
      OnboardingCompletion,
      row,
      { approval: decision === 'approve' ? 'approved' : 'rejected', decidedBy: actor.id },
      now,
    )
    const user = row.userId === null ? null : await store.get(User, row.userId)
    const changes: Change[] = [update(OnboardingCompletion, row, decided)]
    if (user !== null && decision === 'approve' && !user.isActive)
      changes.push(update(User, user, patched(User, user, { isActive: true, isSuspended: false }, now)))
    else if (user !== null) changes.push(check(User, user))
    return { output: decided, changes, entity: { type: OnboardingCompletion.name, id } }
  },
})
