import { randomBytes } from 'node:crypto'
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { httpEvent, invokeFunction, unpackFunction } from '../src/deploy/testing/function-process.ts'
import { entities } from '../src/entities.ts'
import { setUpTables } from '../src/storage/dynamodb/engine.ts'
import { startDynamo } from '../src/testing/dynamodb-server.ts'

/**
 * How long the first answer of a fresh process of the packaged function takes, on DynamoDB Local, from the start of the process: Node's own start, the code, opening the store, one request.
 * AWS's own part of a cold start (a new machine, fetching the zip) is not in it. The processor's time says what it costs where other work runs beside it.
 */
const { values } = parseArgs({ options: { runs: { type: 'string', default: '9' } } })
const runs = Number(values.runs)
const most = { coldStartMs: 1500, bytes: 10_000_000 }

/** Fastest, median and slowest, in whole milliseconds. */
function spread(values: readonly number[]): [number, number, number] {
  const sorted = values.toSorted((a, b) => a - b).map(Math.round)
  return [sorted[0] ?? 0, sorted[sorted.length >> 1] ?? 0, sorted.at(-1) ?? 0]
}

const server = await startDynamo()
const code = await unpackFunction()
try {
  const prefix = `bench-${randomBytes(4).toString('hex')}`
  await setUpTables({ region: 'eu-central-1', prefix, endpoint: server.endpoint, tables: {}, entities })
  const environment = {
    HOLDFAST_STORAGE: `dynamodb://eu-central-1?prefix=${prefix}&endpoint=${encodeURIComponent(server.endpoint)}`,
    HOLDFAST_KEY: randomBytes(32).toString('base64'),
    HOLDFAST_OWNER_PASSWORD: 'correct horse battery staple',
  }
  const signIn = httpEvent('POST', '/v1/sessions', { body: { login: 'owner', password: environment.HOLDFAST_OWNER_PASSWORD } })
  const first = await invokeFunction(code, environment, [signIn])
  const token = String(first.results[0]?.json.accessToken)
  console.log(`${availableParallelism()} cores (${cpus()[0]?.model}), Node ${process.version}, ${runs} fresh processes each`)
  console.log(`zip: ${code.bytes} bytes (at most ${most.bytes})`)
  let isMet = code.bytes <= most.bytes
  for (const [name, event] of [
    ['health', httpEvent('GET', '/health')],
    ['who am I', httpEvent('GET', '/v1/me', { token })],
    ['sign-in', signIn],
  ] as const) {
    const took: number[] = []
    const cpu: number[] = []
    for (let run = 0; run < runs; run++) {
      const { firstAnswerMs, firstAnswerCpuMs } = await invokeFunction(code, environment, [event])
      took.push(firstAnswerMs)
      cpu.push(firstAnswerCpuMs)
    }
    const [fastest, median, slowest] = spread(took)
    isMet &&= median <= most.coldStartMs
    console.log(
      `cold start to the first answer, ${name}: median ${median} ms, ${fastest} to ${slowest} (at most ${most.coldStartMs}); processor ${spread(cpu)[1]} ms`,
    )
  }
  process.exitCode = isMet ? 0 : 1
} finally {
  code.remove()
  await server.stop()
}
