import type { AnyRole, PlatformRole, Role } from '../access/permissions.ts'
import { system } from '../kernel/context.ts'
import type { AnyOperation } from '../kernel/operation.ts'
import { perform } from '../kernel/perform.ts'
import { createStaff } from '../session/staff-operations.ts'
import { createTenant } from '../tenant/operations.ts'
import { type Answer, type Loose, ownerPassword, type TestServer } from './server.ts'

export const goodPassword = 'a good long passphrase'

export type Person = { id: string; username: string; role: AnyRole; tenantId: string; token: string; refreshToken: string }

let count = 0
const nextName = (word: string): string => `${word}${++count}`

/** An address of its own, so that no test fails for another's network. */
export const freshAddress = (): string => `10.${(++count >> 16) & 255}.${(count >> 8) & 255}.${count & 255}`

type SignIn = { login: string; password?: string; tenant?: string | null; code?: string; from?: string; cookie?: string; surface?: string }

/** One attempt to sign in on `/v1`. */
export function attempt(
  server: TestServer,
  { login, password = goodPassword, tenant, code, from = freshAddress(), cookie }: SignIn,
): Promise<Answer> {
  const body = { login, password, ...(tenant == null ? {} : { tenant }), ...(code === undefined ? {} : { code }) }
  return server.send('POST', '/v1/sessions', { body, from, ...(cookie === undefined ? {} : { headers: { cookie } }) })
}

/** The cookie that marks this device as known, as a browser sends it back. */
export const cookieOf = ({ headers }: Answer): string => String([headers['set-cookie']].flat()[0]).split(';')[0] ?? ''

export async function enter(server: TestServer, given: SignIn): Promise<Person> {
  const { status, body, text } = await attempt(server, given)
  if (status !== 201) throw new Error(`sign-in of ${given.login}: ${status} ${text}`)
  const claims = JSON.parse(Buffer.from(String(body.accessToken).split('.')[1] ?? '', 'base64url').toString()) as { tid: string }
  const { id, username, role } = body.user as Loose
  return {
    id: String(id),
    username: String(username),
    role: String(role) as AnyRole,
    tenantId: claims.tid,
    token: String(body.accessToken),
    refreshToken: String(body.refreshToken),
  }
}

export const enterOwner = (server: TestServer): Promise<Person> => enter(server, { login: 'owner', password: ownerPassword, tenant: null })

type Newcomer = { role?: Role; managerId?: string | null; username?: string; password?: string }

/** Makes a user in the tenant of `by`, through the door, and signs in. */
export async function join(
  server: TestServer,
  by: Person,
  { role = 'member', managerId = null, username = nextName(role), password = goodPassword }: Newcomer = {},
): Promise<Person> {
  await invite(server, by, { role, managerId, username, password })
  return enter(server, { login: username, password, tenant: by.tenantId })
}

/** Makes a user without signing in; without a password one that is only invited. */
export async function invite(server: TestServer, by: Person, body: Newcomer & { email?: string; fullName?: string }): Promise<Loose> {
  const answer = await server.send('POST', '/v1/users', { token: by.token, body: { username: nextName('user'), ...body } })
  if (answer.status !== 201) throw new Error(`no user: ${answer.status} ${answer.text}`)
  return answer.body
}

/** Performs an operation as the operator at the machine. */
export async function asSystem<O>(server: TestServer, operation: AnyOperation, input: unknown, tenantId?: string): Promise<O> {
  let output: O | undefined
  await perform(server.holdfast.runtime, operation, {
    actor: system,
    origin: { requestId: 'test', surface: 'cli', network: null, userAgent: null, deviceToken: null },
    input,
    ...(tenantId === undefined ? {} : { tenantId }),
    encode(result: O) {
      output = result
      return { status: 200, body: '' }
    },
  })
  return output as O
}

/** Another tenant, and its owner signed in. */
export async function found(server: TestServer, key: string = nextName('tenant')): Promise<Person & { key: string }> {
  const made = await asSystem<{ id: string }>(server, createTenant, {
    name: `Tenant ${key}`,
    key,
    ownerUsername: `boss-${key}`,
    ownerPassword: goodPassword,
  })
  return { ...(await enter(server, { login: `boss-${key}`, tenant: made.id })), key }
}

/** A member of the platform's staff, signed in. */
export async function hire(server: TestServer, role: PlatformRole = 'platform_admin'): Promise<Person> {
  const username = nextName('staff')
  await asSystem(server, createStaff, { username, role, password: goodPassword })
  return enter(server, { login: username, tenant: 'platform' })
}
