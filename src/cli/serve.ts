import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import { startJobs } from '../job/work.ts'
import { jobHandlers } from '../job-handlers.ts'
import { AppError } from '../kernel/errors.ts'
import { type Holdfast, openLog, version } from '../main.ts'
import { healLost } from '../media/heal.ts'
import { type Keeper, startKeeping } from '../preserve/keeper.ts'
import { buildServer } from '../server.ts'
import { startWebhooks } from '../webhook/deliver.ts'
import { say } from './command.ts'
import { firstOwnerWords } from './connection.ts'
import { type ControlServer, openControlServer } from './control-server.ts'
import { exitCodes } from './exit-codes.ts'
import { backUp, startDayEnd, startHousekeeping } from './housekeeping.ts'
import { refuseMoved } from './moved.ts'
import { openPatiently } from './open-patiently.ts'
import { giveRecoveryKit } from './recovery-kit.ts'
import type { Rounds } from './rounds.ts'
import { giveBackStartMemory } from './start-memory.ts'
import { startWatch } from './watch.ts'

type Log = ReturnType<typeof openLog>

/** After a signal, requests that run have this long; ten seconds are promised for everything. */
const graceMs = 8_000
/** A second server gives up at once when a server listens, and after this long when something else holds the folder. */
const patienceMs = 3_000

type Running = { app: FastifyInstance; control: ControlServer; rounds: readonly Rounds[]; keeper: Keeper; holdfast: Holdfast; log: Log }

/** Runs the server until a signal. Resolves after a clean stop. Errors: those of `openHoldfast`; `port_in_use`, `cannot_listen`. */
export async function serve(config: Config): Promise<void> {
  const log = openLog(config)
  endOnBugs(log)
  const signal = nextSignal()
  refuseMoved(config, say)
  for (const warning of config.warnings) say(`Warning: ${warning}`)
  const holdfast = await openPatiently(config, log, { patienceMs })
  let stop = () => holdfast.close()
  try {
    if (holdfast.firstOwner !== null) {
      say(firstOwnerWords(holdfast.firstOwner))
      await giveRecoveryKit(holdfast, say)
    }
    const app = await buildServer(config, holdfast)
    // before anything can be asked: whoever is missing is back by then
    const keeper = await startKeeping(holdfast.runtime)
    stop = () => keeper.stop().then(() => holdfast.close())
    const control = await openControlServer({ folder: config.dataFolder, holdfast, log })
    const rounds = [
      startHousekeeping(holdfast.runtime),
      startDayEnd(holdfast.runtime),
      ...startWatch(holdfast),
      startWebhooks(holdfast.runtime),
      startJobs(holdfast.runtime, jobHandlers),
    ]
    holdfast.backups?.start(() => backUp(holdfast))
    void healLost(holdfast.runtime).catch((error: unknown) =>
      log.warn({ err: error }, 'whether files are lost was not looked at to the end'),
    )
    stop = () => stopAll({ app, control, rounds, keeper, holdfast, log })
    giveBackStartMemory()
    const url = await listen(app, config)
    say(`Holdfast ${version} listens at ${url}, data in ${config.dataFolder}. Ctrl-C ends it.`)
    log.info({ url, version, folder: config.dataFolder, pid: process.pid }, 'listening')
    log.info({ signal: await signal }, 'stopping')
  } finally {
    await stop()
  }
  log.info({}, 'stopped')
}

async function listen(app: FastifyInstance, { host, port }: Config): Promise<string> {
  try {
    return await app.listen({ host, port })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE')
      throw new AppError(
        'unavailable',
        'port_in_use',
        `Port ${port} of ${host} is in use. Stop the program that uses it, or choose another port with HOLDFAST_PORT.`,
        { cause: error },
      )
    const advice =
      code === 'EACCES' ? 'Choose a port above 1023 with HOLDFAST_PORT' : 'Choose an address of this machine with HOLDFAST_HOST'
    throw new AppError('unavailable', 'cannot_listen', `The server cannot listen at ${host}, port ${port} (${code}). ${advice}.`, {
      cause: error,
    })
  }
}

/** `timeout` and terminals signal a process and its group, which is the same process twice: signals so close together are one. */
const togetherMs = 300

/** The first signal asks for a clean stop, the second one ends at once. */
function nextSignal(): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let askedMs: number | null = null
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(name, () => {
      if (askedMs !== null && performance.now() - askedMs > togetherMs) process.exit(exitCodes.failed)
      askedMs ??= performance.now()
      resolve(name)
    })
  return promise
}

/** Stops listening, lets what runs finish, then closes the store, which writes what it accepted. */
async function stopAll({ app, control, rounds, keeper, holdfast, log }: Running): Promise<void> {
  const timer = setTimeout(() => {
    log.warn({ graceMs }, 'some requests took too long and are cut off')
    app.server.closeAllConnections()
  }, graceMs)
  const isLate = new Promise((resolve) => setTimeout(resolve, graceMs + 500).unref())
  await Promise.race([Promise.all([app.close(), control.close(), ...rounds.map((each) => each.stop())]), isLate])
  clearTimeout(timer)
  await keeper.stop()
  await holdfast.close()
}

/** A bug leaves a state that nobody has thought of: log it and end; whoever supervises starts the server again. */
function endOnBugs(log: Log): void {
  for (const name of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(name, (error: unknown) => {
      log.error({ err: error }, name)
      log.flush()
      process.exit(exitCodes.failed)
    })
}
