import { inPlaces, isSound, type Parts, type Place, type Plan, settleIn } from './cycles.ts'
import { perform, type Trial, writeUntil } from './load.ts'
import { ownerWriter, signIn } from './operations.ts'
import { sleep } from './random.ts'
import { countStart, type Outcome } from './report.ts'
import { type Client, connectTo } from './requests.ts'
import { type Exit, type Server, StartFailed, startServer } from './server-process.ts'
import type { Cast } from './trial.ts'

/** A place whose database fails while the server lives on. `strike` resolves when the database is there again. */
export type FailingGround = Place & { strike(): Promise<void> }

const longestMs = 30_000

/** Writers write, the database fails under them and comes back, the server must be of use again by itself, everything is checked; again and again. */
export const runOutages = (outcome: Outcome, plan: Plan, open: () => Promise<FailingGround>): Promise<void> =>
  inPlaces(outcome, plan, { open, run: runPlace })

async function runPlace(parts: Parts<FailingGround>): Promise<void> {
  const { outcome, plan, place, trial } = parts
  const { environment } = place.store
  const server = await startServer({ folder: place.folder, environment, plant: plan.plant })
  try {
    await settleIn(parts, server)
    for (const last = outcome.cycles + plan.cycles; outcome.cycles < last; ) {
      await strikeUnderLoad(parts, server)
      if (!(await isSound(parts, server, outcome.cycles >= last))) break
    }
    await server.kill()
    await place.store.proxy?.settled()
    outcome.problems.push(...(await place.store.check(place.folder, trial.world)))
  } finally {
    await server.kill()
  }
}

async function strikeUnderLoad({ outcome, plan, place, trial, cast }: Parts<FailingGround>, server: Server): Promise<void> {
  const client = connectTo(server.base)
  const stop = new AbortController()
  const writing = writeUntil(stop.signal, client, trial, cast.writers)
  await sleep(plan.random.between(...plan.loadMs))
  await place.strike()
  stop.abort()
  countStart(outcome, await untilOfUse({ client, trial, cast, server }))
  await writing
  // what a cut connection had sent may still be at work, and nobody may look before it is done
  await place.store.proxy?.settled()
  await trial.ledger.sync()
  client.close()
  outcome.cycles += 1
}

type Asked = { client: Client; trial: Trial; cast: Cast; server: Server }

/** From now until a write is acknowledged again, in milliseconds. */
async function untilOfUse({ client, trial, cast, server }: Asked): Promise<number> {
  const startedMs = performance.now()
  let exit: Exit | null = null
  void server.exited.then((found) => {
    exit = found
  })
  for (; performance.now() - startedMs < longestMs; await sleep(20)) {
    if ((await perform(client, trial, signIn({ n: ownerWriter, number: cast.number }))).result === 'ok')
      return performance.now() - startedMs
    if (exit !== null) throw new StartFailed(exit, server.output())
  }
  throw new Error(`${longestMs} ms after the database was there again, the server still refused to write: ${server.output().slice(-1500)}`)
}
