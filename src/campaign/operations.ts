import { z } from 'zod'
import { type Reach, reachOf } from '../access/scope.ts'
import { CampaignAssignment } from '../assignment/entity.ts'
import { readAll } from '../assignment/ledger.ts'
import { planWithoutCampaign } from '../assignment/remove.ts'
import { create, insert, patched, remove, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { decodeCursor, encodeCursor, type Page, pageInput, pageOf } from '../kernel/page.ts'
import { stale } from '../user/operations.ts'
import { Campaign, type CampaignRow, campaignStatuses, channels } from './entity.ts'

const name = z
  .string()
  .min(1, 'must not be empty')
  .refine((text) => [...text].length <= 200, 'must be at most 200 characters')
const shown = Campaign.public

/** Makes a campaign. */
export const createCampaign = operation({
  name: 'campaign.create',
  summary: 'Create a campaign',
  needs: 'campaign:create',
  input: z.strictObject({ name, channel: z.enum(channels).default('email'), status: z.enum(campaignStatuses).default('draft') }),
  output: shown,
  async run({ newId, now }, fields) {
    const row = create(Campaign, newId(), fields, now)
    return { output: row, changes: [insert(Campaign, row)], entity: { type: Campaign.name, id: row.id } }
  },
})

const listName = 'campaign.list'

/** The campaigns that one may see: all, or those assigned to oneself and those below. */
export const listCampaigns = operation({
  name: listName,
  summary: 'List campaigns',
  needs: 'campaign:read',
  readOnly: true,
  input: z.strictObject({ ...pageInput, status: z.enum(campaignStatuses).optional(), q: z.string().max(200).optional() }),
  output: pageOf(shown),
  async run(context, { limit = 50, cursor = null, status, q = '' }) {
    const { store } = context
    const reach = await reachOf(context)
    const filter = q.trim() === '' ? [] : [{ field: 'name', op: 'contains' as const, value: q.trim() }]
    if (reach.everyone)
      return {
        output: await store.list(Campaign, {
          ...(status === undefined ? {} : { index: 'byStatus', where: { status } }),
          filter,
          cursor,
          limit,
        }),
      }
    const [after = ''] = cursor === null ? [] : decodeCursor(listName, cursor, 1)
    const ids = [...(await assignedTo(context, reach.ids))].filter((id) => id > String(after)).sort()
    const rows = await readAll<CampaignRow>(
      store,
      ids.map((id) => ({ type: Campaign, id })),
    )
    const fitting = rows.flatMap((row) =>
      row === null || (status !== undefined && row.status !== status) || !row.name.includes(q.trim()) ? [] : [row],
    )
    const items = fitting.slice(0, limit)
    const last = items.at(-1)
    return {
      output: { items, nextCursor: fitting.length > limit && last !== undefined ? encodeCursor(listName, [last.id]) : null },
    }
  },
})

/** Campaigns actively assigned to any of these people. */
async function assignedTo({ store }: Context, ids: ReadonlySet<string>): Promise<Set<string>> {
  const found = new Set<string>()
  for (let cursor: string | null = null; ; ) {
    const page: Page<{ campaignId: string }> = await store.list(CampaignAssignment, {
      index: 'byUser',
      where: { userId: [...ids], status: 'active' },
      cursor,
      limit: 200,
    })
    for (const { campaignId } of page.items) found.add(campaignId)
    if (page.nextCursor === null) return found
    cursor = page.nextCursor
  }
}

/** Errors: `not_found`, alike for absent, foreign and not assigned. */
export async function reachable(context: Context, id: string): Promise<{ row: CampaignRow; reach: Reach }> {
  const row = isUuid(id) ? await context.store.get(Campaign, id) : null
  if (row === null) throw notFound()
  const reach = await reachOf({ ...context, scope: readingScope(context) })
  if (!reach.everyone && !(await holders(context, id)).some(({ userId }) => reach.ids.has(userId))) throw notFound()
  return { row, reach }
}

/** Who may change only what is their own may still read what those below have: the permission to read says so. */
const readingScope = ({ actor, scope }: Context): Context['scope'] =>
  scope === 'own' && (actor.role === 'manager' || actor.role === 'supervisor') ? 'subtree' : scope

async function holders({ store }: Context, campaignId: string) {
  const rows: { userId: string; canEdit: boolean }[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Page<{ userId: string; canEdit: boolean }> = await store.list(CampaignAssignment, {
      index: 'byCampaign',
      where: { campaignId, status: 'active' },
      cursor,
      limit: 200,
    })
    rows.push(...page.items)
    if (page.nextCursor === null) return rows
    cursor = page.nextCursor
  }
}

export const getCampaign = operation({
  name: 'campaign.get',
  summary: 'Read a campaign',
  needs: 'campaign:read',
  readOnly: true,
  input: z.strictObject({ id: z.string() }),
  output: shown,
  run: async (context, { id }) => ({ output: (await reachable(context, id)).row }),
})

/** Changes a campaign: owner and admin, or who is assigned to it with `canEdit`. Errors: `not_found`, `forbidden`, `version_conflict`. */
export const updateCampaign = operation({
  name: 'campaign.update',
  summary: 'Change a campaign',
  needs: 'campaign:update',
  input: z.strictObject({
    id: z.string(),
    version: z.int().min(1),
    name: name.optional(),
    channel: z.enum(channels).optional(),
    status: z.enum(campaignStatuses).optional(),
  }),
  output: shown,
  async run(context, { id, version, ...patch }) {
    const { row: before } = await reachable(context, id)
    if (context.scope !== 'tenant') {
      const mine = (await holders(context, id)).find(({ userId }) => userId === context.actor.id)
      if (mine?.canEdit !== true) throw new AppError('forbidden', 'forbidden', 'Your role does not allow this.')
    }
    if (before.version !== version) throw stale()
    const set = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined))
    const row = patched(Campaign, before, set, context.now)
    return { output: row, changes: [update(Campaign, before, row)], entity: { type: Campaign.name, id } }
  },
})

/** Removes a campaign; everybody's assignment to it ends in the same commit. Errors: `not_found`. */
export const removeCampaign = operation({
  name: 'campaign.remove',
  summary: 'Remove a campaign',
  needs: 'campaign:create',
  input: z.strictObject({ id: z.string() }),
  output: z.null(),
  async run(context, { id }) {
    const row = isUuid(id) ? await context.store.get(Campaign, id) : null
    if (row === null) throw notFound()
    const ends = await planWithoutCampaign(context, id)
    return { output: null, changes: [...ends, remove(Campaign, row)], entity: { type: Campaign.name, id } }
  },
})
