import { z } from 'zod'
import { isWithin } from '../access/scope.ts'
import type { Context } from '../kernel/context.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import type { TenantStore } from '../storage/port.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { Contact, type ContactRow } from './entity.ts'

/** A lead with the numbers of the users it names, for clients that know users by number. */
export const leadView = Contact.public.extend({ ownerNumber: z.int().nullable(), closedByNumber: z.int().nullable() })
/** The same in lists, taken as the store gave it: checking fifty thousand leads takes longer than reading them. Who shows them picks the fields. */
export const listedLead = z.custom<LeadView>()
export type LeadView = ContactRow & { ownerNumber: number | null; closedByNumber: number | null }

const readAtOnce = 100

/** Users by id, in few round trips. */
export async function usersById(store: TenantStore, ids: Iterable<string | null>): Promise<Map<string, UserRow>> {
  const wanted = [...new Set([...ids].filter((id) => id !== null))]
  const found = new Map<string, UserRow>()
  for (let from = 0; from < wanted.length; from += readAtOnce) {
    const rows = (await store.read(wanted.slice(from, from + readAtOnce).map((id) => ({ type: User, id })))) as (UserRow | null)[]
    for (const row of rows) if (row !== null) found.set(row.id, row)
  }
  return found
}

export async function viewsOf(store: TenantStore, rows: readonly ContactRow[]): Promise<LeadView[]> {
  const users = await usersById(
    store,
    rows.flatMap((row) => [row.ownerId, row.closedById]),
  )
  const numberOf = (id: string | null): number | null => (id === null ? null : (users.get(id)?.number ?? null))
  return rows.map((row) => ({ ...row, ownerNumber: numberOf(row.ownerId), closedByNumber: numberOf(row.closedById) }))
}

export async function viewOf(store: TenantStore, row: ContactRow): Promise<LeadView> {
  const [view] = await viewsOf(store, [row])
  return view as LeadView
}

/** The lead with this number, hidden ones too. `null` is a number that cannot exist. Errors: `not_found`, alike for foreign ones and for contacts that are no leads. */
export async function findLead({ store }: Context, number: number | null): Promise<ContactRow> {
  const lead = number === null ? null : await store.find(Contact, 'number', [number])
  if (lead === null || lead.leadStatus === null) throw notFound()
  return lead
}

/** Errors: `lead_not_own`, `lead_not_in_team`. An unassigned lead is within the reach of the whole tenant only. */
export async function assertReach(context: Context, lead: ContactRow): Promise<void> {
  if (context.scope === 'tenant' || (lead.ownerId !== null && (await isWithin(context, lead.ownerId)))) return
  if (context.scope === 'own') throw new AppError('forbidden', 'lead_not_own', 'This lead is not yours.')
  throw new AppError('forbidden', 'lead_not_in_team', 'This lead is not one of your team.')
}
