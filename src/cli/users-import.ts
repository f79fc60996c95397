import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { command } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { withProgress } from './progress.ts'
import { table } from './table.ts'

type Refused = { row: number; line: number; field: string; message: string }
type Report = {
  dryRun: boolean
  rows: number
  created: number
  existing: number
  refused: Refused[]
  ignored: string[]
  outcomeFile: string | null
}
type ImportOptions = { wrap?: true; dryRun?: true; outcomes?: true }

/** More rows than people read: the document has them all. */
const shownRows = 50

export function addImport(users: Command): void {
  const importing = command<ImportOptions>(users, 'import <file>', {
    summary: 'Import users from a CSV or NDJSON file',
    examples: [
      ['holdfast users import people.csv --dry-run', 'what would become of every row; nothing is written'],
      [
        'holdfast users import people.csv --wrap --outcomes',
        'weak hashes go under argon2id; every row is noted in people.csv.outcomes.ndjson',
      ],
    ],
    inTenant: true,
  })
  importing.command
    .option('--wrap', 'put weak password hashes under argon2id at once')
    .option('--dry-run', 'check every row and write no user')
    .option('--outcomes', 'write what became of every row to FILE.outcomes.ndjson')
  importing.does(async ({ args, options, run, here }) => {
    const { wrap, dryRun, outcomes } = options
    const input = { file: existing(args[0]), wrap, dryRun, outcomes }
    const report = await withProgress('rows', (events) => run<Report>('user.import', here, input, events))
    return { document: report, words: wordsOf(report), exitCode: report.refused.length > 0 ? exitCodes.refused : exitCodes.done }
  })
}

/** The absolute path of a file that is there: the server's working directory is another. Errors: `file_not_found`. */
export function existing(file: string | undefined): string {
  const path = resolve(file ?? '')
  if (existsSync(path)) return path
  throw new AppError('not_found', 'file_not_found', `There is no file ${path}.`)
}

function wordsOf({ dryRun, rows, created, existing: there, refused, ignored, outcomeFile }: Report): string {
  const lines = refused.slice(0, shownRows).map(({ row, line, field, message }) => [row, line, field, message])
  const more = refused.length > shownRows ? `\n… and ${refused.length - shownRows} more; --json or --outcomes shows all.` : ''
  return [
    ...(refused.length === 0 ? [] : [`${table(['row', 'line', 'field', 'problem'], lines)}${more}\n`]),
    ...(ignored.length === 0 ? [] : [`Not read, because they mean nothing here: ${ignored.join(', ')}.`]),
    `${rows} rows: ${created} ${dryRun ? 'would be created' : 'created'}, ${there} there already, ${refused.length} refused.`,
    ...(outcomeFile === null ? [] : [`Every row is in ${outcomeFile}.`]),
  ].join('\n')
}
