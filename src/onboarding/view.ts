import { z } from 'zod'
import { asked, uuid, whole } from '../assignment/input.ts'
import { readAll } from '../assignment/ledger.ts'
import { namesOf } from '../assignment/list.ts'
import { placed } from '../assignment/place.ts'
import type { Context } from '../kernel/context.ts'
import { operation } from '../kernel/operation.ts'
import type { Page } from '../kernel/page.ts'
import { Tenant } from '../tenant/entity.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import {
  type CompletionRow,
  type LinkRow,
  OnboardingCompletion,
  OnboardingLink,
  OnboardingVisit,
  statusOf,
  type VisitRow,
} from './entity.ts'
import { theLink, tokenOf } from './find.ts'

const person = {
  createdByEmail: z.string().nullable(),
  createdByFirstName: z.string().nullable(),
  createdByLastName: z.string().nullable(),
}

/** A link as those who manage it see it. `token` is null for whoever may only read. */
export const linkView = OnboardingLink.public.extend({
  ...person,
  token: z.string().nullable(),
  url: z.string().nullable(),
  organizationId: z.string(),
  organizationName: z.string(),
  visits: z.array(OnboardingVisit.public),
})
export type LinkView = z.output<typeof linkView>

export const urlOf = ({ services }: Pick<Context, 'services'>, token: string): string => `${services.settings.publicUrl}/o/${token}`

/** Who only reads sees no token (section 2). */
export const maySeeToken = ({ actor }: Context): boolean =>
  actor.role === 'owner' || actor.role === 'admin' || actor.role === 'platform_admin'

/** Links as they stand at this moment, each with its newest visits. */
export async function viewsOf(context: Context, links: readonly LinkRow[], visits: number): Promise<LinkView[]> {
  const { store } = context
  const tenant = await store.get(Tenant, store.tenantId)
  const makers = [...new Set(links.flatMap(({ createdBy }) => createdBy ?? []))]
  const users = (
    await readAll<UserRow>(
      store,
      makers.map((id) => ({ type: User, id })),
    )
  ).filter((user) => user !== null)
  const byId = new Map(users.map((user) => [user.id, user]))
  const names = await namesOf(context, users)
  return Promise.all(
    links.map(async (link) => {
      const token = maySeeToken(context) ? tokenOf(context, link) : null
      const page = await store.list(OnboardingVisit, {
        index: 'byLink',
        where: { linkId: link.id },
        order: 'desc',
        limit: visits,
      })
      const name = names.get(link.createdBy ?? '')
      return {
        ...link,
        status: statusOf(link, context.nowMs),
        token,
        url: token === null ? null : urlOf(context, token),
        organizationId: store.tenantId,
        organizationName: tenant?.name ?? '',
        createdByEmail: byId.get(link.createdBy ?? '')?.email ?? null,
        createdByFirstName: name?.firstName ?? null,
        createdByLastName: name?.lastName ?? null,
        visits: page.items,
      }
    }),
  )
}

const paged = { limit: whole(1, 500).default(100), offset: whole(0, 1_000_000_000).default(0) }
const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), total: z.int(), limit: z.int(), offset: z.int() })

/** Every counted open of a link, the newest first. Errors: `link_not_found`. */
export const listVisits = operation({
  name: 'onboarding.visits',
  summary: 'List the visits of an onboarding link',
  needs: 'onboarding:read',
  readOnly: true,
  input: z.object({ ...asked, ...paged, linkId: uuid }),
  output: pageOf(OnboardingVisit.public),
  async run(caller, { linkId, limit, offset, ...where }) {
    const context = await placed(caller, where, 'read')
    await theLink(context, linkId)
    const rows = await newest<VisitRow>(context, OnboardingVisit, { linkId, most: offset + limit })
    const total = await context.store.count(OnboardingVisit, { index: 'byLink', where: { linkId } })
    return { output: { items: rows.slice(offset, offset + limit), total, limit, offset } }
  },
})

/** Who came through a link, the newest first. Errors: `link_not_found`. */
export const listCompletions = operation({
  name: 'onboarding.completions',
  summary: 'List who came through an onboarding link',
  needs: 'onboarding:read',
  readOnly: true,
  input: z.object({ ...asked, ...paged, linkId: uuid }),
  output: pageOf(OnboardingCompletion.public),
  async run(caller, { linkId, limit, offset, ...where }) {
    const context = await placed(caller, where, 'read')
    await theLink(context, linkId)
    const rows = await newest<CompletionRow>(context, OnboardingCompletion, { linkId, most: offset + limit })
    const total = await context.store.count(OnboardingCompletion, { index: 'byLink', where: { linkId } })
    return { output: { items: rows.slice(offset, offset + limit), total, limit, offset } }
  },
})

async function newest<T>(
  { store }: Context,
  type: typeof OnboardingVisit | typeof OnboardingCompletion,
  { linkId, most }: { linkId: string; most: number },
): Promise<T[]> {
  const rows: T[] = []
  for (let cursor: string | null = null; rows.length < most; ) {
    const page = (await store.list(type, {
      index: 'byLink',
      where: { linkId },
      order: 'desc',
      cursor,
      limit: Math.min(200, most - rows.length),
    })) as Page<T>
    rows.push(...page.items)
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  return rows
}
