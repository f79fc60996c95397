import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { tenantPrefix } from '../import/fsm/entry.ts'
import type { EntriesReport, EntryResult } from '../import/fsm/import.ts'
import { itemsOf } from '../import/items.ts'
import { AppError } from '../kernel/errors.ts'
import { type Answer, type Call, command } from './command.ts'
import { exitCodes } from './exit-codes.ts'

type Entry = { key: string; value?: unknown }

/** As much as travels at once: a request through the socket takes twice this. */
const batchBytes = 8 * 1024 * 1024

export function addImportFsm(parent: Command): void {
  const fromBrowser = command<{ dryRun?: true }>(parent, 'fsm-localstorage <file>', {
    summary: 'Import tenants that an appointment manager kept in a browser',
    examples: [
      ['holdfast import fsm-localstorage storage.json --dry-run', 'what would become of every key; nothing is written'],
      ['holdfast import fsm-localstorage storage.json', 'tenants that are there are passed over, so it may be run again'],
    ],
  })
  fromBrowser.command.option('--dry-run', 'check every entry and write nothing')
  fromBrowser.command.addHelpText(
    'after',
    `\nThe file is what JSON.stringify(localStorage) gives, a list of {key, value}, or {"entries": that list}.\n${exitCodeHelp}`,
  )
  fromBrowser.does(({ args, options, run }) => imported(entriesIn(resolve(args[0] ?? '')), options, run))

  const fromTable = command<{ dryRun?: true }>(parent, 'fsm-table <file>', {
    summary: 'Import tenants that an appointment manager kept in a DynamoDB table',
    examples: [
      ['holdfast import fsm-table tenants.json --dry-run', 'what would become of every item; nothing is written'],
      ['holdfast import fsm-table tenants.json', 'tenants that are there are passed over, so it may be run again'],
    ],
  })
  fromTable.command.option('--dry-run', 'check every item and write nothing')
  fromTable.command.addHelpText(
    'after',
    `\nThe file is what "aws dynamodb scan" prints, a list of items, or one item a line, as an export to S3 has them.\n${exitCodeHelp}`,
  )
  fromTable.does(async ({ args, options, run }) => imported(await tenantItemsIn(resolve(args[0] ?? '')), options, run))
}

const exitCodeHelp = 'Exit code: 0 when nothing is in conflict or invalid, else 1; 2 for a file that cannot be read.'

/** Brings entries in, many at once, and tells what became of each, in their order. */
async function imported(entries: readonly Entry[], { dryRun = false }: { dryRun?: boolean }, run: Call<unknown>['run']): Promise<Answer> {
  const results: EntryResult[] = []
  for (const batch of batchesOf(entries)) {
    const part = await run<EntriesReport>('company.import', 'platform', { entries: batch.map(({ entry }) => entry), dryRun })
    for (const [at, result] of part.results.entries()) results[batch[at]?.index ?? 0] = result
  }
  const totals = totalsOf(results)
  const isClean = totals.conflict === 0 && totals.invalid === 0
  return {
    document: { dryRun, results, totals },
    words: wordsOf({ dryRun, results, totals }),
    exitCode: isClean ? exitCodes.done : exitCodes.failed,
  }
}

const unreadable = (path: string, why: string, cause?: unknown) =>
  new AppError('unprocessable', 'import_file', `${path} cannot be imported: ${why}.`, { cause })

/** Errors: `import_file`. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    throw unreadable(path, `it cannot be read (${(error as NodeJS.ErrnoException).code})`, error)
  }
}

/**
 * Each item as the entry that a browser would have kept of it: under the key that the table has it by. What is no item is an entry of no tenant, named by its place. Errors: `import_file`, also for one page of
 * several, because who is on the others would be missing.
 */
async function tenantItemsIn(path: string): Promise<Entry[]> {
  const text = textOf(path)
  const pieces = async function* () {
    yield text
  }
  const { items, isPartial } = await itemsOf({ file: path, pieces }).catch((error: unknown) => {
    throw error instanceof AppError
      ? unreadable(path, 'it is neither a document {"Items": […]}, a list, nor one item a line', error)
      : error
  })
  if (isPartial) throw unreadable(path, 'it is one page of several, as its LastEvaluatedKey says; export the whole table')
  return items.map((item): Entry => {
    if ('problem' in item) return { key: `${tenantPrefix}(item ${item.row})`, value: null }
    const { tenantId, accountId, companyId } = item.value
    return { key: `${tenantPrefix}${typeof tenantId === 'string' ? tenantId : `${accountId}_${companyId}`}`, value: item.value }
  })
}

/** Errors: `import_file`, for a file that cannot be read or has none of the forms. */
function entriesIn(path: string): Entry[] {
  const text = textOf(path)
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // the parser's words may hold a piece of the file
    throw unreadable(path, 'it is no JSON')
  }
  const list = listIn(parsed)
  if (list === null) throw unreadable(path, 'it is neither an object nor a list of {key, value}')
  const bad = list.findIndex((entry) => typeof (entry as Entry | null)?.key !== 'string')
  if (bad !== -1) throw unreadable(path, `entry ${bad + 1} has no key that is a text`)
  return list as Entry[]
}

function listIn(parsed: unknown): unknown[] | null {
  if (Array.isArray(parsed)) return parsed
  if (typeof parsed !== 'object' || parsed === null) return null
  const { entries } = parsed as { entries?: unknown }
  return Array.isArray(entries) ? entries : Object.entries(parsed).map(([key, value]) => ({ key, value }))
}

type Placed = { index: number; entry: Entry }

/** Entries of one key stay together, so that each sees what became of those before it, in a dry run too. */
function batchesOf(entries: readonly Entry[]): Placed[][] {
  const byKey = Map.groupBy(
    entries.map((entry, index): Placed => ({ index, entry })),
    ({ entry }) => entry.key,
  )
  const batches: Placed[][] = [[]]
  let bytes = 0
  for (const group of byKey.values()) {
    const size = Buffer.byteLength(JSON.stringify(group))
    if (bytes + size > batchBytes) batches.push([])
    bytes = bytes + size > batchBytes ? size : bytes + size
    batches.at(-1)?.push(...group)
  }
  return batches
}

function totalsOf(results: readonly EntryResult[]): EntriesReport['totals'] {
  const totals = { created: 0, skipped: 0, conflict: 0, invalid: 0, ignored: 0 }
  for (const { outcome } of results) totals[outcome] += 1
  return totals
}

function wordsOf({ dryRun, results, totals }: EntriesReport): string {
  const lines = results.map(({ key, outcome, code, message }) =>
    [outcome.padEnd(8), printable(key), ...(code === undefined ? [] : [`(${code}) ${message}`])].join('  '),
  )
  const counts = Object.entries(totals).map(([outcome, count]) => `${count} ${outcome}`)
  return [...lines, `${counts.join(', ')}.${dryRun ? ' A dry run: nothing was written.' : ''}`].join('\n')
}

/** A key is whatever a browser kept: it moves no cursor here. */
const printable = (key: string): string => (/^[\x21-\x7e]+$/.test(key) ? key : JSON.stringify(key))
