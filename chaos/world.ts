import type { Entry } from './ledger.ts'
import type { Body, Credential } from './requests.ts'

/** A user as the last acknowledged reply showed it. `updatedAt` is null where the reply had no body. */
export type KnownUser = {
  id: string
  username: string
  version: number
  isActive: boolean
  managerId: string | null
  body: Body
  writer: number
}

/** A session by its newest acknowledged tokens. */
export type KnownSession = {
  n: number
  writer: number
  login: string
  accessToken: string
  refreshToken: string
  /** When the access token was made. */
  issuedMs: number
  /** Acknowledged as ended. */
  isOver: boolean
  /** When the request was sent whose outcome is unknown; null when there is none. */
  inDoubtSinceMs: number | null
}

/** What the acknowledged operations add up to: the ledger, folded. */
export type World = {
  users: Map<string, KnownUser>
  /** Ids of the newest users that a writer made, for it to change: nobody else does. */
  recent: Map<number, string[]>
  sessions: Map<number, KnownSession>
  /** Whose outcome nobody was told, not yet looked for. */
  unknowns: Entry[]
  /** Receipt → request id, of acknowledged commits not yet met in the log. */
  receipts: Map<string, string>
  /** The last sequence met in the log, and where reading it goes on. */
  audited: number
  auditCursor: string | null
  /** Some acknowledged requests with a key, to be sent again. */
  keyed: Entry[]
  acknowledged: number
  /** What the replies alone already show to be wrong. */
  problems: string[]
}

export const emptyWorld = (): World => ({
  users: new Map(),
  recent: new Map(),
  sessions: new Map(),
  unknowns: [],
  receipts: new Map(),
  audited: 0,
  auditCursor: null,
  keyed: [],
  acknowledged: 0,
  problems: [],
})

/** The writer's session with the newest access token. */
export function freshest(world: World, writer: number): KnownSession | undefined {
  let best: KnownSession | undefined
  for (const session of world.sessions.values())
    if (session.writer === writer && !session.isOver && session.issuedMs > (best?.issuedMs ?? 0)) best = session
  return best
}

export const bearer = (session: KnownSession | undefined): Credential => (session === undefined ? null : { bearer: session.accessToken })

/** Takes one entry of the ledger in. */
export function apply(world: World, entry: Entry): void {
  const { result } = entry
  if (result === 'unknown') remember(world, entry)
  else if (result === 'fail' || result === 'before') refused(world, entry)
  else {
    if (result === 'ok') count(world, entry)
    learn(world, entry)
  }
}

function learn(world: World, entry: Entry): void {
  const { user = '', session = entry.n } = entry.about
  switch (entry.kind) {
    case 'create':
    case 'update':
      learnUser(world, entry.reply ?? {}, entry.writer)
      break
    case 'deactivate':
      deactivate(world, user)
      break
    case 'sign-in':
    case 'refresh':
      learnSession(world, session, entry)
      break
    case 'sign-out':
      endSession(world, session)
  }
}

function remember(world: World, entry: Entry): void {
  world.unknowns.push(entry)
  const session = world.sessions.get(entry.about.session ?? -1)
  if (session !== undefined) session.inDoubtSinceMs = entry.sentMs
}

function refused(world: World, entry: Entry): void {
  const session = world.sessions.get(entry.about.session ?? -1)
  if (session !== undefined && entry.result === 'before') session.inDoubtSinceMs = null
  if (entry.result === 'fail' && entry.status !== 507 && !entry.expected.includes(entry.status ?? 0))
    world.problems.push(`${describe(entry)} was refused with ${entry.status} ${JSON.stringify(entry.reply)}`)
}

/** Every acknowledged commit has a place of its own in its stream: two in one place means that one of them is gone. */
function count(world: World, entry: Entry): void {
  const { receipt, requestId, isReplay, key } = entry
  world.acknowledged += 1
  if (key !== null && !isReplay) {
    world.keyed.push(entry)
    if (world.keyed.length > 50) world.keyed.shift()
  }
  if (isReplay) return
  if (receipt === null) {
    if (entry.kind !== 'deactivate' && entry.kind !== 'refresh')
      world.problems.push(`${describe(entry)} was acknowledged without a receipt`)
    return
  }
  const other = world.receipts.get(receipt)
  if (other !== undefined || Number(receipt.split('/')[1]) <= world.audited)
    world.problems.push(`LOST: ${describe(entry)} has the receipt ${receipt}, which ${other ?? 'an earlier request'} was given before`)
  world.receipts.set(receipt, requestId ?? '')
}

const recentKept = 60

function learnUser(world: World, body: Body, writer: number): void {
  const id = String(body.id)
  if (!world.users.has(id)) world.recent.set(writer, [...(world.recent.get(writer) ?? []), id].slice(-recentKept))
  world.users.set(id, {
    id,
    username: String(body.username),
    version: Number(body.version),
    isActive: body.isActive === true,
    managerId: typeof body.managerId === 'string' ? body.managerId : null,
    body,
    writer: world.users.get(id)?.writer ?? writer,
  })
}

function deactivate(world: World, id: string): void {
  const known = world.users.get(id)
  if (!known?.isActive) return
  const version = known.version + 1
  world.users.set(id, {
    ...known,
    version,
    isActive: false,
    body: { ...known.body, version, isActive: false, status: 'inactive', updatedAt: null },
  })
  for (const session of world.sessions.values()) if (session.login === known.username) session.isOver = true
}

function learnSession(world: World, n: number, { writer, reply, sentMs }: Entry): void {
  const body = reply ?? {}
  world.sessions.set(n, {
    n,
    writer,
    login: String((body.user as Body | undefined)?.username ?? ''),
    accessToken: String(body.accessToken),
    refreshToken: String(body.refreshToken),
    issuedMs: sentMs,
    isOver: false,
    inDoubtSinceMs: null,
  })
}

function endSession(world: World, n: number): void {
  const session = world.sessions.get(n)
  if (session !== undefined) Object.assign(session, { isOver: true, inDoubtSinceMs: null })
}

export const describe = ({ n, kind, method, path, body }: Entry): string =>
  `operation ${n} (${kind}: ${method} ${path} ${JSON.stringify(body ?? {}).slice(0, 200)})`
