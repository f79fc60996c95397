import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { EntriesReport, EntryResult } from '../import/fsm/import.ts'
import { AppError } from '../kernel/errors.ts'
import { command } from './command.ts'
import { exitCodes } from './exit-codes.ts'

type Entry = { key: string; value?: unknown }

/** As much as travels at once: a request through the socket takes twice this. */
const batchBytes = 8 * 1024 * 1024

export function addImportFsm(parent: Command): void {
  const importing = command<{ dryRun?: true }>(parent, 'fsm-localstorage <file>', {
    summary: 'Import tenants that an appointment manager kept in a browser',
    examples: [
      ['holdfast import fsm-localstorage storage.json --dry-run', 'what would become of every key; nothing is written'],
      ['holdfast import fsm-localstorage storage.json', 'tenants that are there are passed over, so it may be run again'],
    ],
  })
  importing.command.option('--dry-run', 'check every entry and write nothing')
  importing.command.addHelpText(
    'after',
    '\nThe file is what JSON.stringify(localStorage) gives, a list of {key, value}, or {"entries": that list}.\nExit code: 0 when nothing is in conflict or invalid, else 1; 2 for a file that cannot be read.',
  )
  importing.does(async ({ args, options: { dryRun = false }, run }) => {
    const entries = entriesIn(resolve(args[0] ?? ''))
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
  })
}

const unreadable = (path: string, why: string, cause?: unknown) =>
  new AppError('unprocessable', 'import_file', `${path} cannot be imported: ${why}.`, { cause })

/** Errors: `import_file`, for a file that cannot be read or has none of the forms. */
function entriesIn(path: string): Entry[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw unreadable(path, `it cannot be read (${(error as NodeJS.ErrnoException).code})`, error)
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''))
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
