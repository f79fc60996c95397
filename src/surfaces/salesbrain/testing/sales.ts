import { enter, enterOwner, found, goodPassword, invite, type Person } from '../../../testing/people.ts'
import { type Answer, type Loose, startTestServer, type TestServer } from '../../../testing/server.ts'

export type Sales = {
  server: TestServer
  owner: Person
  get(path: string, token?: string): Promise<Answer>
  post(path: string, body?: unknown, token?: string): Promise<Answer>
  del(path: string, token?: string): Promise<Answer>
  /** A person of the tenant, by id and e-mail. */
  person(fields?: Record<string, unknown>): Promise<{ id: string; email: string; username: string }>
  contacts(n: number, fields?: Record<string, unknown>): Promise<string[]>
  campaign(name?: string): Promise<string>
  close(): Promise<void>
}

let count = 0

/** A server with a tenant that sells. */
export async function startSales(environment: Record<string, string> = {}): Promise<Sales> {
  const server = await startTestServer(environment)
  const owner = await enterOwner(server)
  const call =
    (method: string) =>
    (path: string, body?: unknown, token = owner.token) =>
      server.send(method, path, { token, ...(body === undefined ? {} : { body }) })
  return {
    server,
    owner,
    get: (path, token) => call('GET')(path, undefined, token),
    post: call('POST'),
    del: (path, token) => call('DELETE')(path, undefined, token),
    async person(fields = {}) {
      count += 1
      const username = `person${count}`
      const made = await invite(server, owner, { username, email: `${username}@example.org`, ...fields })
      return { id: String(made.id), email: `${username}@example.org`, username }
    },
    async contacts(n, fields = {}) {
      const ids: string[] = []
      // as many at once as every engine takes: DynamoDB's commits of one tenant give up after losing too many races
      while (ids.length < n) {
        const some = Array.from({ length: Math.min(50, n - ids.length) }, (_, at) => ({ firstName: `Contact ${ids.length + at}` }))
        for (const { status, body, text } of await Promise.all(some.map((one) => call('POST')('/v1/contacts', { ...one, ...fields })))) {
          if (status !== 201) throw new Error(text)
          ids.push(String(body.id))
        }
      }
      return ids
    },
    async campaign(name = 'Spring mailing') {
      return String((await call('POST')('/v1/campaigns', { name })).body.id)
    },
    close: () => server.close(),
  }
}

export const foreigner = (server: TestServer): Promise<Person> => found(server, `other${++count}`)

export const signedIn = (sales: Sales, username: string): Promise<Person> =>
  enter(sales.server, { login: username, password: goodPassword, tenant: sales.owner.tenantId })

export const listOf = (answer: Answer, field: string): Loose[] => (answer.body.data as Loose)[field] as unknown as Loose[]
