import { z } from 'zod'
import { whole } from '../assignment/input.ts'
import { sha256 } from '../kernel/canonical.ts'
import { type Change, check, create, insert, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import type { Lane } from '../kernel/gate.ts'
import { operation } from '../kernel/operation.ts'
import { countNetworkFailure } from '../session/network-throttle.ts'
import { type FoundByToken, findByToken } from '../tenant/find-by-token.ts'
import { licenceProblem } from '../tenant/licence.ts'
import { type LinkRow, OnboardingLink, OnboardingPassage, OnboardingVisit, OnboardingVisitor, statusOf } from './entity.ts'
import { notBefore } from './links.ts'

export type Found = FoundByToken<typeof OnboardingLink>

const token = z.string().max(4_096)
const session = z.string().max(200).nullable().default(null)
const mostAgent = 512

/** Requests of one link wait for each other in this process instead of losing races; between processes the link's version decides. */
export const linkLane = async (_: Context, input: { token: string }): Promise<Lane> => ({
  key: `onboarding ${sha256(input.token)}`,
  width: 1,
})

const unknown = () => new AppError('not_found', 'link_not_found', 'Onboarding link not found')
export const notActive = () => new AppError('not_found', 'link_not_active', 'Link not found or not active')

/** The link of a token. A token that is none counts against its network, and beyond the limit nothing is told. Errors: `refusal`, `token_misses`, `tenant_inactive`, `tenant_expired`. */
export async function linked(context: Context, given: string, refusal: () => AppError): Promise<Found> {
  const found = /^[A-Za-z0-9]{32}$/.test(given) ? await findByToken(context, OnboardingLink, 'byToken', given) : null
  if (found === null) {
    const most = context.services.settings.onboardingMissesPerMinute
    await context.once('miss', () =>
      countNetworkFailure(context, { name: 'onboarding-token', most, code: 'token_misses', action: 'token.miss' }),
    )
    throw refusal()
  }
  const problem = licenceProblem(found.tenant, context.nowMs)
  if (problem !== null) throw problem
  return found
}

/** One person's way through a link that many use. Errors: `session_required`. */
export function sessionOf({ maxUses }: LinkRow, given: string | null, isNeeded: boolean): string | null {
  if (maxUses === 1) return null
  if (given !== null && /^[A-Za-z0-9_-]{16,64}$/.test(given)) return given
  if (!isNeeded && given === null) return null
  const message = 'X-Onboarding-Session must be 16 to 64 of A-Z a-z 0-9 _ -'
  throw new AppError('unprocessable', 'session_required', message, { errors: [{ field: 'X-Onboarding-Session', message }] })
}

export const passageId = (linkId: string, name: string): string => `${linkId} ${name}`

const ended: Record<'expired' | 'revoked' | 'used', () => AppError> = {
  expired: () => new AppError('gone', 'link_expired', 'This onboarding link has expired'),
  revoked: () => new AppError('forbidden', 'link_revoked', 'This onboarding link has been revoked'),
  used: () => new AppError('gone', 'link_used', 'This onboarding link has already been used'),
}

/** What a new hire sees first. An open that counts adds one click and one visit, durably, before the answer. Errors: `link_not_found`, `link_expired`, `link_revoked`, `link_used`, those of `linked`. */
export const openLink = operation({
  name: 'onboarding.open',
  summary: 'Open an onboarding link',
  needs: 'public',
  elsewhere: true,
  serial: linkLane,
  input: z.object({ token, session, isCounted: z.boolean() }),
  output: z.object({
    organizationName: z.string(),
    welcomeMessage: z.string(),
    totalSteps: z.int(),
    currentStep: z.int(),
    progressPercentage: z.int(),
    templateName: z.string(),
    createsUser: z.boolean(),
  }),
  async run(context, { token: given, session: name, isCounted }) {
    const { row, store, tenant } = await linked(context, given, unknown)
    const status = statusOf(row, context.nowMs)
    if (status !== 'active') throw ended[status]()
    const passage = sessionOf(row, name, false)
    const known = passage === null ? null : await store.get(OnboardingPassage, passageId(row.id, passage))
    const isShared = row.maxUses !== 1
    return {
      output: {
        organizationName: tenant.name,
        welcomeMessage: row.welcomeMessage,
        totalSteps: row.totalSteps,
        currentStep: isShared ? (known?.step ?? 1) : row.currentStep,
        progressPercentage: isShared ? (known?.percentage ?? 0) : row.progressPercentage,
        templateName: row.templateName,
        createsUser: row.createsUser,
      },
      changes: isCounted ? await planVisit(context, { row, store, tenant }) : [],
      store,
      entity: { type: OnboardingLink.name, id: row.id },
    }
  },
})

/** The click and the visit, unless the same address and user agent were counted a moment ago. The link's version guards both. */
async function planVisit({ origin, now, nowMs, newId }: Context, { row, store }: Found): Promise<Change[]> {
  const ipAddress = origin.address ?? null
  const userAgent = [...(origin.userAgent ?? '')].slice(0, mostAgent).join('')
  const id = sha256(JSON.stringify([row.id, ipAddress, userAgent]))
  const visitor = row.dedupeSeconds === 0 ? null : await store.get(OnboardingVisitor, id)
  if (visitor !== null && nowMs - Date.parse(visitor.countedAt) < row.dedupeSeconds * 1_000) return []
  const at = notBefore(now, row.lastAccessedAt)
  const seen = { countedAt: now, expiresAt: toTime(nowMs + Math.max(row.dedupeSeconds, 60) * 1_000) }
  const counted = { clicksCount: row.clicksCount + 1, firstAccessedAt: row.firstAccessedAt ?? at, lastAccessedAt: at }
  const remembered: Change[] =
    row.dedupeSeconds === 0
      ? []
      : visitor === null
        ? [insert(OnboardingVisitor, create(OnboardingVisitor, id, seen, now))]
        : [update(OnboardingVisitor, visitor, patched(OnboardingVisitor, visitor, seen, now))]
  return [
    update(OnboardingLink, row, patched(OnboardingLink, row, counted, now)),
    insert(OnboardingVisit, create(OnboardingVisit, newId(), { linkId: row.id, accessedAt: at, ipAddress, userAgent }, now)),
    ...remembered,
  ]
}

/** How far somebody is. Neither value ever goes down. Errors: `link_not_active`, `session_required`, `validation_failed`, those of `linked`. */
export const reportProgress = operation({
  name: 'onboarding.progress',
  summary: 'Report progress on an onboarding link',
  needs: 'public',
  elsewhere: true,
  serial: linkLane,
  input: z.object({ token, session, currentStep: whole(1, 100), progressPercentage: whole(0, 100) }),
  output: z.null(),
  async run(context, { token: given, session: name, currentStep, progressPercentage }) {
    const { now } = context
    const { row, store } = await linked(context, given, notActive)
    if (statusOf(row, context.nowMs) !== 'active') throw notActive()
    const passage = sessionOf(row, name, true)
    if (currentStep > row.totalSteps) {
      const message = `must be at most ${row.totalSteps}`
      throw new AppError('unprocessable', 'validation_failed', `currentStep: ${message}`, { errors: [{ field: 'currentStep', message }] })
    }
    const done = { output: null, store, entity: { type: OnboardingLink.name, id: row.id } }
    if (passage === null) {
      const further = {
        currentStep: Math.max(row.currentStep, currentStep),
        progressPercentage: Math.max(row.progressPercentage, progressPercentage),
      }
      if (further.currentStep === row.currentStep && further.progressPercentage === row.progressPercentage) return done
      return { ...done, changes: [update(OnboardingLink, row, patched(OnboardingLink, row, further, now))] }
    }
    const before = await store.get(OnboardingPassage, passageId(row.id, passage))
    if (before?.completedAt != null) throw notActive()
    const further = { step: Math.max(before?.step ?? 1, currentStep), percentage: Math.max(before?.percentage ?? 0, progressPercentage) }
    if (before !== null && further.step === before.step && further.percentage === before.percentage) return done
    const change =
      before === null
        ? insert(
            OnboardingPassage,
            create(OnboardingPassage, passageId(row.id, passage), { linkId: row.id, ...further, completedAt: null }, now),
          )
        : update(OnboardingPassage, before, patched(OnboardingPassage, before, further, now))
    return { ...done, changes: [change, check(OnboardingLink, row)] }
  },
})
