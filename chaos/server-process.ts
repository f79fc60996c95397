import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { holdUntilExit } from './cleanup.ts'
import { plantEnvironment } from './plants.ts'
import { sleep } from './random.ts'
import { connectTo } from './requests.ts'

const root = join(import.meta.dirname, '..')
export const holdfast = join(root, 'bin/holdfast')

export const ownerPassword = 'correct horse battery staple'

export type ServerOptions = {
  folder: string
  environment?: Readonly<Record<string, string>>
  /** A planted bug (plants.ts), for negative controls. */
  plant?: string | null
  /** What the server runs under, such as strace with its arguments. */
  under?: readonly string[]
}

export type Exit = { code: number | null; signal: NodeJS.Signals | null }

export type ServerProcess = {
  pid: number
  output(): string
  exited: Promise<Exit>
  /** SIGKILL to it and to what it runs under; resolves when it is gone. */
  kill(): Promise<void>
}

export type Server = ServerProcess & {
  base: string
  /** From the start of the process until `/health` said 200. */
  readyMs: number
}

/** It ended, or did not get ready in time. */
export class StartFailed extends Error {
  readonly exit: Exit | null
  constructor(exit: Exit | null, output: string) {
    super(`The server ${exit === null ? 'did not get ready' : `ended with ${exit.signal ?? exit.code}`}: ${output.slice(-1500)}`)
    this.exit = exit
  }
}

/** How long a start may take before it counts as hanging. The promise is three seconds; the report says how long it took. */
const longestStartMs = 60_000

/** The settings of every server here: hashing at its floor, no limit of requests, any free port. */
export function environmentFor({ folder, environment = {}, plant = null }: ServerOptions): NodeJS.ProcessEnv {
  return {
    ...withoutHoldfast(process.env),
    HOLDFAST_DATA: folder,
    HOLDFAST_PORT: '0',
    HOLDFAST_OWNER_PASSWORD: ownerPassword,
    HOLDFAST_TENANT: 'Chaos',
    HOLDFAST_RATE_LIMIT: 'off',
    HOLDFAST_LOG_LEVEL: 'warn',
    // strace sees no write that goes through io_uring
    UV_USE_IO_URING: '0',
    ...plantEnvironment(plant),
    ...environment,
  }
}

/** The surrounding settings must not reach the servers under test; nor must vitest's NODE_ENV and NODE_OPTIONS. */
const withoutHoldfast = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(HOLDFAST_|NODE_OPTIONS$|NODE_ENV$|VITEST)/.test(name)))

/** Where util-linux is there, the kernel ends a server whose harness was killed. */
const bound = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL'] : []

/** `bin/holdfast serve` as a process of its own, not waited for. */
export const spawnServer = (options: ServerOptions): ServerProcess => spawnCommand(options, 'serve')

/** The same for any command, so that it can be killed on its way. */
export function spawnCommand(options: ServerOptions, ...args: string[]): ServerProcess {
  const [command = holdfast, ...rest] = [...bound, ...(options.under ?? []), holdfast, ...args]
  const child = spawn(command, rest, { env: environmentFor(options), stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const pid = child.pid
  if (pid === undefined) throw new Error(`${command} cannot be started`)
  const text = collect(child)
  const letGo = holdUntilExit(() => end(pid))
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      letGo()
      resolve({ code, signal })
    })
  })
  return {
    pid,
    output: text,
    exited,
    async kill() {
      end(pid)
      await exited
    },
  }
}

/** Starts the server and waits until it is ready. Errors: `StartFailed`. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const startedMs = performance.now()
  return untilReady(spawnServer(options), startedMs)
}

export async function untilReady(server: ServerProcess, startedMs: number): Promise<Server> {
  let gone: Exit | null = null
  void server.exited.then((exit) => {
    gone = exit
  })
  for (;;) {
    const base = /listens at (http:\S+?),? /.exec(server.output())?.[1]
    if (base !== undefined && (await isReady(base))) return { ...server, base, readyMs: performance.now() - startedMs }
    if (gone !== null) throw new StartFailed(gone, server.output())
    if (performance.now() - startedMs > longestStartMs) {
      await server.kill()
      throw new StartFailed(null, server.output())
    }
    await sleep(10)
  }
}

async function isReady(base: string): Promise<boolean> {
  const client = connectTo(base)
  const reply = await client.send('GET', '/health')
  client.close()
  return reply?.status === 200 || reply?.status === 404
}

function end(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const longestOutput = 100_000

function collect(child: ChildProcess): () => string {
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-longestOutput)
    })
  return () => text
}
