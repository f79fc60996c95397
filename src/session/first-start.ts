import { sha256 } from '../kernel/canonical.ts'
import { type Runtime, system } from '../kernel/context.ts'
import { perform } from '../kernel/perform.ts'
import { Tenant } from '../tenant/entity.ts'
import { createFirstTenant, tenantName } from '../tenant/operations.ts'
import { username as usernameForm } from '../user/input.ts'
import { passwordProblem } from './password-rules.ts'

export type FirstOwner = {
  tenantId: string
  tenant: string
  username: string /** Null when the operator chose it. */
  password: string | null
}

export type FirstTenant = { tenant: string; username: string; password: string | null }

/** What is wrong with what the operator chose for the first tenant, as words after "must be", or null: the same rules as everybody's. */
export function firstTenantProblem({ tenant, username, password }: FirstTenant): { of: keyof FirstTenant; rule: string } | null {
  if (!tenantName.safeParse(tenant).success) return { of: 'tenant', rule: 'a name of 1 to 200 characters' }
  if (!usernameForm.safeParse(username).success) return { of: 'username', rule: '1 to 100 letters, digits or . _ @ + -' }
  const problem = password === null ? null : passwordProblem(password, { own: [username] })
  return problem === null ? null : { of: 'password', rule: passwordRules[problem] }
}

const passwordRules = {
  length: 'a password of 12 to 1024 characters',
  common: 'a password that is not among the most common ones',
  own: 'a password that does not contain the username',
} as const

/** Makes the first tenant and its owner where there is none. Never anything else: no default account, no reseeding. Of any number of processes at once one makes them; the others get null. */
export async function ensureFirstTenant(runtime: Runtime, wanted: FirstTenant): Promise<FirstOwner | null> {
  const { items } = await runtime.storage.platform().listAll(Tenant, 'byId', { limit: 1 })
  if (items.length > 0) return null
  let made: FirstOwner | null = null
  await perform(runtime, createFirstTenant, {
    actor: system,
    origin: { requestId: 'first-start', surface: 'cli', network: null, userAgent: null, deviceToken: null },
    input: { id: firstTenantId(runtime), name: wanted.tenant, ownerUsername: wanted.username, ownerPassword: wanted.password },
    encode(output) {
      // whoever loses the race runs again, and finds the winner's
      made =
        output === null ? null : { tenantId: output.id, tenant: output.name, username: wanted.username, password: output.ownerPassword }
      return { status: 201, body: '' }
    },
  })
  return made
}

/** The same in every process on one store, and different in every store: a UUIDv7 of the time and name of the store's first log key, which never leaves. */
function firstTenantId({ services }: Runtime): string {
  const first = services.keys.list().findLast(({ purpose }) => purpose === 'log')
  if (first === undefined) throw new Error('a store has its keys before its first tenant')
  const time = Date.parse(first.createdAt).toString(16).padStart(12, '0')
  const digest = sha256(`first tenant of ${first.kid}`)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digest.slice(0, 3)}-8${digest.slice(3, 6)}-${digest.slice(6, 18)}`
}
