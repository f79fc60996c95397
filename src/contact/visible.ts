import { type Reach, reachOf } from '../access/scope.ts'
import type { Context } from '../kernel/context.ts'
import { everyRow } from '../kernel/every-row.ts'
import type { Page } from '../kernel/page.ts'
import type { Filter, Selection, TenantStore, Value } from '../storage/port.ts'
import { Contact, type ContactRow } from './entity.ts'
import { groups, isIn, type LeadStatus } from './rules.ts'

const pageSize = 200
/** Users asked about in one tally. */
const chunkSize = 500

/** The leads that a context reaches: of everyone, or of these owners. Unassigned ones are among the former only. */
export type Visible = { store: TenantStore; reach: Reach }

export const visibleTo = async (context: Context): Promise<Visible> => ({ store: context.store, reach: await reachOf(context) })

/** The indexes that hold visible leads by number, by time of creation and by status. */
const indexes = {
  number: ['byLead', 'byOwner'],
  recent: ['byRecent', 'byOwnerRecent'],
} as const

function selectionOf({ reach }: Visible, order: keyof typeof indexes): Selection {
  const [all, ofOwner] = indexes[order]
  return reach.everyone ? { index: all } : { index: ofOwner, where: { ownerId: [...reach.ids] } }
}

/** The whole set by number. Each owner's leads are read by themselves and put together after, because an index orders those of one owner only. */
export async function everyLead({ store, reach }: Visible, filter: readonly Filter[] = []): Promise<ContactRow[]> {
  if (reach.everyone) return everyRow(store, Contact, { index: 'byLead', filter })
  const found: ContactRow[] = []
  for (const ownerId of reach.ids)
    for (const row of await everyRow(store, Contact, { index: 'byOwner', where: { ownerId }, filter })) found.push(row)
  return found.sort((a, b) => a.number - b.number)
}

/** Up to `limit` leads by number, after a cursor. */
export async function leadPage(visible: Visible, limit: number, cursor: string | null): Promise<Page<ContactRow>> {
  const items: ContactRow[] = []
  for (let after = cursor; ; ) {
    const page = await visible.store.list(Contact, {
      ...selectionOf(visible, 'number'),
      cursor: after,
      limit: Math.min(pageSize, limit - items.length),
    })
    items.push(...page.items)
    after = page.nextCursor
    if (after === null || items.length >= limit) return { items, nextCursor: after }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

export const countLeads = (visible: Visible): Promise<number> => visible.store.count(Contact, selectionOf(visible, 'number'))

export async function newestLeads(visible: Visible, limit: number): Promise<ContactRow[]> {
  const page = await visible.store.list(Contact, { ...selectionOf(visible, 'recent'), order: 'desc', limit })
  return page.items
}

export type LeadCounts = { leads: number; active: number; signedUp: number; won: number }

export const noLeads: LeadCounts = { leads: 0, active: 0, signedUp: 0, won: 0 }

const counted = (counts: LeadCounts, status: LeadStatus | null, count: number): LeadCounts => ({
  leads: counts.leads + (isIn('visible', status) ? count : 0),
  active: counts.active + (isIn('active', status) ? count : 0),
  signedUp: counts.signedUp + (isIn('signedUp', status) ? count : 0),
  won: counts.won + (isIn('won', status) ? count : 0),
})

export const sum = (all: readonly LeadCounts[]): LeadCounts =>
  all.reduce(
    (total, one) => ({
      leads: total.leads + one.leads,
      active: total.active + one.active,
      signedUp: total.signedUp + one.signedUp,
      won: total.won + one.won,
    }),
    noLeads,
  )

/** The counts of each owner that has leads, of all or of some. */
export async function leadsByOwner(store: TenantStore, ownerIds: readonly string[] | null): Promise<Map<string, LeadCounts>> {
  const found = new Map<string, LeadCounts>()
  for (const selection of byOwner(ownerIds)) {
    for (const { values, count } of await store.tally(Contact, selection, ['ownerId', 'leadStatus'])) {
      const [ownerId, status] = values as [string, LeadStatus]
      found.set(ownerId, counted(found.get(ownerId) ?? noLeads, status, count))
    }
  }
  return found
}

/** How many visible leads there are of each status and priority. */
export async function breakdown({
  store,
  reach,
}: Visible): Promise<{ byStatus: Map<string, number>; byPriority: Map<string, number>; counts: LeadCounts }> {
  const byStatus = new Map<string, number>()
  const byPriority = new Map<string, number>()
  let counts = noLeads
  const selections = reach.everyone ? [{ index: 'byStatus', where: { leadStatus: groups.visible } }] : byOwner([...reach.ids])
  for (const selection of selections) {
    for (const { values, count } of await store.tally(Contact, selection, ['leadStatus', 'priority'])) {
      const [status, priority] = values as [LeadStatus, string]
      byStatus.set(status, (byStatus.get(status) ?? 0) + count)
      byPriority.set(priority, (byPriority.get(priority) ?? 0) + count)
      counts = counted(counts, status, count)
    }
  }
  return { byStatus, byPriority, counts }
}

function byOwner(ownerIds: readonly string[] | null): Selection[] {
  if (ownerIds === null) return [{ index: 'byOwnerStatus' }]
  const chunks: Selection[] = []
  for (let from = 0; from < ownerIds.length; from += chunkSize) {
    const ownerId: readonly Value[] = ownerIds.slice(from, from + chunkSize)
    chunks.push({ index: 'byOwnerStatus', where: { ownerId, leadStatus: groups.visible } })
  }
  return chunks
}
