import { resolve } from 'node:path'
import type { Command } from 'commander'
import { AppError } from '../kernel/errors.ts'
import type { Report } from '../preserve/report.ts'
import { command } from './command.ts'
import { exitCodes } from './exit-codes.ts'

type Options = { action: string; file?: string; format: string; includeDeleted?: true; force?: true }

const actions = ['ensure', 'backup', 'restore', 'list']
const formats = ['legacy', 'full']

const usage = (message: string) => new AppError('invalid', 'usage', message)

function oneOf(option: string, given: string, allowed: readonly string[]): string {
  if (allowed.includes(given)) return given
  throw usage(`${option} is ${JSON.stringify(given)}, but must be one of ${allowed.join(', ')}.`)
}

/** Keeps the people of a workforce in files beside the database (contracts/satshine.md, section 6). */
export function addPreserve(program: Command): void {
  const { command: made, does } = command<Options>(program, 'preserve', {
    summary: 'Keep the employees of a workforce in files, and bring back whoever is missing',
    examples: [
      ['holdfast preserve', 'ensure: restore whoever is missing, then back up'],
      ['holdfast preserve --action=backup --file users.json', 'write everyone to a file; older generations stay beside it'],
      ['holdfast preserve --action=restore --file users.json', 'create whoever of the file is not there'],
    ],
    inTenant: true,
    waits: true,
  })
  made
    .option('--action <action>', 'ensure, backup, restore or list', 'ensure')
    .option(
      '--file <path>',
      'the backup file (default: HOLDFAST_PERSISTENT_FILE for the first tenant, else a sealed one in the data folder)',
    )
    .option('--format <form>', 'legacy or full: what is written to a file that is named', 'legacy')
    .option('--include-deleted', 'revive employees who were deleted on purpose')
    .option('--force', 'back up although people of the newest backup are missing; take a file that was changed outside')
    .addHelpText(
      'after',
      '\nExit code: 0 done · 1 failed, refused, or a record in conflict or invalid · 2 wrong usage · 3 nothing valid to restore · 4 no such tenant',
    )
  does(async ({ options, run, here, say, config, isJson }) => {
    const action = oneOf('--action', options.action, actions)
    const format = oneOf('--format', options.format, formats)
    if (options.file === '') throw usage('--file is empty.')
    const { lines, ...document } = await run<Report>('preserve.run', here, {
      action,
      format,
      // the caller's folder is not the server's
      file: options.file === undefined ? null : resolve(options.file),
      settingsFile: config.preserve.file,
      includeDeleted: options.includeDeleted === true,
      force: options.force === true,
    })
    const words = lines.filter(({ isError }) => !isError).map(({ text }) => text)
    for (const { text, isError } of lines) if (isJson || isError) say(text)
    return { document, words: [...words, ...passwordLines(document)].join('\n'), exitCode: exitCodeOf(document) }
  })
}

const passwordLines = ({ defaults }: Pick<Report, 'defaults'>): string[] =>
  defaults.length === 0
    ? []
    : [
        ...defaults.map(({ employeeId, password }) => `  ${employeeId}  ${password}`),
        'The passwords are shown only now, and must be changed at the first sign-in.',
      ]

const exitCodeOf = ({ exitCode }: Pick<Report, 'exitCode'>) =>
  exitCode === 0 ? exitCodes.done : exitCode === 1 ? exitCodes.failed : exitCodes.damage
