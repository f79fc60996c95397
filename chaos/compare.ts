import type { Body, Client, Credential } from './requests.ts'
import type { KnownUser, World } from './world.ts'

/** Every user through the API against what was acknowledged, in both directions, and the rules that rows obey among themselves. */
export async function compareUsers(client: Client, world: World, owner: Credential): Promise<string[]> {
  const stored = await listUsers(client, owner)
  if (typeof stored === 'string') return [stored]
  const problems: string[] = []
  const seen = new Set<string>()
  for (const user of stored) {
    const id = String(user.id)
    if (seen.has(id)) problems.push(`user ${id} is listed twice`)
    seen.add(id)
    const known = world.users.get(id)
    const difference = known === undefined ? 'is stored, but nobody was told so' : differenceOf(known, user)
    if (difference !== null) problems.push(`user ${id} (${user.username}) ${difference}`)
  }
  for (const [id, known] of world.users)
    if (!seen.has(id)) problems.push(`LOST: user ${id} (${known.username}, version ${known.version}) was acknowledged and is not there`)
  return [...problems, ...duplicates(stored), ...strayManagers(stored, seen)]
}

async function listUsers(client: Client, owner: Credential): Promise<Body[] | string> {
  const users: Body[] = []
  for (let cursor = ''; ; ) {
    const reply = await client.send('GET', `/v1/users?limit=200${cursor}`, { credential: owner })
    if (reply?.status !== 200) return `listing the users was answered ${reply?.status} ${JSON.stringify(reply?.body ?? null)}`
    users.push(...((reply.body.items ?? []) as Body[]))
    if (reply.body.nextCursor === null) return users
    cursor = `&cursor=${encodeURIComponent(String(reply.body.nextCursor))}`
  }
}

function differenceOf({ body, version }: KnownUser, stored: Body): string | null {
  if (Number(stored.version) < version) return `LOST: version ${version} was acknowledged, and version ${stored.version} is stored`
  for (const field of new Set([...Object.keys(body), ...Object.keys(stored)])) {
    if (field === 'updatedAt' && body.updatedAt === null) continue
    if (body[field] !== stored[field])
      return `has ${field} ${JSON.stringify(stored[field])}, but ${JSON.stringify(body[field])} was acknowledged`
  }
  return null
}

function duplicates(users: readonly Body[]): string[] {
  return (['username', 'email', 'number'] as const).flatMap((field) => {
    const holders = new Map<string, Body>()
    return users.flatMap((user) => {
      if (user[field] === null) return []
      const value = String(user[field]).toLowerCase()
      const other = holders.get(value)
      holders.set(value, user)
      return other === undefined ? [] : [`${field} ${value} is held by ${other.id} and by ${user.id}`]
    })
  })
}

const strayManagers = (users: readonly Body[], ids: ReadonlySet<string>): string[] =>
  users
    .filter(({ managerId }) => managerId !== null && !ids.has(String(managerId)))
    .map(({ id, managerId }) => `user ${id} has the manager ${managerId}, who does not exist`)
