import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../command.ts'
import { inPlaces, isSound, type Parts, type Place, type Plan, settleIn } from '../cycles.ts'
import type { Database } from '../databases.ts'
import { plainFolder } from '../disks.ts'
import { writeUntil } from '../load.ts'
import { clockEnvironment } from '../plants.ts'
import { sleep } from '../random.ts'
import { countStart, type Outcome } from '../report.ts'
import { connectTo } from '../requests.ts'
import { type Server, type ServerOptions, startServer } from '../server-process.ts'

/** How long the one that is left goes on before everything is checked. */
const aloneMs = [100, 400] as const
/** Older than signing keys get (SECURITY.md, keys). */
const muchLaterMs = 100 * 24 * 3_600_000

/** Two servers on one database under the same writers, and one of them killed: the other notices nothing, and takes over what was left open. What is done once is done by one of them. */
export const runSeveral = (outcome: Outcome, plan: Plan, database: Database): Promise<void> =>
  inPlaces(outcome, plan, {
    async open(): Promise<Place> {
      const { mount, close } = plainFolder()
      const store = await database.fresh()
      return {
        folder: mount,
        store,
        async close() {
          close()
          await store.close()
        },
      }
    },
    run: runPlace,
  })

async function runPlace(parts: Parts<Place>): Promise<void> {
  const { outcome, plan, place, trial } = parts
  const { random } = plan
  const key = randomBytes(32).toString('base64')
  const options = optionsIn(place, { ...place.store.environment, HOLDFAST_KEY: key }, plan.plant)
  const all = await startAll(options)
  try {
    outcome.problems.push(...(await activeKeys(options[0] as ServerOptions, 2)))
    await settleIn(parts, all[0] as Server)
    for (const last = outcome.cycles + plan.cycles; outcome.cycles < last; ) {
      const victim = random.between(0, 1)
      await strikeUnderLoad(parts, all, victim)
      const again = await startServer(options[victim] as ServerOptions)
      all[victim] = again
      countStart(outcome, again.readyMs)
      if (!(await isSound(parts, all[random.between(0, 1)] as Server, outcome.cycles >= last))) return
    }
    await Promise.all(all.map((server) => server.kill()))
    await place.store.proxy?.settled()
    outcome.problems.push(...(await place.store.check(place.folder, trial.world)), ...(await rotateOnce(place, key, plan.plant)))
  } finally {
    await Promise.all(all.map((server) => server.kill()))
  }
}

/** Two servers, each with a folder of its own. */
const optionsIn = ({ folder }: Place, environment: Record<string, string>, plant: string | null): ServerOptions[] =>
  ['first', 'second'].map((name) => ({ folder: join(folder, name), environment, plant }))

/** All at the same moment. */
const startAll = (options: readonly ServerOptions[]): Promise<Server[]> => Promise.all(options.map(startServer))

async function strikeUnderLoad({ outcome, plan, place, trial, cast }: Parts<Place>, all: readonly Server[], victim: number): Promise<void> {
  const clients = all.map(({ base }) => connectTo(base))
  const stop = new AbortController()
  const shares = clients.map((_, position) => cast.writers.filter(({ n }) => (n >> 1) % clients.length === position))
  const writing = clients.map((client, position) => writeUntil(stop.signal, client, trial, shares[position] ?? []))
  await sleep(plan.random.between(...plan.loadMs))
  await all[victim]?.kill()
  await sleep(plan.random.between(...aloneMs))
  stop.abort()
  await Promise.all(writing)
  await place.store.proxy?.settled()
  await trial.ledger.sync()
  for (const client of clients) client.close()
  outcome.cycles += 1
  const bothered = trial.world.unknowns.filter(({ writer }) => shares[victim]?.every(({ n }) => n !== writer))
  for (const { n, status } of bothered) outcome.problems.push(`operation ${n} was sent to the server that was left, and answered ${status}`)
}

/** At the same moment two servers find that the signing keys are old: they get successors once. */
async function rotateOnce(place: Place, key: string, plant: string | null): Promise<string[]> {
  const file = join(place.folder, 'clock')
  writeFileSync(file, String(muchLaterMs))
  const environment = { ...place.store.environment, HOLDFAST_KEY: key, ...clockEnvironment(file, plant) }
  const options = optionsIn(place, environment, null)
  const all = await startAll(options)
  try {
    return await activeKeys(options[0] as ServerOptions, 4)
  } finally {
    await Promise.all(all.map((server) => server.kill()))
  }
}

/** One active key for tokens and one for the log, and as many in all as there should be. */
async function activeKeys(options: ServerOptions, expected: number): Promise<string[]> {
  const { code, document, words } = await runCommand(options, 'keys', 'list', '--json')
  if (code !== 0) return [`keys list ended with ${code}: ${words}`]
  const { items } = document as { items: { purpose: string; state: string }[] }
  const active = items.filter(({ state }) => state === 'active').map(({ purpose }) => purpose)
  const isRight = items.length === expected && active.sort().join() === 'log,token'
  return isRight ? [] : [`${expected} signing keys were due, and there are ${items.length}, of which active: ${active.join()}`]
}
