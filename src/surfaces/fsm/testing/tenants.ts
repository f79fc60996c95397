import { attempt, enter, goodPassword, type Person } from '../../../testing/people.ts'
import type { Answer, Loose, TestServer } from '../../../testing/server.ts'

let count = 0
/** The ids of a company that nobody else has. */
export const nextIds = () => ({ accountId: `A-${++count}`, companyId: `C.${count}` })

export const aSecret = 'hush-hush-Geheimnis-42'

/** A new tenant as a client sends it. */
export const aCompany = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  ...nextIds(),
  accountName: 'Example Field Service',
  companyName: 'Example Ltd',
  cluster: 'eu',
  contactCompanyName: 'Example Ltd',
  contactFullName: 'Ada Example',
  contactEmailAddress: 'ada@example.org',
  clientId: 'client-1',
  clientSecret: aSecret,
  ...more,
})

type By = { token: string } | { key: string }
export const as = (by: By) => ('token' in by ? { token: by.token } : { headers: { 'x-api-key': by.key } })

export const said = ({ status, body }: Answer) => [status, body?.error]

export type Company = { [field: string]: Loose } & { tenantId: string; accountId: string; companyId: string }

/** A tenant made through the door. */
export async function createdBy(server: TestServer, staff: Person, more: Record<string, unknown> = {}): Promise<Company> {
  const answer = await server.send('POST', '/fsm/tenant', { token: staff.token, body: aCompany(more) })
  if (answer.status !== 201) throw new Error(`no tenant: ${answer.status} ${answer.text}`)
  return answer.body.tenant as unknown as Company
}

/** Someone of a tenant, made by staff and signed in. */
export async function peopled(server: TestServer, staff: Person, { tenantId }: { tenantId: string }, role: string): Promise<Person> {
  const username = `${role}${++count}`
  const body = { tenantId, username, password: goodPassword, role }
  const made = await server.send('POST', '/v1/users', { token: staff.token, body })
  if (made.status !== 201) throw new Error(`no ${role}: ${made.status} ${made.text}`)
  return enter(server, { login: username, tenant: tenantId })
}

export const signInOf = (server: TestServer, { username }: Person, { tenantId }: { tenantId: string }, password = goodPassword) =>
  attempt(server, { login: username, tenant: tenantId, password })

/** An API key of a role, made by someone who may. */
export async function keyOf(server: TestServer, by: Person, role: string): Promise<{ key: string; id: string }> {
  const { body } = await server.send('POST', '/v1/api-keys', { token: by.token, body: { name: `a ${role}`, role } })
  return { key: String(body.key), id: String(body.id) }
}

/** The newest entry about a tenant in its own audit log. */
export async function lastEntry(server: TestServer, owner: Person, action: string): Promise<Loose> {
  const { body } = await server.send('GET', `/v1/audit?action=${action}&limit=1`, { token: owner.token })
  return body.items?.[0] as Loose
}
