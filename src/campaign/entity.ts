import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'

export const channels = ['email', 'linkedin', 'direct_mail', 'ads'] as const
export const campaignStatuses = ['draft', 'ready', 'running', 'paused', 'completed', 'archived'] as const

/** A piece of outreach that people are assigned to (contracts/salesbrain.md section 8). */
export const Campaign = entity('campaign', {
  table: 'campaigns',
  fields: { name: z.string(), channel: z.enum(channels), status: z.enum(campaignStatuses) },
  indexes: { byStatus: ['status'] },
})
export type CampaignRow = Entity<typeof Campaign>
