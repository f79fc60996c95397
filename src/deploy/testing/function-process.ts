import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Loose } from '../../testing/server.ts'
import { ownArchitecture, packageLambda } from '../lambda-package.ts'
import type { LambdaResult } from '../lambda-result.ts'
import { unzip } from './unzip.ts'

export type FunctionFolder = { folder: string; bytes: number; remove(): void }

/** Hands the events on standard input to the handler one by one, as Lambda's own runtime does, and answers on descriptor 3, with what keeps the process busy afterwards. */
const runtime = `
import { createInterface } from 'node:readline'
import { writeSync } from 'node:fs'
const { handler } = await import('./code/index.mjs')
for await (const line of createInterface({ input: process.stdin })) {
  const answer = await handler(JSON.parse(line)).then((result) => ({ result }), (error) => ({ error: error.message }))
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout')
  const { user, system } = process.cpuUsage()
  writeSync(3, JSON.stringify({ ...answer, cpuMs: (user + system) / 1000, timers }) + '\\n')
}
// awake for longer than Lambda lets it be
await new Promise((resolve) => setTimeout(resolve, Number(process.env.LINGER_MS ?? 0)))
process.exit(0)
`

/** The zip as \`bin/holdfast lambda package\` makes it, unpacked into an empty folder with nothing of the repository near it. */
export async function unpackFunction(): Promise<FunctionFolder> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-function-'))
  const zip = await packageLambda(ownArchitecture)
  writeFileSync(join(folder, 'function.zip'), zip)
  unzip(join(folder, 'function.zip'), join(folder, 'code'))
  writeFileSync(join(folder, 'runtime.mjs'), runtime)
  return { folder, bytes: zip.length, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

export type Invoked = {
  /** `json` is the body, or, of a schedule's call, all of the result. */
  results: (LambdaResult & { json: Loose })[]
  /** Milliseconds from the start of the process until the first answer, the operating system's part included. */
  firstAnswerMs: number
  /** Milliseconds of processor time that the process had taken when the first answer was there. */
  firstAnswerCpuMs: number
  /** Names of timers that were still set after each event. */
  timers: string[][]
  log: string
}

/** A fresh process of the function that answers these events, and ends. */
export async function invokeFunction(
  { folder }: Pick<FunctionFolder, 'folder'>,
  environment: Readonly<Record<string, string>>,
  events: readonly unknown[],
): Promise<Invoked> {
  const startMs = performance.now()
  const child = spawn(process.execPath, ['runtime.mjs'], {
    cwd: folder,
    env: { PATH: process.env.PATH, AWS_LAMBDA_FUNCTION_NAME: 'holdfast-test', ...environment },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  })
  const said = { answers: '', log: '', firstMs: 0 }
  const answers = child.stdio[3]
  if (child.stdin === null || child.stdout === null || child.stderr === null || answers == null || !('on' in answers))
    throw new Error('no pipes')
  answers.on('data', (chunk: Buffer) => {
    if (said.firstMs === 0) said.firstMs = performance.now()
    said.answers += chunk
  })
  child.stdout.on('data', (chunk: Buffer) => (said.log += chunk))
  child.stderr.on('data', (chunk: Buffer) => (said.log += chunk))
  child.stdin.end(events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  const code = await new Promise((resolve) => child.on('close', resolve))
  if (code !== 0) throw new Error(`the function ended with ${code}: ${said.log}`)
  const lines = said.answers
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
  return {
    results: lines.map(({ result, error }) => ({
      ...result,
      error,
      json:
        typeof result?.body === 'string' && /json/.test(result.headers['content-type'] ?? '') && result.body !== ''
          ? JSON.parse(result.body)
          : result,
    })),
    firstAnswerMs: said.firstMs - startMs,
    firstAnswerCpuMs: lines[0]?.cpuMs ?? 0,
    timers: lines.map(({ timers }) => timers),
    log: said.log,
  }
}

type Send = { body?: unknown; token?: string; from?: string }

/** An event of a function URL. */
export function httpEvent(method: string, path: string, { body, token, from = '203.0.113.7' }: Send = {}): object {
  const [rawPath = '', rawQueryString = ''] = path.split('?')
  return {
    version: '2.0',
    rawPath,
    rawQueryString,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    requestContext: { stage: '$default', http: { method, sourceIp: from } },
    body: body === undefined ? null : JSON.stringify(body),
    isBase64Encoded: false,
  }
}
