import { drive, type Load, type Measured } from './load.ts'
import { password, type Server } from './servers.ts'

const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T
let made = 0

export type Scenario = 'sign-in' | 'read-one' | 'list-20' | 'create'

/** One kind of request against either server; the paths are the same on both. */
export function loadOf(server: Server, scenario: Scenario, { clients, seconds }: { clients: number; seconds: number }): Load {
  const base = { url: server.url, clients, seconds }
  const { token } = server
  switch (scenario) {
    case 'sign-in':
      return {
        ...base,
        method: 'POST',
        next: () => ({ path: '/v1/sessions', body: { login: `user${Math.floor(Math.random() * server.users)}`, password } }),
      }
    case 'read-one':
      return { ...base, method: 'GET', next: () => ({ path: `/v1/users/${pick(server.ids)}`, token }) }
    case 'list-20':
      return { ...base, method: 'GET', next: () => ({ path: '/v1/users?limit=20', token }) }
    case 'create':
      return { ...base, method: 'POST', next: () => ({ path: '/v1/users', token, body: { username: `new${process.pid}x${made++}` } }) }
  }
}

export const measure = (server: Server, scenario: Scenario, at: { clients: number; seconds: number }): Promise<Measured> =>
  drive(loadOf(server, scenario, at))
