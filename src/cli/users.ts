import type { Command } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { type Answer, command } from './command.ts'
import type { Run } from './connection.ts'
import type { Place } from './control-wire.ts'
import { givenPassword, type PasswordOptions, randomPassword } from './secrets.ts'
import { facts, table } from './table.ts'
import { addImport } from './users-import.ts'

export type User = {
  id: string
  number: number
  username: string
  email: string | null
  fullName: string | null
  role: string
  managerId: string | null
  isActive: boolean
}

type CreateOptions = PasswordOptions & { username: string; email?: string; fullName?: string; role?: string; manager?: string }

export function addUsers(program: Command): void {
  const users = program.command('users').summary('People who sign in').description('People who sign in to a tenant.')
  addCreate(users)
  addList(users)
  command<object>(users, 'show <id|username>', {
    summary: 'Show one user',
    examples: [['holdfast users show ada', 'with how the password is stored: argon2id, argon2id(sha256) … or none']],
    inTenant: true,
    reads: true,
  }).does(async ({ args, run, here }) => {
    const user = await findUser(run, here, args[0])
    return { document: user, words: userWords(user, { password: user.passwordScheme }) }
  })
  addPassword(users)
  addErase(users)
  addImport(users)
}

type Certificate = { userId: string; state: 'pending' | 'done'; rows: Record<string, number>; entries: number; completedAt: string | null }

function addErase(users: Command): void {
  const erase = command<{ yes?: true; reference?: string }>(users, 'erase <id|username>', {
    summary: 'Erase a deactivated person for ever',
    examples: [
      [
        'holdfast users erase ada --yes --reference "request 2026-17"',
        'rows, log and later restores forget the person; prints the certificate',
      ],
    ],
    inTenant: true,
  })
  erase.command
    .option('--yes', 'really: it cannot be undone')
    .option('--reference <text>', 'why, for the certificate: the number of a request, never a name')
  erase.does(async ({ args, options, run, here }) => {
    const user = await findUser(run, here, args[0])
    if (options.yes !== true)
      throw new AppError('conflict', 'needs_yes', `${user.username} would be erased for ever, and no restore brings that back. Say --yes.`)
    await run('user.erase', here, { id: user.id, username: user.username, reference: options.reference ?? null })
    for (;;) {
      const certificate = await run<Certificate>('user.erasure', here, { id: user.id })
      if (certificate.state === 'done')
        return {
          document: certificate,
          words: `erased: ${certificate.entries} entries of the log, ${JSON.stringify(certificate.rows)} rows`,
        }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })
}

function addCreate(users: Command): void {
  const create = command<CreateOptions>(users, 'create', {
    summary: 'Make a user',
    examples: [
      ['holdfast users create --username ada --role admin --password-stdin', 'the password is the first line of standard input'],
      ['holdfast users create --username bob --manager ada', 'invited: exists, and cannot sign in until a password is set'],
    ],
    inTenant: true,
  })
  create.command
    .requiredOption('--username <name>', 'how the user signs in')
    .option('--email <address>', 'e-mail address')
    .option('--full-name <name>', 'the name that people read')
    .option('--role <role>', 'owner, admin, supervisor, manager, member or auditor', 'member')
    .option('--manager <id|username>', 'whom the user reports to')
  withPassword(create.command)
  create.does(async ({ options, run, here, say }) => {
    const { username, email, fullName, role, manager } = options
    const managerId = manager === undefined ? null : (await findUser(run, here, manager)).id
    const password = await givenPassword(options, say)
    const user = await run<User>('user.create', here, { username, email, fullName, role, managerId, password })
    return { document: user, words: userWords(user) }
  })
}

function addList(users: Command): void {
  const list = command<{ q?: string; role?: string }>(users, 'list', {
    summary: 'List the users of a tenant',
    examples: [
      ['holdfast users list --role admin', 'active and inactive ones'],
      ['holdfast users list --q smith --tenant acme', 'part of a username, name or e-mail address'],
    ],
    inTenant: true,
    reads: true,
  })
  list.command.option('--q <text>', 'part of username, full name or e-mail address').option('--role <role>', 'only this role')
  list.does(async ({ options, run, here }) => {
    const { q, role } = options
    const items: User[] = []
    for (let cursor: string | undefined; ; ) {
      const page: { items: User[]; nextCursor: string | null } = await run('user.list', here, { q, role, cursor, limit: 200 })
      items.push(...page.items)
      if (page.nextCursor === null) break
      cursor = page.nextCursor
    }
    const rows = items.map(({ number, username, fullName, email, role: has, isActive, id }) => [
      number,
      username,
      fullName,
      email,
      has,
      isActive,
      id,
    ])
    return { document: { items }, words: table(['number', 'username', 'name', 'e-mail', 'role', 'active', 'id'], rows) }
  })
}

function addPassword(users: Command): void {
  const change = command<PasswordOptions>(users, 'password <id|username>', {
    summary: 'Set a password',
    examples: [
      ['holdfast users password ada', 'a random one, shown once; every session of the user ends'],
      ['holdfast users password ada --password-stdin', 'the first line of standard input'],
    ],
    inTenant: true,
    reads: true,
  })
  withPassword(change.command)
  change.does(async ({ args, options, run, here, say }): Promise<Answer> => {
    const given = await givenPassword(options, say)
    const { id, username } = await findUser(run, here, args[0])
    const newPassword = given ?? randomPassword()
    await run('user.password', here, { id, newPassword })
    const shown = given === null ? { password: newPassword } : {}
    const words = `The password of ${username} is set; every session has ended.`
    return {
      document: { id, username, ...shown },
      words: given === null ? `${words}\nnew password, shown only now: ${newPassword}` : words,
    }
  })
}

export const withPassword = (command: Command): Command =>
  command
    .option('--password <password>', 'better: --password-stdin')
    .option('--password-stdin', 'read the password from one line of standard input')

/** The user that an id or a username names. Errors: `not_found`. */
export const findUser = (run: Run, here: Place, login: string | undefined): Promise<User & { passwordScheme: string }> =>
  run('user.show', here, { login })

const userWords = ({ id, number, username, email, fullName, role, isActive }: User, more: Record<string, string> = {}): string =>
  facts({ id, number, username, name: fullName, 'e-mail': email, role, active: isActive, ...more })
