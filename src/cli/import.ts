import type { Command } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { command } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { addImportFsm } from './import-fsm.ts'
import { withProgress } from './progress.ts'
import { table } from './table.ts'
import { existing } from './users-import.ts'

type Tally = { read: number; imported: number; skipped: number; refused: number }
type Finding = { file: string; row: number; message: string }
type Report = {
  dryRun: boolean
  users: Tally
  leads: Tally
  renumbered: { users: { from: number; to: number }[]; leads: { from: number; to: number }[] }
  warnings: Finding[]
  errors: Finding[]
}
type ImportOptions = { users?: string; leads?: string; dryRun?: true; skipInvalid?: true }

const shownRows = 50

export function addImport(program: Command): void {
  const parent = program
    .command('import')
    .summary('Bring data of older systems over')
    .description('Brings the data of older systems over. Users from CSV or NDJSON: users import.')
  addImportFsm(parent)
  const importing = command<ImportOptions>(parent, 'vantagepoint', {
    summary: 'Import the users and leads of an older sales CRM',
    examples: [
      ['holdfast import vantagepoint --users users.json --leads leads.json --dry-run', 'check all rows; nothing is written'],
      [
        'holdfast import vantagepoint --users users.json --leads leads.json',
        'rows imported before are passed over, so it may be run again',
      ],
    ],
    inTenant: true,
  })
  importing.command
    .option('--users <file>', 'users: a JSON array, {"Items": […]}, or one JSON object a line')
    .option('--leads <file>', 'leads, in the same forms')
    .option('--dry-run', 'check every row and write nothing')
    .option('--skip-invalid', 'leave out bad rows; without it any bad row refuses everything')
  importing.does(async ({ options: { users, leads, dryRun, skipInvalid }, run, here }) => {
    if (users === undefined && leads === undefined)
      throw new AppError('invalid', 'usage', 'Name a file with --users, with --leads, or both.')
    const source = (file: string | undefined) => (file === undefined ? undefined : { file: existing(file) })
    const input = { users: source(users), leads: source(leads), dryRun, skipInvalid }
    const report = await withProgress('rows', (events) => run<Report>('vantagepoint.import', here, input, events))
    const isRefused = report.errors.length > 0 && skipInvalid !== true
    return { document: report, words: wordsOf(report, isRefused), exitCode: isRefused ? exitCodes.failed : exitCodes.done }
  })
}

function wordsOf({ dryRun, users, leads, renumbered, warnings, errors }: Report, isRefused: boolean): string {
  const found = [...errors.map((one) => ['error', one] as const), ...warnings.map((one) => ['warning', one] as const)]
  const rows = found.slice(0, shownRows).map(([kind, { file, row, message }]) => [kind, file, row, message])
  const more = found.length > shownRows ? `\n… and ${found.length - shownRows} more; --json shows all.` : ''
  const tallies = Object.entries({ users, leads }).map(([name, { read, imported, skipped, refused }]) => [
    name,
    read,
    imported,
    skipped,
    refused,
  ])
  const moved = renumbered.users.length + renumbered.leads.length
  return [
    ...(found.length === 0 ? [] : [`${table(['', 'file', 'row', 'problem'], rows)}${more}\n`]),
    table(['', 'read', 'imported', 'skipped', 'refused'], tallies),
    ...(moved === 0 ? [] : [`${moved} rows got new numbers, because theirs were taken; --json lists them.`]),
    ...(isRefused ? ['Nothing was written. Mend these rows, or leave them out with --skip-invalid.'] : []),
    ...(dryRun ? ['This was a dry run: nothing was written.'] : []),
  ].join('\n')
}
