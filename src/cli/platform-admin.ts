import type { Command } from 'commander'
import { command } from './command.ts'
import { givenPassword, type PasswordOptions } from './secrets.ts'
import { facts } from './table.ts'
import { withPassword } from './users.ts'

type Staff = { id: string; username: string; role: string; password: string | null }

export function addPlatformAdmin(program: Command): void {
  const admins = program
    .command('platform-admin')
    .summary('Staff of the platform')
    .description('Staff of the platform: they see every tenant and belong to none. They sign in with tenant "platform".')
  const create = command<PasswordOptions & { username: string; operator?: true }>(admins, 'create', {
    summary: 'Make a member of the platform staff',
    examples: [
      ['holdfast platform-admin create --username root', 'a platform_admin; the password is made and shown once'],
      ['holdfast platform-admin create --username watch --operator', 'a platform_operator, who reads only'],
    ],
  })
  create.command.requiredOption('--username <name>', 'how they sign in').option('--operator', 'reads only')
  withPassword(create.command)
  create.does(async ({ options, run, say }) => {
    const password = await givenPassword(options, say)
    const role = options.operator === true ? 'platform_operator' : 'platform_admin'
    const made = await run<Staff>('staff.create', 'platform', { username: options.username, role, password })
    const { id, username, password: random } = made
    const words = facts({ id, username, role: made.role })
    const shown = random === null ? {} : { password: random }
    return {
      document: { id, username, role: made.role, ...shown },
      words: random === null ? words : `${words}\npassword, shown only now: ${random}`,
    }
  })
}
