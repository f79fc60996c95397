import { z } from 'zod'
import type { Context } from '../../kernel/context.ts'
import { AppError } from '../../kernel/errors.ts'
import { metaOf } from '../../kernel/meta.ts'
import { operation } from '../../kernel/operation.ts'
import { sideBySide } from '../../kernel/side-by-side.ts'
import { Conflict } from '../../storage/port.ts'
import { type Company, planCompany } from '../../tenant/create-company.ts'
import { secretPlace, Tenant, type TenantRow } from '../../tenant/entity.ts'
import { historyOf } from '../../tenant/history.ts'
import { resolveTenant } from '../../tenant/resolve.ts'
import { type Entry, isTenantKey, type Kept, readEntry } from './entry.ts'

const outcomes = ['created', 'skipped', 'conflict', 'invalid', 'ignored'] as const
const result = z.object({
  key: z.string(),
  outcome: z.enum(outcomes),
  tenantId: z.string().optional(),
  code: z.enum(['BAD_JSON', 'KEY_MISMATCH', 'UNKNOWN_CONTEXT', 'MISSING_FIELDS', 'BAD_VALUE', 'DIFFERENT']).optional(),
  message: z.string().optional(),
})
export type EntryResult = z.output<typeof result>

/** Tenants made at once: their commits share what a commit waits for. */
const atOnce = 32

export const entriesReport = z.object({
  dryRun: z.boolean(),
  results: z.array(result),
  totals: z.object({ created: z.int(), skipped: z.int(), conflict: z.int(), invalid: z.int(), ignored: z.int() }),
})
export type EntriesReport = z.output<typeof entriesReport>

/**
 * Takes tenants over from a browser's storage (contracts/fsm.md, section 6). Each entry is a commit of its own in its tenant's log, so a run that was broken off is finished by running it again.
 * A dry run says the same and writes nothing. Errors: `import_entries`. Bad entries are no errors of the operation: they stand in the result.
 */
export const importCompanies = operation({
  name: 'company.import',
  summary: 'Import tenants from a browser’s storage',
  needs: 'tenant:import',
  input: z.strictObject({ entries: z.unknown(), dryRun: z.boolean().optional() }),
  output: entriesReport,
  async run(context, { entries, dryRun = false }) {
    const checked = entriesOf(entries)
    const results: EntryResult[] = []
    /** What this very run made, or would have made: the same key may come twice. */
    const made = new Map<string, Kept>()
    // entries of one key in their order, those of others beside them
    const groups = Map.groupBy(checked.entries(), ([, { key }]) => key).values()
    await sideBySide(groups, atOnce, async (group) => {
      for (const [at, entry] of group) results[at] = { key: entry.key, ...(await takeOver(context, entry, { dryRun, made })) }
    })
    return { output: { dryRun, results, totals: totalsOf(results) } }
  },
})

const totalsOf = (results: readonly EntryResult[]): EntriesReport['totals'] =>
  Object.fromEntries(
    outcomes.map((outcome) => [outcome, results.filter((one) => one.outcome === outcome).length]),
  ) as EntriesReport['totals']

/** A call that is no import at all. */
export const notImportable = (message: string) => new AppError('invalid', 'import_entries', message)

/** Errors: `import_entries` for what is no list of entries with a text key each. */
function entriesOf(entries: unknown): Entry[] {
  if (!Array.isArray(entries)) throw notImportable('entries must be a list of {key, value}.')
  const bad = entries.findIndex((entry) => typeof (entry as Entry | null)?.key !== 'string')
  if (bad !== -1) throw notImportable(`entries[${bad}] has no key that is a text. Nothing was imported.`)
  return entries as Entry[]
}

type Run = { dryRun: boolean; made: Map<string, Kept> }

async function takeOver(context: Context, entry: Entry, { dryRun, made }: Run): Promise<Omit<EntryResult, 'key'>> {
  if (!isTenantKey(entry.key)) return { outcome: 'ignored' }
  const kept = readEntry(entry)
  if ('outcome' in kept) return kept
  const planned = made.get(kept.key)
  if (planned !== undefined) return comparison(kept, planned)
  for (;;) {
    const there = await resolveTenant(context, kept.key)
    if (there !== null) return comparison(kept, opened(context, there))
    try {
      if (!dryRun) await commit(context, kept)
      made.set(kept.key, kept)
      return { outcome: 'created', tenantId: kept.key }
    } catch (error) {
      // someone else made it just now
      if (!(error instanceof Conflict)) throw error
    }
  }
}

async function commit(context: Context, { company, createdAt }: Kept): Promise<void> {
  const id = context.newId()
  const { row, changes } = planCompany({ ...context, now: createdAt }, id, company)
  Object.assign(row, { updatedAt: context.now })
  const meta = metaOf(context, 'tenant.import', { entity: { type: Tenant.name, id }, detail: historyOf(null, row) })
  await context.runtime.storage.tenant(id).commit(changes, meta)
}

type Comparable = { company: { [field in keyof Company]: unknown }; createdAt: string }

/** A tenant that is there, as an entry would hold it. */
function opened({ services }: Context, row: TenantRow): Comparable {
  const secret = row.clientSecret === null ? null : services.sealer.open(row.clientSecret, secretPlace(row.id))
  return { company: { ...row, clientSecret: secret }, createdAt: row.createdAt }
}

function comparison(kept: Kept, there: Comparable): Omit<EntryResult, 'key'> {
  const fields = Object.keys(kept.company) as (keyof Company)[]
  const different: string[] = fields.filter((field) => kept.company[field] !== there.company[field])
  if (kept.createdAt !== there.createdAt) different.push('createdAt')
  if (different.length === 0) return { outcome: 'skipped', tenantId: kept.key }
  return {
    outcome: 'conflict',
    tenantId: kept.key,
    code: 'DIFFERENT',
    message: `The tenant exists with another ${different.join(', ')}. It was not changed.`,
  }
}
