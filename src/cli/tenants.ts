import type { Command } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { type Answer, type Call, command } from './command.ts'
import type { Run } from './connection.ts'
import { givenPassword } from './secrets.ts'
import { facts, table } from './table.ts'

type Owner = { id: string; username: string; password?: string }
type Tenant = { id: string; key: string | null; name: string; isActive: boolean; version: number; owner: Owner | null }
type Made = Tenant & { ownerPassword: string | null }
type CreateOptions = { name: string; key?: string; ownerUsername: string; ownerPassword?: string; ownerPasswordStdin?: true }

export function addTenants(program: Command): void {
  const tenants = program
    .command('tenants')
    .summary('Customer organisations')
    .description('Customer organisations: each is a world of its own.')
  addCreate(tenants)
  command<object>(tenants, 'list', {
    summary: 'List all tenants',
    examples: [['holdfast tenants list', 'ids, keys, names and owners']],
    reads: true,
  }).does(async ({ run }) => {
    const items: Tenant[] = []
    for (let cursor: string | null = null; ; ) {
      const page: { items: Tenant[]; nextCursor: string | null } = await run('tenant.list', 'platform', {
        limit: 200,
        ...(cursor === null ? {} : { cursor }),
      })
      items.push(...page.items)
      if (page.nextCursor === null) break
      cursor = page.nextCursor
    }
    const rows = items.map(({ id, key, name, isActive, owner }) => [id, key, name, isActive, owner?.username ?? null])
    return { document: { items }, words: table(['id', 'key', 'name', 'active', 'owner'], rows) }
  })
  command<object>(tenants, 'show <id|key>', {
    summary: 'Show one tenant',
    examples: [['holdfast tenants show acme', 'by its key']],
    reads: true,
  }).does(async ({ run, args }) => shown(run, await run<Tenant>('tenant.get', 'platform', { id: args[0] })))
  const rename = command<{ name: string }>(tenants, 'rename <id|key>', {
    summary: 'Give a tenant another name',
    examples: [['holdfast tenants rename acme --name "Acme Europe"', 'its id, key and people stay']],
    reads: true,
  })
  rename.command.requiredOption('--name <name>', 'the new name')
  rename.does((call) => change(call, { name: call.options.name }))
  command<object>(tenants, 'deactivate <id|key>', {
    summary: 'Switch a tenant off',
    examples: [['holdfast tenants deactivate acme', 'its people are refused from the next request on; nothing is deleted']],
    reads: true,
  }).does((call) => change(call, { isActive: false }))
  command<object>(tenants, 'activate <id|key>', {
    summary: 'Switch a tenant on again',
    examples: [['holdfast tenants activate acme', 'its people may sign in again']],
    reads: true,
  }).does((call) => change(call, { isActive: true }))
}

function addCreate(tenants: Command): void {
  const create = command<CreateOptions>(tenants, 'create', {
    summary: 'Make a tenant and its owner',
    examples: [
      ['holdfast tenants create --name "Acme Ltd" --key acme', 'the owner is called owner; the password is made and shown once'],
      [
        'holdfast tenants create --name Acme --owner-username ada --owner-password-stdin',
        'the password is the first line of standard input',
      ],
    ],
  })
  create.command
    .requiredOption('--name <name>', 'the name that people read')
    .option('--key <key>', 'a short name for programs, unique among tenants')
    .option('--owner-username <name>', 'how the owner signs in', 'owner')
    .option('--owner-password <password>', 'better: --owner-password-stdin')
    .option('--owner-password-stdin', 'read the password from one line of standard input')
  create.does(async ({ options, run, say }) => {
    const { name, key, ownerUsername, ownerPassword: flag, ownerPasswordStdin } = options
    const password = await givenPassword(
      {
        ...(flag === undefined ? {} : { password: flag }),
        ...(ownerPasswordStdin === undefined ? {} : { passwordStdin: ownerPasswordStdin }),
      },
      say,
    )
    const made = await run<Made>('tenant.create', 'platform', { name, key: key ?? null, ownerUsername, ownerPassword: password })
    const { ownerPassword, ...tenant } = made
    const owner = tenant.owner === null || ownerPassword === null ? tenant.owner : { ...tenant.owner, password: ownerPassword }
    return answerOf({ ...tenant, owner })
  })
}

function answerOf(tenant: Tenant): Answer {
  const { id, key, name, isActive, owner } = tenant
  const words = facts({ id, key, name, active: isActive, owner: owner?.username ?? null })
  const password = owner?.password === undefined ? '' : `\npassword of ${owner.username}, shown only now: ${owner.password}`
  return { document: tenant, words: words + password }
}

/** With its first owner, as `create` and `list` show it. */
async function shown(run: Run, tenant: Tenant): Promise<Answer> {
  const owners = await run<{ items: Owner[] }>('user.list', { tenant: tenant.id }, { role: 'owner', limit: 1 })
  const [owner] = owners.items
  return answerOf({ ...tenant, owner: owner === undefined ? null : { id: owner.id, username: owner.username } })
}

/** Reads the version and changes it; whoever changed the row in between is not overwritten, but read again. */
async function change({ run, args }: Call<object>, patch: object): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    const before = await run<Tenant>('tenant.get', 'platform', { id: args[0] })
    try {
      return await shown(run, await run<Tenant>('tenant.update', 'platform', { id: before.id, version: before.version, ...patch }))
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'version_conflict') || attempt === 5) throw error
    }
  }
}
