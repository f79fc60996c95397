import { z } from 'zod'
import { Contact } from '../../contact/entity.ts'
import type { Context } from '../../kernel/context.ts'
import { operation } from '../../kernel/operation.ts'
import { User } from '../../user/entity.ts'
import { highestId, type Items, itemsOf } from '../items.ts'
import { onProgress, openSource, sourceInput, sourceProblem } from '../source.ts'
import { createFindings, type ImportReport, importReport } from './findings.ts'
import { createPeople } from './people.ts'
import { planLeads } from './plan-leads.ts'
import { planUsers } from './plan-users.ts'
import { giveNumbers } from './renumber.ts'
import { writeLeads } from './write-leads.ts'
import { type Run, writeUsers } from './write-users.ts'

const input = z.strictObject({
  users: z.strictObject(sourceInput).optional(),
  leads: z.strictObject(sourceInput).optional(),
  /** Writes nothing, and answers what would be. */
  dryRun: z.boolean().optional(),
  /** Leaves out bad rows instead of refusing all. */
  skipInvalid: z.boolean().optional(),
  onProgress,
})
type Input = z.output<typeof input>

/**
 * Brings the users and leads of an old installation over (contracts/vantagepoint.md, section 8). All rows are checked first; with any error nothing is written, unless bad rows are
 * left out. Rows imported before are passed over, so a run that was broken off is finished by running it again.
 * Errors: `import_source`, `import_not_json`, `import_contended`, `forbidden`. Bad rows are no errors of the operation: they stand in `errors` of the report.
 */
export const importVantagepoint = operation({
  name: 'vantagepoint.import',
  summary: 'Import the users and leads of an older installation',
  needs: 'user:import',
  input,
  output: importReport,
  async serial({ store }) {
    return { key: `import ${store.tenantId}`, width: 1 }
  },
  async run(context, given) {
    if (given.users === undefined && given.leads === undefined) throw sourceProblem('Name a file of users, a file of leads, or both.')
    return { output: await importAll(context, given) }
  },
})

async function importAll(context: Context, given: Input): Promise<ImportReport> {
  const dryRun = given.dryRun ?? false
  const findings = createFindings()
  const people = createPeople(context.store, findings)
  const parts = { context, findings, people }
  const items = { users: await itemsIn(context, given.users), leads: await itemsIn(context, given.leads) }
  for (const file of ['users', 'leads'] as const)
    if (items[file].isPartial)
      findings.warning(file, items[file].items.length, 'is the last row, but the file says that more follow: it is not the whole table')
  const users = await planUsers(parts, items.users.items)
  const leads = await planLeads(parts, items.leads.items)
  const isRefused = findings.errors().length > 0 && given.skipInvalid !== true
  const report = {
    dryRun,
    users: { ...users.tally, imported: isRefused ? 0 : users.tally.imported },
    leads: { ...leads.tally, imported: isRefused ? 0 : leads.tally.imported },
  }
  if (isRefused) return { ...report, renumbered: { users: [], leads: [] }, warnings: findings.warnings(), errors: findings.errors() }

  const renumbered = {
    users: await giveNumbers(context, users.planned, { type: User, highest: highestId(items.users.items), dryRun }),
    leads: await giveNumbers(context, leads.planned, { type: Contact, highest: highestId(items.leads.items), dryRun }),
  }
  if (!dryRun) {
    const total = users.planned.length + leads.planned.length
    let done = 0
    const run = (list: Run['renumbered']): Run => ({
      importId,
      renumbered: list,
      findings,
      onWritten(rows) {
        done += rows
        given.onProgress?.(done, total)
      },
    })
    const importId = context.newId()
    await writeUsers(context, users.planned, run(renumbered.users))
    await writeLeads(context, leads.planned, run(renumbered.leads))
  }
  return { ...report, renumbered, warnings: findings.warnings(), errors: findings.errors() }
}

const itemsIn = async (context: Context, source: Input['users']): Promise<Items> =>
  source === undefined ? { items: [], isPartial: false } : itemsOf(openSource(context, source))
