import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addAudit } from './audit.ts'
import { addAws } from './aws.ts'
import { addBackup } from './backup.ts'
import { examplesText } from './command.ts'
import { addDoctor } from './doctor.ts'
import { addDynamodb } from './dynamodb.ts'
import { addImport } from './import.ts'
import { addKeys } from './keys.ts'
import { addLambda } from './lambda.ts'
import { addMove } from './move.ts'
import { addPlatformAdmin } from './platform-admin.ts'
import { addPostgres } from './postgres.ts'
import { addPreserve } from './preserve.ts'
import { addRestore } from './restore.ts'
import { addSeed } from './seed.ts'
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
    // options behind a subcommand are the subcommand's: seed and seed vantagepoint both have --tenant
    .enablePositionalOptions()
    .showHelpAfterError('(--help shows what this command takes)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'holdfast: ')) })
  for (const add of [
    addServe,
    addTenants,
    addUsers,
    addPlatformAdmin,
    addAudit,
    addBackup,
    addRestore,
    addDoctor,
    addKeys,
    addImport,
    addSeed,
    addPreserve,
    addAws,
    addDynamodb,
    addLambda,
    addMove,
    addPostgres,
    addWhy,
  ])
    add(holdfast)
  return holdfast.addHelpText('after', `${examplesText(examples)}\n${exitCodeText}`)
}
