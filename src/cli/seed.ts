import { type Command, InvalidArgumentError } from 'commander'
import { type Answer, command } from './command.ts'
import { withProgress } from './progress.ts'
import { givenPassword, type PasswordOptions } from './secrets.ts'
import { table } from './table.ts'
import { withPassword } from './users.ts'

type Account = { username: string; password: string }
type Seeded = { created: { user: number }; users: Account[] }
type Workforce = { created: { employeeId: string; role: string; password: string }[]; skipped: { employeeId: string; reason: string }[] }
type Demo = { users: Account[]; leads: number; unassigned: number; already: boolean }

export function addSeed(program: Command): void {
  const seed = command<{ users?: number }>(program, 'seed', {
    summary: 'Add invented users for trials',
    examples: [
      ['holdfast seed --users 50', 'every tenth the manager of the nine that follow; passwords are shown once'],
      ['holdfast seed vantagepoint --tenant acme', 'demo users and leads of the sales CRM'],
    ],
    inTenant: true,
  })
  seed.command.option('--users <n>', 'how many (default: 20)', count)
  seed.does(async ({ options: { users }, run, here }) => {
    const made = await withProgress('users', (events) => run<Seeded>('user.seed', here, { users }, events))
    return { document: made, words: `${accountsText(made.users)}${made.created.user} users added.` }
  })
  addVantagepoint(seed.command)
  addSatshine(seed.command)
}

function addVantagepoint(seed: Command): void {
  const demo = command<PasswordOptions>(seed, 'vantagepoint', {
    summary: 'Add demo users and leads of the sales CRM',
    examples: [
      ['holdfast seed vantagepoint', 'random passwords, shown once, to be changed at the first sign-in'],
      ['holdfast seed vantagepoint --password-stdin', 'one password for all three, which stays'],
    ],
    inTenant: true,
  })
  withPassword(demo.command)
  demo.does(async ({ options, run, here, say }): Promise<Answer> => {
    const password = await givenPassword(options, say)
    const made = await run<Demo>('vantagepoint.seed', here, { password })
    if (made.already) return { document: made, words: 'The demo data is there already; nothing was changed.' }
    const accounts = password === null ? accountsText(made.users) : ''
    return {
      document: made,
      words: `${accounts}${made.users.length} users and ${made.leads} leads added, ${made.unassigned} of them unassigned.`,
    }
  })
}

function addSatshine(seed: Command): void {
  const people = command<object>(seed, 'satshine', {
    summary: 'Add the default people of a workforce',
    examples: [['holdfast seed satshine', 'MP0001 and three field officers, each where the ID is free; passwords are shown once']],
    inTenant: true,
  })
  people.does(async ({ run, here }): Promise<Answer> => {
    const made = await run<Workforce>('satshine.seed', here, {})
    const accounts = made.created.map(({ employeeId, password }) => ({ username: employeeId, password }))
    const skipped = made.skipped.map(({ employeeId, reason }) => `${employeeId} was passed over: ${reason}.\n`)
    return { document: made, words: `${accountsText(accounts)}${skipped.join('')}${accounts.length} employees added.` }
  })
}

const accountsText = (accounts: readonly Account[]): string =>
  accounts.length === 0
    ? ''
    : `${table(
        ['username', 'password'],
        accounts.map(({ username, password }) => [username, password]),
      )}\nThe passwords are shown only now, and must be changed at the first sign-in.\n`

function count(given: string): number {
  if (/^[1-9]\d{0,8}$/.test(given)) return Number(given)
  throw new InvalidArgumentError('It must be a whole number from 1.')
}
