import { Contact } from '../../contact/entity.ts'
import type { Context } from '../../kernel/context.ts'
import { breather } from '../flow.ts'
import type { Item } from '../items.ts'
import type { Findings, Tally } from './findings.ts'
import { isCounter, type OldLead, readOldLead } from './old-lead.ts'
import type { People, Person } from './people.ts'

/** A lead that is to be imported. `number` is 0 until it is given. */
export type PlannedLead = { old: OldLead; id: string; number: number; owner: Person | null; closer: Person | null }

type Parts = { context: Context; findings: Findings; people: People }

/** Checks all leads and plans those that are new. */
export async function planLeads(
  { context, findings, people }: Parts,
  items: readonly Item[],
): Promise<{ planned: PlannedLead[]; tally: Tally }> {
  const given = items.filter((item) => !isCounter(item))
  const rowOf = new Map<string, number>()
  const planned: PlannedLead[] = []
  let refused = 0
  const refuse = (row: number, message: string): void => {
    refused += 1
    findings.error('leads', row, message)
  }
  const breathe = breather()
  for (const item of given) {
    await breathe()
    const lead = readOldLead(item, context.now)
    if ('problem' in lead) {
      refuse(lead.row, lead.problem)
      continue
    }
    const { row, id } = lead
    if (id === null) lead.legacyId = distinct(lead.legacyId, rowOf)
    const twin = rowOf.get(lead.legacyId)
    if (twin !== undefined) {
      refuse(row, `id is also that of row ${twin}`)
      continue
    }
    rowOf.set(lead.legacyId, row)
    if ((await context.store.find(Contact, 'legacy', [lead.legacyId])) !== null) continue
    if (lead.warning !== null) findings.warning('leads', row, lead.warning)
    const owner = await people.resolve(lead.owner, { file: 'leads', row, name: 'assigned_user_id' })
    const closer = await people.resolve(lead.closedBy, { file: 'leads', row, name: 'closed_by_user_id' })
    planned.push({ old: lead, id: context.newId(), number: 0, owner, closer })
  }
  const skipped = given.length - refused - planned.length
  return { planned, tally: { read: given.length, imported: planned.length, skipped, refused } }
}

/** Leads that say the same, word for word, and have no ids, are told apart by their order. */
function distinct(legacyId: string, taken: ReadonlyMap<string, number>): string {
  for (let copy = 1; ; copy++) {
    const name = copy === 1 ? legacyId : `${legacyId}:${copy}`
    if (!taken.has(name)) return name
  }
}
