import type { Kind, Operation } from './ledger.ts'
import type { Random } from './random.ts'
import { ownerPassword } from './server-process.ts'
import { freshest, type KnownSession, type KnownUser, type World } from './world.ts'

/** Where a writer stands: what it may send next follows from what it was told. */
export type Writer = {
  n: number
  random: Random
  /** Counts operations over all writers of a data folder. */
  number(): number
}

/** Every writer has a login of its own; those with an odd number write as that person, the others as a machine. */
export const loginOf = (writer: number): string => (writer === ownerWriter ? 'owner' : `login-${writer}`)
export const isPerson = (writer: number): boolean => writer % 2 !== 0

/** Writer number of the harness itself, who is the owner. */
export const ownerWriter = -1

/** Access tokens live ten minutes; one that old is exchanged before it is used again. */
const oldTokenMs = 400_000

export const loginPassword = 'seventeen purple llamas'

/** How often each comes, in parts of a hundred. */
const shares: readonly [Kind | 'contend' | 'refused', number][] = [
  ['create', 44],
  ['update', 29],
  ['deactivate', 5],
  ['contend', 5],
  ['refused', 5],
  ['sign-in', 1.5],
  ['refresh', 9.5],
  ['sign-out', 1],
]

/** The next operation of a writer, or a creation where there is nothing yet to change. */
export function nextOperation(world: World, writer: Writer): Operation {
  const session = freshest(world, writer.n)
  if (session === undefined) return signIn(writer)
  if (session.issuedMs < Date.now() - oldTokenMs) return refresh(writer, session)
  let left = writer.random.next() * 100
  for (const [kind, share] of shares) {
    left -= share
    if (left < 0) return made(world, writer, kind) ?? create(world, writer)
  }
  return create(world, writer)
}

function made(world: World, writer: Writer, kind: (typeof shares)[number][0]): Operation | null {
  switch (kind) {
    case 'update':
      return update(world, writer)
    case 'deactivate':
      return deactivate(world, writer)
    case 'contend':
      return contend(writer)
    case 'refused':
      return refused(world, writer)
    case 'sign-in':
      return signIn(writer)
    case 'refresh':
    case 'sign-out':
      return onSession(world, writer, kind)
    default:
      return create(world, writer)
  }
}

const base = (writer: Pick<Writer, 'n' | 'number'>) => ({ n: writer.number(), writer: writer.n, version: null, about: {} })

/** Half of what may carry a key carries one. */
const keyFor = ({ random }: Writer, n: number): string | null => (random.chance(0.5) ? `key-${n}-${Math.floor(random.next() * 1e9)}` : null)

function create(world: World, writer: Writer): Operation {
  const { random } = writer
  const common = base(writer)
  const name = `w${writer.n}-${common.n}`
  const manager = random.chance(0.3) ? ownActive(world, writer) : undefined
  const body = {
    username: random.chance(0.5) ? name : name.toUpperCase(),
    fullName: `Writer ${writer.n} № ${common.n} “${'é'.repeat(random.between(0, 40))}”`,
    ...(random.chance(0.5) ? { email: `${name}@example.org` } : {}),
    ...(random.chance(0.2) ? { role: 'manager' } : {}),
    ...(manager === undefined ? {} : { managerId: manager.id }),
  }
  return { ...common, kind: 'create', method: 'POST', path: '/v1/users', body, key: keyFor(writer, common.n), expected: [201] }
}

function update(world: World, writer: Writer): Operation | null {
  const { random } = writer
  const user = own(world, writer)
  if (user === undefined) return null
  const common = base(writer)
  const manager = random.chance(0.1) ? ownActive(world, writer) : undefined
  const body = {
    fullName: `Renamed by ${common.n}`,
    ...(random.chance(0.3) ? { email: random.chance(0.8) ? `u${common.n}@example.org` : null } : {}),
    ...(random.chance(0.1) ? { username: `w${writer.n}-${common.n}-again` } : {}),
    ...(random.chance(0.3) && !user.isActive ? { isActive: true } : {}),
    ...(manager === undefined ? {} : { managerId: manager.id }),
  }
  const place = { path: `/v1/users/${user.id}`, body, version: user.version, about: { user: user.id } }
  // a manager of one's own making may stand below
  const expected = manager === undefined ? [200] : [200, 409]
  return { ...common, ...place, kind: 'update', method: 'PATCH', key: keyFor(writer, common.n), expected }
}

function deactivate(world: World, writer: Writer): Operation | null {
  const user = ownActive(world, writer)
  if (user === undefined) return null
  const common = base(writer)
  const place = { path: `/v1/users/${user.id}`, about: { user: user.id }, body: null }
  return { ...common, ...place, kind: 'deactivate', method: 'DELETE', key: keyFor(writer, common.n), expected: [204] }
}

/** The same name from several writers at about the same moment: at most one gets it. */
function contend(writer: Writer): Operation {
  const common = base(writer)
  const body = { username: `race-${Math.floor(common.n / 24)}`, role: 'auditor' }
  return { ...common, kind: 'create', method: 'POST', path: '/v1/users', body, key: keyFor(writer, common.n), expected: [201, 409] }
}

/** What must be refused, and leave nothing. */
function refused(world: World, writer: Writer): Operation | null {
  const user = own(world, writer)
  if (user === undefined) return null
  const common = base(writer)
  const key = keyFor(writer, common.n)
  const isStale = writer.random.chance(0.5) && user.version > 1
  if (isStale)
    return {
      ...common,
      kind: 'update',
      method: 'PATCH',
      path: `/v1/users/${user.id}`,
      body: { fullName: 'Must never be seen' },
      version: user.version - 1,
      about: { user: user.id },
      key,
      expected: [409],
    }
  const body = { username: user.username.toUpperCase(), fullName: 'Must never be seen' }
  return { ...common, kind: 'create', method: 'POST', path: '/v1/users', body, key, expected: [409] }
}

export function signIn(writer: Pick<Writer, 'n' | 'number'>): Operation {
  const body = { login: loginOf(writer.n), password: writer.n === ownerWriter ? ownerPassword : loginPassword }
  return { ...base(writer), kind: 'sign-in', method: 'POST', path: '/v1/sessions', body, key: null, expected: [201] }
}

function onSession(world: World, writer: Writer, kind: 'refresh' | 'sign-out'): Operation | null {
  const mine = [...world.sessions.values()].filter((session) => session.writer === writer.n && !session.isOver)
  const session = writer.random.pick(mine)
  if (session === undefined || (kind === 'sign-out' && mine.length < 2)) return null
  if (kind === 'sign-out')
    return {
      ...base(writer),
      about: { session: session.n },
      key: null,
      kind,
      method: 'DELETE',
      path: '/v1/sessions/current',
      body: null,
      expected: [204],
    }
  return refresh(writer, session)
}

export function refresh(writer: Pick<Writer, 'n' | 'number'>, { n, refreshToken }: KnownSession): Operation {
  const place = { method: 'POST', path: '/v1/sessions/refresh', body: { refreshToken }, about: { session: n } } as const
  return { n: writer.number(), writer: writer.n, version: null, key: null, kind: 'refresh', ...place, expected: [200] }
}

/** Recent users of one's own, so that no other writer changes them meanwhile. */
function own(world: World, writer: Writer): KnownUser | undefined {
  const id = writer.random.pick(world.recent.get(writer.n) ?? [])
  return id === undefined ? undefined : world.users.get(id)
}

const ownActive = (world: World, writer: Writer): KnownUser | undefined => {
  const user = own(world, writer)
  return user?.isActive ? user : undefined
}
