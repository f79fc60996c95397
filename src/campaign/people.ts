import { z } from 'zod'
import { CampaignAssignment, type CampaignAssignmentRow, campaignRoles } from '../assignment/entity.ts'
import { readAll } from '../assignment/ledger.ts'
import { operation } from '../kernel/operation.ts'
import { type Page, pageInput, pageOf } from '../kernel/page.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { reachable } from './operations.ts'

const person = z.object({
  userId: z.string(),
  username: z.string(),
  fullName: z.string().nullable(),
  isActive: z.boolean(),
  role: z.enum(campaignRoles),
  canEdit: z.boolean(),
  canViewStats: z.boolean(),
  canManageContacts: z.boolean(),
  assignedAt: z.string(),
})

/** Who is actively assigned to a campaign, as far as one may see them: a page may hold fewer than asked for. Errors: `not_found`, alike for absent, foreign and not assigned; `bad_cursor`. */
export const listCampaignPeople = operation({
  name: 'campaign.people',
  summary: 'List who is assigned to a campaign',
  needs: 'campaign:read',
  readOnly: true,
  input: z.strictObject({ id: z.string(), ...pageInput }),
  output: pageOf(person),
  async run(context, { id, limit = 50, cursor = null }) {
    const { store } = context
    const { reach } = await reachable(context, id)
    const page: Page<CampaignAssignmentRow> = await store.list(CampaignAssignment, {
      index: 'byCampaign',
      where: { campaignId: id, status: 'active' },
      cursor,
      limit,
    })
    const seen = page.items.filter(({ userId }) => reach.everyone || reach.ids.has(userId))
    const users = await readAll<UserRow>(
      store,
      seen.map(({ userId }) => ({ type: User, id: userId })),
    )
    const items = seen.flatMap(({ userId, role, canEdit, canViewStats, canManageContacts, assignedAt }, at) => {
      const user = users[at]
      if (user == null) return []
      const { username, fullName, isActive } = user
      return [{ userId, username, fullName, isActive, role, canEdit, canViewStats, canManageContacts, assignedAt }]
    })
    return { output: { items, nextCursor: page.nextCursor } }
  },
})
