import { compareUsers } from './compare.ts'
import { credentialOf, perform, type Trial } from './load.ts'
import { ownerWriter, refresh } from './operations.ts'
import type { Random } from './random.ts'
import type { Body, Client, Credential } from './requests.ts'
import { settle } from './settle.ts'
import { bearer, describe, freshest, type KnownSession } from './world.ts'

/** An access token that old may have expired by itself; the owner's is exchanged before. */
const trustedTokenMs = 590_000
const oldTokenMs = 400_000
/** Sessions whose refresh token is tried after each fault; all of them at the end. */
const refreshedPerCheck = 8
const replayedPerCheck = 6

/** `isLast`: nothing comes after it, so it may take longer. */
export type Checked = { client: Client; trial: Trial; random: Random; number(): number; isLast: boolean }

/** Everything that must hold once the server is ready again after a fault. */
export async function check(place: Checked): Promise<{ settled: number; repeated: number; problems: string[] }> {
  const { client, trial } = place
  const { world } = trial
  const { count, repeated, problems } = await settle(client, trial, await ownerCredential(place))
  const owner = await ownerCredential(place)
  problems.push(...(await checkReplays(place)))
  problems.push(...(await checkSessions(place)))
  problems.push(...(await compareUsers(client, world, owner)))
  problems.push(...(await checkReceipts(client, trial, owner)))
  problems.push(...(await checkIntegrity(client, owner)))
  problems.push(...world.problems.splice(0))
  return { settled: count, repeated, problems }
}

async function ownerCredential({ client, trial, number }: Checked): Promise<Credential> {
  const session = freshest(trial.world, ownerWriter)
  if (session !== undefined && session.inDoubtSinceMs === null && session.issuedMs < Date.now() - oldTokenMs)
    await perform(client, trial, refresh({ n: ownerWriter, number }, session))
  return bearer(freshest(trial.world, ownerWriter))
}

/** The same key and body again: the first answer, and no second effect (the comparison of all users comes after this). */
async function checkReplays({ client, trial, random }: Checked): Promise<string[]> {
  const problems: string[] = []
  for (let count = 0; count < replayedPerCheck; count++) {
    const first = random.pick(trial.world.keyed)
    if (first === undefined) break
    const { method, path, key, body, version } = first
    const again = await client.send(method, path, { credential: credentialOf(trial, first), key, body, version })
    const isSame = again?.status === first.status && JSON.stringify(again?.body) === JSON.stringify(first.reply) && again.isReplay
    if (!isSame) problems.push(`${describe(first)} with its key again was answered ${again?.status} ${JSON.stringify(again?.body)}`)
  }
  return problems
}

/** Nobody is signed out who did not ask for it, and who did stays so. */
async function checkSessions(place: Checked): Promise<string[]> {
  const { client, trial, random, isLast } = place
  const problems: string[] = []
  const live: KnownSession[] = []
  for (const session of trial.world.sessions.values()) {
    if (session.inDoubtSinceMs !== null || Date.now() - session.issuedMs > trustedTokenMs) continue
    const reply = await client.send('GET', '/v1/me', { credential: bearer(session) })
    const expected = session.isOver ? 401 : 200
    if (reply?.status !== expected)
      problems.push(
        `session ${session.n} of ${session.login} ${session.isOver ? 'was ended' : 'is good'}, and was answered ${reply?.status}`,
      )
    else if (!session.isOver) live.push(session)
  }
  for (const session of over(trial, random)) {
    const reply = await client.send('POST', '/v1/sessions/refresh', { body: { refreshToken: session.refreshToken } })
    if (reply?.status !== 401) problems.push(`session ${session.n} was ended, and its refresh token was answered ${reply?.status}`)
  }
  const tried = isLast ? live : live.filter(() => random.chance(refreshedPerCheck / Math.max(1, live.length)))
  for (const session of tried) {
    const entry = await perform(client, trial, refresh({ n: session.writer, number: place.number }, session))
    if (entry.result !== 'ok')
      problems.push(`the refresh token of session ${session.n} was answered ${entry.status} ${JSON.stringify(entry.reply)}`)
  }
  return problems
}

/** Few, because a network may try only so many tokens a minute that are good for nothing. */
const over = ({ world }: Trial, random: Random): KnownSession[] =>
  [...world.sessions.values()].filter(({ isOver }) => isOver && random.chance(0.5)).slice(-2)

/** Each receipt names its place in the log: there must be that very request. Goes on where the last check ended. */
async function checkReceipts(client: Client, { world }: Trial, owner: Credential): Promise<string[]> {
  const problems: string[] = []
  for (;;) {
    const cursor = world.auditCursor === null ? '' : `&cursor=${encodeURIComponent(world.auditCursor)}`
    const reply = await client.send('GET', `/v1/audit?order=asc&limit=200${cursor}`, { credential: owner })
    if (reply?.status !== 200) return [`the audit log was answered ${reply?.status} ${JSON.stringify(reply?.body ?? null)}`]
    for (const { stream, sequence, requestId } of (reply.body.items ?? []) as Body[]) {
      const place = `${stream}/${sequence}`
      const told = world.receipts.get(place)
      if (told !== undefined && told !== requestId)
        problems.push(`LOST: ${place} was acknowledged to request ${told}, and the log has request ${requestId} there`)
      world.receipts.delete(place)
      world.audited = Math.max(world.audited, Number(sequence))
    }
    if (reply.body.nextCursor === null) break
    world.auditCursor = String(reply.body.nextCursor)
  }
  for (const [place, requestId] of world.receipts)
    problems.push(`LOST: ${place} was acknowledged to request ${requestId}, and the log has no such entry`)
  return problems
}

/** The server's own whole check: SQLite's, the chain, the signed heads, and every row against what the log says. */
export async function checkIntegrity(client: Client, owner: Credential): Promise<string[]> {
  const reply = await client.send('GET', '/v1/integrity', { credential: owner })
  return reply?.status === 200 && reply.body.status === 'ok'
    ? []
    : [`integrity: ${reply?.status} ${JSON.stringify(reply?.body ?? null).slice(0, 2000)}`]
}
