import type { Entry, Result } from './ledger.ts'
import { perform, type Trial } from './load.ts'
import { signIn } from './operations.ts'
import type { Client, Credential } from './requests.ts'
import { apply, bearer, describe, freshest, type World } from './world.ts'

/** How long a predecessor still gives its successor (native-api.md section 2), less what a slow machine may take to answer. */
const graceMs = 9_000

/** `repeated`: how many of them were sent again with their key. */
export type Settled = { count: number; repeated: number; problems: string[] }

/**
 * Finds out what became of every operation whose reply was lost. With a key or by nature repeatable it is sent again, and must have exactly one effect; else it is looked for, and must be there
 * wholly or not at all. Refreshes go first, because their predecessor answers for ten seconds only.
 */
export async function settle(client: Client, trial: Trial, owner: Credential): Promise<Settled> {
  const { world } = trial
  const lost = world.unknowns.splice(0).sort((a, b) => Number(b.kind === 'refresh') - Number(a.kind === 'refresh'))
  const problems: string[] = []
  let repeated = 0
  for (const entry of lost) {
    if (entry.key !== null) repeated += 1
    const problem = await settleOne({ client, trial, owner }, entry)
    if (problem !== null) problems.push(`${describe(entry)}, whose reply was lost: ${problem}`)
  }
  if (world.unknowns.length > 0) problems.push(`${world.unknowns.length} operations were sent again and not answered`)
  return { count: lost.length, repeated, problems }
}

type Place = { client: Client; trial: Trial; owner: Credential }

async function settleOne(place: Place, entry: Entry): Promise<string | null> {
  const mustBeRefused = entry.expected.every((status) => status >= 400)
  if (mustBeRefused) return repeat(place, entry)
  switch (entry.kind) {
    case 'refresh':
      return settleRefresh(place, entry)
    case 'sign-in':
      // nobody was given its tokens
      return null
    case 'sign-out':
      return settleSignOut(place, entry)
    case 'deactivate':
      return repeat(place, entry)
    case 'create':
      return entry.key === null ? lookForCreated(place, entry) : repeat(place, entry)
    case 'update':
      return entry.key === null ? lookForUpdated(place, entry) : repeat(place, entry)
    case 'other':
      return null
  }
}

async function repeat({ client, trial }: Place, entry: Entry): Promise<string | null> {
  const again = await perform(client, trial, entry)
  if (again.status !== null && entry.expected.includes(again.status)) return null
  return `sent again with the same Idempotency-Key it was answered ${again.status} ${JSON.stringify(again.reply)}`
}

async function settleRefresh(place: Place, entry: Entry): Promise<string | null> {
  const session = place.trial.world.sessions.get(entry.about.session ?? -1)
  if (Date.now() - entry.sentMs > graceMs) {
    // nothing is promised any more: the session may be over, or not
    place.trial.world.sessions.delete(session?.n ?? -1)
    if (freshest(place.trial.world, entry.writer) !== undefined) return null
    const anew = await perform(place.client, place.trial, signIn({ n: entry.writer, number: () => entry.n }))
    return anew.result === 'ok' ? null : `signing in anew was answered ${anew.status}`
  }
  const again = await perform(place.client, place.trial, entry)
  return again.status === 200 ? null : `the same refresh token was answered ${again.status} ${JSON.stringify(again.reply)}`
}

async function settleSignOut({ client, trial }: Place, entry: Entry): Promise<string | null> {
  const session = trial.world.sessions.get(entry.about.session ?? -1)
  const reply = await client.send('GET', '/v1/me', { credential: bearer(session) })
  if (reply?.status !== 200 && reply?.status !== 401) return `afterwards its access token was answered ${reply?.status}`
  note(trial, entry, reply.status === 401 ? 'after' : 'before', {})
  return null
}

/** Without a key it may have happened once: then the row is there whole. */
async function lookForCreated({ client, trial, owner }: Place, entry: Entry): Promise<string | null> {
  const username = String(entry.body?.username)
  if (isKnown(trial.world, username)) {
    note(trial, entry, 'before', {})
    return null
  }
  const reply = await client.send('GET', `/v1/users?limit=200&q=${encodeURIComponent(username)}`, { credential: owner })
  if (reply?.status !== 200) return `looking for it was answered ${reply?.status}`
  const items = (reply.body.items ?? []) as Entry['body'][]
  const found = items.filter((item) => String(item?.username).toLowerCase() === username.toLowerCase())
  if (found.length > 1) return `it exists ${found.length} times`
  const [user] = found
  if (user == null) note(trial, entry, 'before', {})
  else {
    const different = differing(entry.body, user)
    if (different !== null) return `it exists, but ${different}`
    if (user.version !== 1) return `it exists with version ${user.version}`
    note(trial, entry, 'after', user)
  }
  return null
}

async function lookForUpdated({ client, trial, owner }: Place, entry: Entry): Promise<string | null> {
  const reply = await client.send('GET', entry.path, { credential: owner })
  if (reply?.status !== 200) return `the user it changed was answered ${reply?.status}`
  const seen = Number(entry.version)
  if (reply.body.version === seen) note(trial, entry, 'before', {})
  else {
    if (reply.body.version !== seen + 1) return `it saw version ${seen}, and now there is version ${reply.body.version}`
    const different = differing(entry.body, reply.body)
    if (different !== null) return `it took effect by half: ${different}`
    note(trial, entry, 'after', reply.body)
  }
  return null
}

function note({ ledger, world }: Trial, entry: Entry, result: Result, reply: Entry['reply']): void {
  const settled = { ...entry, result, reply }
  ledger.append(settled)
  apply(world, settled)
}

/** Writers race for some names, so another one's acknowledged user may hold this one. */
function isKnown(world: World, username: string): boolean {
  const folded = username.toLowerCase()
  for (const user of world.users.values()) if (user.username.toLowerCase() === folded) return true
  return false
}

function differing(sent: Entry['body'], stored: NonNullable<Entry['body']>): string | null {
  for (const [field, value] of Object.entries(sent ?? {}))
    if (stored[field] !== value) return `${field} is ${JSON.stringify(stored[field])} and not ${JSON.stringify(value)}`
  return null
}
