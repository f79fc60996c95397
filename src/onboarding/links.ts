import { z } from 'zod'
import { asked, uuid, whole } from '../assignment/input.ts'
import { placed } from '../assignment/place.ts'
import { type Change, check, create, insert, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import type { Page } from '../kernel/page.ts'
import { digestToken, linkToken } from '../session/tokens.ts'
import { Team } from '../team/entity.ts'
import { theTeam } from '../team/join.ts'
import { type LinkRow, linkStatuses, OnboardingLink, pinnableRoles, statusOf } from './entity.ts'
import { sealedAt, theLink, tokenOf } from './find.ts'
import { type LinkView, linkView, maySeeToken, urlOf, viewsOf } from './view.ts'

const dayMs = 86_400_000
const yearMs = 365 * dayMs

const chars = (least: number, most: number) =>
  z.string().refine((text) => [...text].length >= least && [...text].length <= most, `must be ${least} to ${most} characters`)

const invalid = (field: string, message: string) =>
  new AppError('unprocessable', 'validation_failed', `${field}: ${message}`, { errors: [{ field, message }] })

/** Makes a link. Its token is told here and to those who may copy it. Errors: `role_not_grantable`, `team_not_found`, those of `placed`. */
export const createLink = operation({
  name: 'onboarding.create-link',
  summary: 'Create an onboarding link',
  needs: 'onboarding:manage',
  elsewhere: true,
  input: z.object({
    ...asked,
    templateName: chars(1, 100).default('Basic Onboarding'),
    welcomeMessage: chars(0, 5_000).default('Welcome to Salesbrain!'),
    expirationDays: whole(1, 365).default(7),
    totalSteps: whole(1, 100).default(5),
    expiresAt: z.iso.datetime({ offset: true, error: 'must be an instant with an offset' }).optional(),
    maxUses: whole(1, 100_000).nullable().default(1),
    dedupeSeconds: whole(0, 86_400).default(30),
    createsUser: z.boolean().default(false),
    userRole: z.enum(pinnableRoles).optional(),
    teamId: uuid.optional(),
    needsApproval: z.boolean().default(false),
  }),
  output: z.object({ url: z.string(), id: z.string(), token: z.string(), expiresAt: z.string() }),
  async run(caller, input) {
    const { userRole = 'member', createsUser, needsApproval } = input
    if (!createsUser)
      for (const field of ['userRole', 'teamId'] as const)
        if (input[field] !== undefined) throw invalid(field, 'is only for links that make accounts')
    if (needsApproval && !createsUser) throw invalid('needsApproval', 'is only for links that make accounts')
    const expiresMs = input.expiresAt === undefined ? caller.nowMs + input.expirationDays * dayMs : Date.parse(input.expiresAt)
    if (expiresMs <= caller.nowMs) throw invalid('expiresAt', 'must be later than now')
    if (expiresMs > caller.nowMs + yearMs) throw invalid('expiresAt', 'must be at most 365 days on')
    const context = await placed(caller, { ...input, actorField: 'created_by' }, 'change')
    const { store, now, actor, services } = context
    if (createsUser && userRole === 'admin' && actor.role === 'admin')
      throw new AppError('forbidden', 'role_not_grantable', 'You may only pin a role below your own.', {
        errors: [{ field: 'userRole', message: 'is not below your own' }],
      })
    const team = input.teamId === undefined ? null : await theTeam(context, input.teamId)
    const id = context.newId()
    const token = await caller.once('token', async () => linkToken(caller.random))
    const row = create(
      OnboardingLink,
      id,
      {
        createdBy: actor.id,
        tokenDigest: digestToken(token),
        tokenSealed: services.sealer.seal(token, sealedAt(store.tenantId, id)),
        templateId: null,
        templateName: input.templateName,
        welcomeMessage: input.welcomeMessage,
        status: 'active',
        expiresAt: toTime(expiresMs),
        clicksCount: 0,
        firstAccessedAt: null,
        lastAccessedAt: null,
        completedAt: null,
        currentStep: 1,
        totalSteps: input.totalSteps,
        progressPercentage: 0,
        revokedAt: null,
        revokedBy: null,
        revokedReason: null,
        maxUses: input.maxUses,
        usesCount: 0,
        dedupeSeconds: input.dedupeSeconds,
        createsUser,
        userRole,
        teamId: team?.id ?? null,
        needsApproval,
      },
      now,
    )
    const changes: Change[] = [insert(OnboardingLink, row), ...(team === null ? [] : [check(Team, team)])]
    return {
      output: { url: urlOf(context, token), id, token, expiresAt: row.expiresAt },
      changes,
      store,
      entity: { type: OnboardingLink.name, id },
    }
  },
})

const paged = { limit: whole(1, 500).default(100), offset: whole(0, 1_000_000_000).default(0) }

/** A tenant's links, the newest first, as they are at this moment. Errors: those of `placed`. */
export const listLinks = operation({
  name: 'onboarding.list-links',
  summary: 'List onboarding links',
  needs: 'onboarding:read',
  readOnly: true,
  input: z.object({ ...asked, ...paged, status: z.enum(linkStatuses).optional(), createdBy: uuid.optional() }),
  output: z.object({ items: z.array(linkView), total: z.int(), limit: z.int(), offset: z.int() }),
  async run(caller, { limit, offset, status, createdBy, ...where }) {
    const context = await placed(caller, where, 'read')
    const found: LinkRow[] = []
    for (let cursor: string | null = null; ; ) {
      const page: Page<LinkRow> = await context.store.list(OnboardingLink, {
        ...(createdBy === undefined ? { index: 'byCreated' } : { index: 'byCreator', where: { createdBy } }),
        order: 'desc',
        cursor,
        limit: 200,
      })
      for (const row of page.items) if (status === undefined || statusOf(row, context.nowMs) === status) found.push(row)
      if (page.nextCursor === null) break
      cursor = page.nextCursor
    }
    const items = await viewsOf(context, found.slice(offset, offset + limit), 5)
    return { output: { items, total: found.length, limit, offset } }
  },
})

export const getLink = operation({
  name: 'onboarding.get-link',
  summary: 'Read an onboarding link',
  needs: 'onboarding:read',
  readOnly: true,
  input: z.object({ ...asked, linkId: uuid }),
  output: linkView,
  async run(caller, { linkId, ...where }) {
    const context = await placed(caller, where, 'read')
    const [view] = await viewsOf(context, [await theLink(context, linkId)], 100)
    return { output: view as LinkView }
  },
})

/** Nothing that happened to a link is later than its end. */
export const notBefore = (now: string, last: string | null): string => (last !== null && last > now ? last : now)

/** Ends a link. Errors: `link_not_found` also for one that is used or revoked. */
export const revokeLink = operation({
  name: 'onboarding.revoke-link',
  summary: 'Revoke an onboarding link',
  needs: 'onboarding:manage',
  elsewhere: true,
  input: z.object({ ...asked, linkId: uuid, reason: chars(0, 500).default('Revoked by admin') }),
  output: z.null(),
  async run(caller, { linkId, reason, ...where }) {
    const context = await placed(caller, { ...where, actorField: 'revoked_by' }, 'change')
    const { now, actor, store } = context
    const text = 'Link not found or already revoked/used'
    const link = await theLink(context, linkId, text)
    if (link.status === 'used' || link.status === 'revoked') throw new AppError('not_found', 'link_not_found', text)
    const ended = { status: 'revoked' as const, revokedAt: notBefore(now, link.lastAccessedAt), revokedBy: actor.id, revokedReason: reason }
    return {
      output: null,
      changes: [update(OnboardingLink, link, patched(OnboardingLink, link, ended, now))],
      store,
      entity: { type: OnboardingLink.name, id: linkId },
    }
  },
})

/** Gives a link more time; an expired one works again. Errors: `link_not_found`, `link_not_extendable`. */
export const extendLink = operation({
  name: 'onboarding.extend-link',
  summary: 'Extend an onboarding link',
  needs: 'onboarding:manage',
  elsewhere: true,
  input: z.object({ ...asked, linkId: uuid, additionalDays: whole(1, 365).default(7) }),
  output: z.object({ days: z.int() }),
  async run(caller, { linkId, additionalDays, ...where }) {
    const context = await placed(caller, where, 'change')
    const { now, nowMs, store } = context
    const link = await theLink(context, linkId, 'Link not found')
    if (link.status === 'used' || link.status === 'revoked')
      throw new AppError('conflict', 'link_not_extendable', 'A link that is used or revoked cannot be extended.')
    const expiresAt = toTime(Math.max(nowMs, Date.parse(link.expiresAt)) + additionalDays * dayMs)
    return {
      output: { days: additionalDays },
      changes: [update(OnboardingLink, link, patched(OnboardingLink, link, { status: 'active', expiresAt }, now))],
      store,
      entity: { type: OnboardingLink.name, id: linkId },
    }
  },
})

/** The address that a QR code leads to. Errors: `forbidden` for who may not see it, `link_not_found`, `link_without_token`. */
export const getLinkCode = operation({
  name: 'onboarding.qr',
  summary: 'The QR code of an onboarding link',
  needs: 'onboarding:manage',
  readOnly: true,
  input: z.object({ ...asked, linkId: uuid, format: z.enum(['png', 'svg']).default('png'), size: whole(64, 2_048).default(512) }),
  output: z.object({ format: z.enum(['png', 'svg']), base64: z.string() }),
  async run(caller, { linkId, format, size, ...where }) {
    const context = await placed(caller, where, 'read')
    const link = await theLink(context, linkId)
    const token = maySeeToken(context) ? tokenOf(context, link) : null
    if (token === null) throw new AppError('conflict', 'link_without_token', 'This link was made without its token; make a new one.')
    return { output: { format, base64: await codeOf(urlOf(context, token), format, size) } }
  },
})

/** Quiet zone on each side, in modules (ISO/IEC 18004). */
const quiet = 4

/** A QR code as Base64: error level M, whole pixels a module, as wide as fits. */
async function codeOf(url: string, format: 'png' | 'svg', size: number): Promise<string> {
  const { default: qrcode } = await import('qrcode')
  const modules = qrcode.create(url, { errorCorrectionLevel: 'M' }).modules.size + 2 * quiet
  const scale = Math.max(1, Math.floor(size / modules))
  const options = { errorCorrectionLevel: 'M' as const, margin: quiet }
  if (format === 'png') return (await qrcode.toBuffer(url, { ...options, type: 'png', scale })).toString('base64')
  return Buffer.from(await qrcode.toString(url, { ...options, type: 'svg', width: scale * modules })).toString('base64')
}
