import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { check, checkIntegrity } from '../checker.ts'
import type { Database } from '../databases.ts'
import { plainFolder } from '../disks.ts'
import { writeUntil } from '../load.ts'
import { clockEnvironment } from '../plants.ts'
import { type Random, sleep } from '../random.ts'
import { countStart, type Outcome } from '../report.ts'
import { type Client, connectTo, type Reply } from '../requests.ts'
import { ownerPassword, type Server, startServer } from '../server-process.ts'
import { castOf, newTrial, populate } from '../trial.ts'

const hour = 3_600_000
const day = 24 * hour
/** The longest that an account, and a network, are held off (SECURITY.md, throttling), in seconds. */
const longestHold = { account: 15 * 60, network: 60 }

export type ClockPlan = { cycles: number; random: Random; plant: string | null; isShort: boolean }

/** What a part works with: `set` moves the servers' clock, `begin` starts one. */
type Part = { outcome: Outcome; random: Random; set(offsetMs: number): Promise<void>; begin(): Promise<Server> }

/** The system's clock jumps, while the server runs and between two starts. Nobody is signed out or held off for longer than promised, nothing is lost, the log verifies. */
export async function runClock(outcome: Outcome, { cycles, random, plant, isShort }: ClockPlan, database: Database): Promise<void> {
  for (let cycle = 1; cycle <= cycles; cycle++)
    for (const part of isShort ? [jumps, holds, jitter, limits] : [jumps, holds, starts, jitter, limits]) {
      const { folder, mount, close } = plainFolder()
      const store = await database.fresh()
      const file = join(mount, 'clock')
      const limit = part === limits ? { HOLDFAST_RATE_LIMIT: '1000' } : {}
      const environment = { ...store.environment, ...clockEnvironment(file, plant), ...limit }
      // the first start on a database makes all its tables, and takes longer
      let isFirst = database.engine !== 'sqlite'
      const begin = async () => {
        const server = await startServer({ folder, environment })
        if (!isFirst) countStart(outcome, server.readyMs)
        isFirst = false
        return server
      }
      try {
        writeFileSync(file, '0')
        const problems = await part({ outcome, random, begin, set: (offsetMs) => setClock(file, offsetMs) })
        outcome.problems.push(...problems.map((problem) => `cycle ${cycle}, ${part.name}: ${problem}`))
      } catch (error) {
        outcome.problems.push(`cycle ${cycle}, ${part.name}: ${error instanceof Error ? error.message : error}`)
      } finally {
        close()
        await store.close()
      }
    }
}

/** Longer than the servers take to look again (clock-hook.ts). */
const noticedMs = 30

async function setClock(file: string, offsetMs: number): Promise<void> {
  writeFileSync(`${file}.new`, String(offsetMs))
  renameSync(`${file}.new`, file)
  await sleep(noticedMs)
}

const signIn = (client: Client, login: string, password: string) => client.send('POST', '/v1/sessions', { body: { login, password } })

const wrong = (what: string, reply: Reply | null): string => `${what} was answered ${reply?.status} ${JSON.stringify(reply?.body ?? null)}`

/** What a person does on any day: the old session is good, signing in works, reading and writing too. Gives the next refresh token. */
async function ordinaryDay(client: Client, token: string, mark: string): Promise<{ problems: string[]; token: string }> {
  const problems: string[] = []
  const refreshed = await client.send('POST', '/v1/sessions/refresh', { body: { refreshToken: token } })
  if (refreshed?.status !== 200) problems.push(wrong(`${mark}: refreshing`, refreshed))
  const signed = await signIn(client, 'owner', ownerPassword)
  if (signed?.status !== 201) problems.push(wrong(`${mark}: signing in`, signed))
  const credential = { bearer: String((refreshed?.status === 200 ? refreshed : signed)?.body.accessToken) }
  for (let count = 0; count < 20; count++) {
    const read = await client.send('GET', '/v1/me', { credential })
    if (read?.status === 200) continue
    problems.push(wrong(`${mark}: reading`, read))
    break
  }
  const made = await client.send('POST', '/v1/users', { credential, body: { username: `user-${mark.replaceAll(' ', '-')}` } })
  if (made?.status !== 201) problems.push(wrong(`${mark}: writing`, made))
  if (problems.length === 0) problems.push(...(await checkIntegrity(client, credential)).map((problem) => `${mark}: ${problem}`))
  return { problems, token: String(refreshed?.body.refreshToken ?? token) }
}

