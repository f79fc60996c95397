import { z } from 'zod'
import { planOwners } from '../assignment/own.ts'
import { insert } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import type { UserRow } from '../user/plan.ts'
import { pinned, readOwner } from './assignee.ts'
import { Contact } from './entity.ts'
import { type LeadFields, leadInput, readLead } from './lead-input.ts'
import { assertCreator, newLead } from './write-leads.ts'

export const mostInBulk = 1_000

type Row = { fields: LeadFields; owner: UserRow | null }

/** Makes many leads or none: every row is checked before anything is written. Unassigned unless a row names someone. */
export const createLeads = operation({
  name: 'lead.create-many',
  summary: 'Create many leads',
  needs: 'contact:import',
  input: z.object({ leads: z.unknown() }).partial(),
  output: z.object({ numbers: z.array(z.int()) }),
  async run(context, { leads }) {
    if (!Array.isArray(leads) || leads.length === 0) throw new AppError('unprocessable', 'leads_expected', 'Send a list of leads.')
    if (leads.length > mostInBulk) throw new AppError('unprocessable', 'too_many_leads', `Send at most ${mostInBulk} leads at once.`)
    const rows: Row[] = []
    for (const [at, lead] of leads.entries()) rows.push(await readRow(context, lead, at + 1))
    const first = await context.store.next(Contact.name, rows.length)
    const made = rows.map(({ fields, owner }, at) => newLead(context, fields, owner, first + at))
    const owned = await planOwners(
      context,
      made.map((contact) => ({ contact, from: null, isFirst: true as const })),
    )
    const changes = [...made.map((lead) => insert(Contact, lead)), ...pinned(rows.map((row) => row.owner)), ...owned]
    return { output: { numbers: made.map((lead) => lead.number) }, changes, detail: { leads: made.length } }
  },
})

/** A row's refusal names its place, from 1; whatever it was, the batch as a whole is what is invalid. */
async function readRow(context: Context, lead: unknown, place: number): Promise<Row> {
  try {
    const input = leadInput.safeParse(lead)
    if (!input.success) throw new AppError('unprocessable', 'lead_expected', 'This is not a lead.')
    assertCreator(context, input.data.createdBy)
    return { fields: readLead(input.data, null), owner: (await readOwner(context, input.data.owner, null)) ?? null }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    if (error.kind !== 'unprocessable' && error.kind !== 'forbidden') throw error
    const errors = (error.errors ?? [{ field: '', message: error.message }]).map(({ field, message }) => ({
      field: field === '' ? `leads.${place}` : `leads.${place}.${field}`,
      message,
    }))
    throw new AppError('unprocessable', error.code, `Lead ${place}: ${error.message}`, { errors, cause: error })
  }
}
