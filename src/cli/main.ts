import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { addAudit } from './audit.ts'
import { examplesText, printError, say } from './command.ts'
import { shownError } from './control-wire.ts'
import { addDoctor } from './doctor.ts'
import { exitCodes } from './exit-codes.ts'
import { addKeys } from './keys.ts'
import { addPlatformAdmin } from './platform-admin.ts'
import { addServe } from './serve-command.ts'
import { addTenants } from './tenants.ts'
import { addUsers } from './users.ts'
import { addWhy } from './why.ts'

const version = (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version

const exitCodeText = `
Exit codes: 0 done · 1 failed · 2 wrong usage · 3 damage found · 4 not found · 5 refused ·
  6 wrong or missing key · 7 data folder in use · 8 no space or target unreachable`

const examples = [
  ['holdfast serve', 'run the server; the first start prints the password of the first owner'],
  ['holdfast users create --username ada --role admin --password-stdin', 'read the password from one line of standard input'],
  ['holdfast tenants list --json', 'every tenant, for programs'],
] as const

export function program(): Command {
  const holdfast = new Command('holdfast')
    .description(
      'Accounts and records that are never lost. Settings are environment variables (HOLDFAST_DATA, HOLDFAST_PORT …), the same for all commands.',
    )
    .version(version, '--version')
    .exitOverride()
    .showHelpAfterError('(--help shows what this command takes)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'holdfast: ')) })
  for (const add of [addServe, addTenants, addUsers, addPlatformAdmin, addAudit, addDoctor, addKeys, addWhy]) add(holdfast)
  return holdfast.addHelpText('after', `${examplesText(examples)}\n${exitCodeText}`)
}

async function main(args: readonly string[]): Promise<number> {
  const isJson = args.includes('--json')
  try {
    await program().parseAsync(args, { from: 'user' })
    return Number(process.exitCode ?? exitCodes.done)
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      if (!(error instanceof AppError) && error instanceof Error) say(error.stack ?? '')
      return printError(shownError(error), isJson)
    }
    // help that was asked for is an answer; help for want of a command is wrong usage
    if (error.exitCode === 0) return exitCodes.done
    if (isJson) process.stdout.write(`${JSON.stringify({ error: 'usage', message: error.message.replace(/^error: /, '') })}\n`)
    return exitCodes.usage
  }
}

// a reader that went away, as in `holdfast users list | head`, is no failure
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? exitCodes.done : exitCodes.failed))

const exitCode = await main(process.argv.slice(2))
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)))
