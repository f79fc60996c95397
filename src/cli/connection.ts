import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { AppError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/services.ts'
import type { Mended, RecoveryOptions } from '../main.ts'
import type { FirstOwner } from '../session/first-start.ts'
import { ask, dial } from './control-client.ts'
import { type Events, type Place, type Request, socketAddress } from './control-wire.ts'

/** Performs an operation or a task by name, as `system`. Errors: whatever it refuses. */
export type Run = <T>(name: string, at: Place, input: unknown, events?: Events) => Promise<T>

export type Options = {
  config: Config
  /** Whether a folder without data is made one with data, as the first start of the server does. Else it is refused. */
  mayBegin: boolean
  /** Whether it waits longer than commands do. */
  isPatient?: boolean
  say(words: string): void
  /** How an empty storage is filled from backups. */
  recovery?: RecoveryOptions
  /** Told what was rebuilt when this process opened the storage itself. */
  opened?(mended: Mended | null): void
}

/** How long a command waits for a folder that another command holds, or a server that is just starting. It says so when that takes a moment. */
const patienceMs = 20_000
const longPatienceMs = 30_000
const quietMs = 2_000
const pauseMs = 100

/** Gives `work` the running server of the data folder, or, where there is none, the folder itself under its lock. The same operations either way. */
export async function connected<T>(options: Options, work: (run: Run) => Promise<T>): Promise<T> {
  const { config, mayBegin, isPatient = false } = options
  let isTold = false
  for (const startedMs = performance.now(); ; ) {
    const address = existsSync(config.dataFolder) ? socketAddress(config.dataFolder) : null
    if (address !== null && (await listens(address)))
      return work((name, at, input, events) => ask(address, requestOf(name, at, input, events), events) as never)
    if (!mayBegin && isEmpty(config)) throw noData(config.dataFolder)
    const opened = await open(options).catch((error: unknown) => {
      const waitedMs = performance.now() - startedMs
      if (!(error instanceof AppError && error.code === 'folder_in_use') || waitedMs > (isPatient ? longPatienceMs : patienceMs))
        throw error
      if (waitedMs > quietMs && !isTold) options.say('Another process uses the data folder; waiting for it …')
      isTold ||= waitedMs > quietMs
      return null
    })
    if (opened !== null) return opened(work)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}

/** Only of SQLite can that be told without opening it. */
const isEmpty = ({ storage, dataFolder }: Config): boolean =>
  storage.engine === 'sqlite' && !existsSync(join(storage.folder ?? dataFolder, 'holdfast.db'))

/** As it would come out of the socket, so that both ways see the same input. */
function requestOf(name: string, at: Place, given: unknown, events?: Events): Request {
  const input = JSON.parse(JSON.stringify(given)) as unknown
  return events?.progress === undefined ? { name, at, input } : { name, at, input, wantsProgress: true }
}

async function listens(address: string): Promise<boolean> {
  const socket = await dial(address)
  socket?.destroy()
  return socket !== null
}

async function open({ config, say, recovery, opened }: Options): Promise<<T>(work: (run: Run) => Promise<T>) => Promise<T>> {
  // the store and all that stands on it load only here: beside a running server a command starts in a tenth of the time
  const [{ openHoldfast }, { execute }, { giveRecoveryKit }] = await Promise.all([
    import('../main.ts'),
    import('./execute.ts'),
    import('./recovery-kit.ts'),
  ])
  const holdfast = await openHoldfast(config, logTo(say), recovery === undefined ? {} : { recovery })
  opened?.(holdfast.mended)
  return async (work) => {
    try {
      if (holdfast.firstOwner !== null) {
        say(firstOwnerWords(holdfast.firstOwner))
        await giveRecoveryKit(holdfast, say)
      }
      return await work((name, at, input, events) => execute(holdfast, requestOf(name, at, input, events), events) as never)
    } finally {
      await holdfast.close()
    }
  }
}

/** What the store has to say, in words for people. */
export const logTo = (say: (words: string) => void): Logger => ({
  info: () => {},
  warn: (_fields, message) => say(`Warning: ${message}`),
  error: (fields, message) => say(`Error: ${message}${'err' in fields ? `: ${String(fields.err)}` : ''}`),
})

const noData = (folder: string) =>
  new AppError(
    'not_found',
    'no_data',
    `There is no data in ${folder}. Start the server once with bin/holdfast serve, or name the right folder with HOLDFAST_DATA.`,
  )

/** Said once, when the first tenant is made. */
export function firstOwnerWords({ tenant, username, password }: FirstOwner): string {
  const made = `First start: made the tenant ${JSON.stringify(tenant)} and its owner.\n  username: ${username}\n`
  if (password === null) return `${made}  password: the one of HOLDFAST_OWNER_PASSWORD\n`
  return `${made}  password: ${password}\nThis password is shown only now. If it gets lost: bin/holdfast users password ${username}\n`
}