const offsets = [
  ['an hour ahead', hour],
  ['a day back', -day],
  ['right again', 0],
] as const

/** While the server runs. */
async function jumps({ outcome, set, begin }: Part): Promise<string[]> {
  const server = await begin()
  const client = connectTo(server.base)
  try {
    const problems: string[] = []
    let token = String((await signIn(client, 'owner', ownerPassword))?.body.refreshToken)
    for (const [name, offsetMs] of offsets) {
      await set(offsetMs)
      outcome.cycles += 1
      const seen = await ordinaryDay(client, token, name)
      token = seen.token
      problems.push(...seen.problems)
    }
    return problems
  } finally {
    client.close()
    await server.kill()
  }
}

/** Between two starts, as when a machine boots with a clock that knows no time yet. A hundred days ahead the signing keys are changed. */
async function starts({ outcome, set, begin }: Part): Promise<string[]> {
  const problems: string[] = []
  let token: string | null = null
  for (const [name, offsetMs] of [...offsets, ['a hundred days ahead', 100 * day], ['back from there', 0]] as const) {
    await set(offsetMs)
    outcome.cycles += 1
    const server = await begin()
    const client = connectTo(server.base)
    try {
      const isOver = offsetMs > 7 * day
      if (token === null || isOver) token = String((await signIn(client, 'owner', ownerPassword))?.body.refreshToken)
      const seen = await ordinaryDay(client, token, name)
      token = seen.token
      problems.push(...seen.problems)
    } finally {
      client.close()
      await server.kill()
    }
  }
  return problems
}

/** Someone was held off when the clock went back: for no longer than if it had not. */
async function holds({ outcome, set, begin }: Part): Promise<string[]> {
  const server = await begin()
  const client = connectTo(server.base)
  try {
    for (let count = 0; count < 7; count++) await signIn(client, 'held-off', 'a wrong pass phrase')
    await set(-day)
    outcome.cycles += 1
    const account = await signIn(client, 'held-off', 'a wrong pass phrase')
    await set(0)
    for (let count = 0; count < 30; count++) await signIn(client, `nobody-${count}`, 'a wrong pass phrase')
    await set(-day)
    outcome.cycles += 1
    const network = await signIn(client, 'owner', ownerPassword)
    return (['account', 'network'] as const).flatMap((what) => {
      const seconds = (what === 'account' ? account : network)?.retryAfterSeconds ?? 0
      return seconds <= longestHold[what]
        ? []
        : [`a day back, the ${what} is held off for ${seconds} s; promised are at most ${longestHold[what]} s`]
    })
  } finally {
    client.close()
    await server.kill()
  }
}

/** Requests are counted by the minute: a clock that goes back must not take the minutes away. */
async function limits({ outcome, set, begin }: Part): Promise<string[]> {
  const server = await begin()
  const client = connectTo(server.base)
  try {
    const credential = { bearer: String((await signIn(client, 'owner', ownerPassword))?.body.accessToken) }
    await client.send('GET', '/v1/me', { credential })
    await set(-hour)
    outcome.cycles += 1
    const reply = await client.send('GET', '/v1/me', { credential })
    return reply?.status === 200 ? [] : [`${wrong('an hour back: reading', reply)}, Retry-After ${reply?.retryAfterSeconds} s`]
  } finally {
    client.close()
    await server.kill()
  }
}

/** Small jumps both ways, all the time, under the writers: as a bad clock source makes them. */
async function jitter({ outcome, random, set, begin }: Part): Promise<string[]> {
  const server = await begin()
  const client = connectTo(server.base)
  const [trial, cast, stop] = [newTrial(), castOf(4, random), new AbortController()]
  try {
    await populate(client, trial, cast)
    const writing = writeUntil(stop.signal, client, trial, cast.writers)
    for (let count = 0; count < 30; count++) await set(random.between(-5_000, 5_000))
    stop.abort()
    await writing
    await set(0)
    outcome.cycles += 1
    outcome.acknowledged += trial.world.acknowledged
    return (await check({ client, trial, random, number: cast.number, isLast: true })).problems
  } finally {
    client.close()
    await server.kill()
    await trial.ledger.close()
  }
}
