import type { AnyRole, Scope } from '../access/permissions.ts'
import type { Actor, Storage, TenantStore } from '../storage/port.ts'
import type { Clock } from './clock.ts'
import type { Closures } from './closures.ts'
import type { Hub } from './hub.ts'
import type { IdSource } from './id.ts'
import type { Services } from './services.ts'

/** The signed-in user's row as the guard read it on this very request. */
export type PrincipalUser = {
  id: string
  number: number
  username: string
  email: string | null
  fullName: string | null
  role: AnyRole
  managerId: string | null
  isActive: boolean
  createdAt: string
  updatedAt: string
  version: number
}

/** Who is asking. `role` is read from the store on every request, never from a token. */
export type Principal = {
  kind: Actor['kind']
  /** The tenant it belongs to; `platform` for staff and the system. */
  tenantId: string
  id: string | null
  name: string
  role: AnyRole | null
  sessionId: string | null
  mustChangePassword: boolean
  user: PrincipalUser | null
  /** Its tenant, where the guard read it on this very request. */
  tenant?: { name: string; key: string | null; passwordOnly: boolean | null }
}

export const anonymous: Principal = {
  kind: 'anonymous',
  tenantId: 'platform',
  id: null,
  name: 'anonymous',
  role: null,
  sessionId: null,
  mustChangePassword: false,
  user: null,
}
/** The operator at the machine: the CLI, start-up, jobs. */
export const system: Principal = {
  kind: 'system',
  tenantId: 'platform',
  id: null,
  name: 'system',
  role: 'platform_admin',
  sessionId: null,
  mustChangePassword: false,
  user: null,
}

/** What every operation runs in: built by `main.ts` once. */
export type Runtime = {
  storage: Storage
  clock: Clock
  ids: IdSource
  services: Services
  hub: Hub
  closures: Closures
  random(bytes: number): Buffer
}

/** Where a request came from. */
export type Origin = {
  requestId: string
  surface: string /** An IPv4 address or an IPv6 /64; null for the CLI. */
  network: string | null
  /** The client's whole address, where it came over a network. */
  address?: string | null
  userAgent: string | null
  deviceToken: string | null
  /** `performance.now()` when the request, or the message of a socket, came; absent where nobody sent one. */
  receivedMs?: number
  /** Whether whoever asked has gone away, so that an answer would reach nobody; absent where that cannot be told. */
  isGone?: () => boolean
}

export type Context = {
  actor: Principal
  /** Bound to the tenant in which the operation works. */
  store: TenantStore
  /** How far the actor's permission reaches here. */
  scope: Scope
  /** Business time, RFC 3339. */
  now: string
  nowMs: number
  realMs: number
  origin: Origin
  services: Services
  newId(): string
  random(bytes: number): Buffer
  /** Runs once per request though a lost race runs the operation again: for costly work such as hashing. */
  once<T>(name: string, make: () => Promise<T>): Promise<T>
  runtime: Runtime
}
