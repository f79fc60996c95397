import type { z } from 'zod'
import { system } from '../../../kernel/context.ts'
import type { AnyOperation } from '../../../kernel/operation.ts'
import { perform } from '../../../kernel/perform.ts'
import { createStaff } from '../../../session/staff-operations.ts'
import { createTenant } from '../../../tenant/operations.ts'
import { type Answer, type Loose, ownerPassword, startTestServer, type TestServer } from '../../../testing/server.ts'
import { vantagepoint } from '../routes.ts'

export const goodPassword = 'violet harbour 7 lanterns'

export type Member = { id: number; username: string; token: string }

type Account = { username?: string; role?: string; manager?: Member; full_name?: string; email?: string }

/** The sales CRM on a real server: one call is one request in this dialect. */
export type Crm = {
  server: TestServer
  /** The tenant's owner. */
  admin: Member
  /** `what` is a method and a path below the prefix: `GET /leads`. */
  call(who: Member | null, what: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  login(username: string, password?: string): Promise<Answer>
  /** Makes a user and signs in. Agents get their leads handed out, as always. */
  join(account: Account): Promise<Member>
  /** Makes a lead as the admin, unassigned unless `assigned_user_id` says otherwise. */
  lead(fields?: Record<string, unknown>): Promise<Loose>
  /** Makes someone of a role that this dialect cannot give, and signs in. */
  joinAs(role: 'owner' | 'supervisor' | 'auditor', manager?: Member): Promise<Member>
  /** The owner of another tenant. */
  stranger(key?: string): Promise<Member & { tenantId: string }>
  /** Somebody of the platform's staff. */
  staff(): Promise<Member>
  /** The lead as the admin's list shows it. */
  shown(id: number): Promise<Loose | undefined>
  close(): Promise<void>
}

export const aLead = (fields: Record<string, unknown> = {}) => ({
  practice_name: 'Elm Street Dental',
  owner_name: 'Dr. Iris Vale',
  practice_phone: '+1 555 0100',
  ...fields,
})

export async function startCrm(environment: Record<string, string> = {}): Promise<Crm> {
  const server = await startTestServer(environment)
  let made = 0
  const call: Crm['call'] = async (who, what, body, headers = {}) => {
    const [method = '', path = ''] = what.split(' ')
    const token = who === null ? {} : { token: who.token }
    const answer = await server.send(method, `/api/v1${path}`, { ...token, ...(body === undefined ? {} : { body }), headers })
    if (answer.status < 300 && method !== 'OPTIONS') schemaOf(method, path).parse(answer.body)
    return answer
  }
  const login: Crm['login'] = (username, password = goodPassword) => call(null, 'POST /auth/login', { username, password })
  const tokenOf = async (username: string, password?: string): Promise<string> => {
    const answer = await login(username, password)
    if (answer.status !== 200) throw new Error(`login of ${username}: ${answer.status} ${answer.text}`)
    return String(answer.body.access_token)
  }
  const admin: Member = { id: 1, username: 'owner', token: await tokenOf('owner', ownerPassword) }
  admin.id = Number((await call(admin, 'GET /auth/me')).body.id)
  return {
    server,
    admin,
    call,
    login,
    async join({ username, manager, ...account }) {
      made += 1
      const name = username ?? `person.${made}`
      const body = { username: name, password: goodPassword, ...(manager === undefined ? {} : { manager_id: manager.id }), ...account }
      const answer = await call(admin, 'POST /users', body)
      if (answer.status !== 201) throw new Error(`making ${name}: ${answer.status} ${answer.text}`)
      return { id: Number(answer.body.user?.id), username: name, token: await tokenOf(name) }
    },
    async lead(fields = {}) {
      const answer = await call(admin, 'POST /leads', aLead({ assigned_user_id: null, ...fields }))
      if (answer.status !== 201 || answer.body.lead === undefined) throw new Error(`making a lead: ${answer.status} ${answer.text}`)
      return answer.body.lead
    },
    async joinAs(role, manager) {
      made += 1
      const username = `person.${made}`
      const people = await server.send('GET', '/v1/users?limit=200', { token: admin.token })
      const managerId = [...(people.body.items ?? [])].find(({ number }) => Number(number) === manager?.id)?.id ?? null
      const body = { username, role, password: goodPassword, managerId }
      const answer = await server.send('POST', '/v1/users', { token: admin.token, body })
      if (answer.status !== 201) throw new Error(`making a ${role}: ${answer.status} ${answer.text}`)
      return { id: Number(answer.body.number), username, token: await tokenOf(username) }
    },
    async stranger(key) {
      made += 1
      const username = `stranger.${made}`
      const other = await asSystem(server, createTenant, {
        name: `Other ${made}`,
        key: key ?? null,
        ownerUsername: username,
        ownerPassword: goodPassword,
      })
      const token = await tokenOf(username)
      return {
        id: Number((await call({ id: 0, username, token }, 'GET /auth/me')).body.id),
        username,
        token,
        tenantId: String(other.id),
      }
    },
    async staff() {
      made += 1
      const username = `staff.${made}`
      await asSystem(server, createStaff, { username, role: 'platform_admin', password: goodPassword })
      const { body } = await server.send('POST', '/v1/sessions', { body: { login: username, password: goodPassword, tenant: 'platform' } })
      return { id: 0, username, token: String(body.accessToken) }
    },
    async shown(id) {
      const { body } = await call(admin, 'GET /leads')
      return [...(body.leads ?? [])].find((lead) => Number(lead.id) === id)
    },
    close: () => server.close(),
  }
}

/** What the API description says of a good answer; every test holds the answers against it. */
function schemaOf(method: string, path: string): z.ZodType {
  const [bare = ''] = path.split('?')
  const matches = (pattern: string) => new RegExp(`^${pattern.replace(/:\w+/g, '[^/]+')}$`).test(`/api/v1${bare}`)
  const schema = vantagepoint.routes.find((route) => route.method === method && matches(route.path))?.options.responseSchema
  if (schema === undefined) throw new Error(`${method} ${bare} has no described answer`)
  return schema
}

async function asSystem(server: TestServer, operation: AnyOperation, input: object): Promise<Loose> {
  const origin = { requestId: 'test', surface: 'cli', network: null, userAgent: null, deviceToken: null }
  const encode = (output: unknown) => ({ status: 200, body: JSON.stringify(output) })
  return JSON.parse((await perform(server.holdfast.runtime, operation, { actor: system, origin, input, encode })).body)
}

/** Status and detail, which is what a page shows of a refusal. */
export const said = ({ status, body }: Answer) => [status, body.detail]
