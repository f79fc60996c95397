import type { Command } from 'commander'
import { setUpPostgres } from '../deploy/postgres-setup.ts'
import { AppError } from '../kernel/errors.ts'
import { command } from './command.ts'
import { readSecretLine } from './secrets.ts'
import { facts } from './table.ts'

type Options = { adminUrl?: string; adminUrlStdin?: true; database: string; newPassword?: true }

const usage = (message: string) => new AppError('invalid', 'usage', message)

export function addPostgres(program: Command): void {
  const postgres = program.command('postgres').summary('PostgreSQL as the storage').description('PostgreSQL as the storage.')
  const setup = command<Options>(postgres, 'setup', {
    summary: 'Create roles, database and tables, or bring them to this version',
    examples: [
      ['holdfast postgres setup --admin-url-stdin < admin-url', 'the first time, and again after each update'],
      ['holdfast postgres setup --admin-url postgres://postgres@localhost/postgres --json', 'what was made, for programs'],
    ],
  })
  setup.command
    .option('--admin-url <url>', 'of a user who may create roles and databases: postgres://user:password@host/postgres')
    .option('--admin-url-stdin', 'read that URL from the first line of standard input')
    .option('--database <name>', 'the database to make', 'holdfast')
    .option('--new-password', 'give the role that serves a new password, though it has one')
  setup.doesAlone(async ({ options, config, say }) => {
    const { database, newPassword = false } = options
    if (!/^[a-z_][a-z0-9_]{0,49}$/.test(database)) throw usage('--database takes up to 50 small letters, digits and underscores.')
    const made = await setUpPostgres(await adminUrlOf(options, say), {
      database,
      newPassword,
      storage: config.storage.engine === 'postgres' ? config.storage.url : null,
    })
    const { owner, login, roles, migrated, storage } = made
    const words = facts({
      database,
      owner,
      'signs in as': login,
      'serves as': roles.app,
      changed: migrated.length === 0 ? 'nothing' : `${migrated.length} steps`,
    })
    const next =
      storage === null
        ? `The password of ${login} is as it was, or the one that HOLDFAST_STORAGE names. A new one: --new-password`
        : `Start the server with this setting; its password is shown only now:\nHOLDFAST_STORAGE=${storage}`
    return { document: made, words: `${words}\n${next}` }
  })
}

async function adminUrlOf({ adminUrl, adminUrlStdin }: Options, say: (words: string) => void): Promise<string> {
  if ((adminUrl === undefined) === (adminUrlStdin !== true)) throw usage('Give --admin-url or --admin-url-stdin, one of them.')
  const url = adminUrl ?? (await readSecretLine(say, 'URL'))
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || !/^postgres(ql)?:$/.test(parsed.protocol))
    throw usage('The admin URL is not of the form postgres://user:password@host/postgres.')
  if (adminUrl !== undefined && parsed.password !== '')
    say(
      'Warning: a password on the command line is visible to others on this machine and stays in the shell history. --admin-url-stdin avoids both.',
    )
  return url
}
