import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Loose } from '../../testing/server.ts'

export const ownerPassword = 'correct horse battery staple'

const launcher = join(import.meta.dirname, '../../../bin/holdfast')

/** A folder for a data folder; gone with `remove`. */
export function freshFolder(): { folder: string; data: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'))
  return { folder, data: join(folder, 'data'), remove: () => rmSync(folder, { recursive: true, force: true }) }
}

type Environment = Readonly<Record<string, string>>

function launch(args: readonly string[], data: string, environment: Environment): ChildProcessWithoutNullStreams {
  return spawn(launcher, args, {
    env: { PATH: process.env.PATH, HOLDFAST_DATA: data, HOLDFAST_PORT: '0', HOLDFAST_OWNER_PASSWORD: ownerPassword, ...environment },
  })
}

export type Ended = { code: number | null; out: string; err: string; json: Loose }

/** Runs one command to its end. `json` is standard output as a document, when it is exactly one. */
export function holdfast(
  data: string,
  args: readonly string[],
  { environment = {}, stdin = '' }: { environment?: Environment; stdin?: string } = {},
): Promise<Ended> {
  const child = launch(args, data, environment)
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  return ended(child)
}

function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  const said = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk) => (said.out += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk) => (said.err += chunk))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...said, json: documentOf(said.out) })))
}

function documentOf(text: string): Loose {
  try {
    return JSON.parse(text)
  } catch {
    return null as unknown as Loose
  }
}

export type Server = {
  url: string
  pid: number
  kill(signal: NodeJS.Signals): void
  /** All that it said, once it has ended. */
  ended: Promise<Ended>
  stop(): Promise<Ended>
}

/** A server in a process of its own, on a free port, once it says that it listens. Throws with its words when it ends instead. */
export async function startServer(data: string, environment: Environment = {}): Promise<Server> {
  const child = launch(['serve'], data, environment)
  const end = ended(child)
  const listening = new Promise<string>((resolve) => {
    let seen = ''
    child.stderr.on('data', (chunk) => {
      seen += chunk
      const url = /listens at (\S+),/.exec(seen)?.[1]
      if (url !== undefined) resolve(url)
    })
  })
  const failed = end.then(({ code, err }): never => {
    throw new Error(`serve ended with ${code}: ${err}`)
  })
  const url = await Promise.race([listening, failed])
  failed.catch(() => {})
  const kill = (signal: NodeJS.Signals) => void child.kill(signal)
  return {
    url,
    pid: child.pid ?? 0,
    kill,
    ended: end,
    stop() {
      kill('SIGTERM')
      return end
    },
  }
}

export type Reply = { status: number; body: Loose }

export async function send(url: string, path: string, body: unknown, token?: string): Promise<Reply> {
  const headers = { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
  const reply = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: reply.status, body: documentOf(await reply.text()) }
}

/** The access token of a fresh sign-in. */
export async function signIn(url: string, login = 'owner', password = ownerPassword, tenant?: string): Promise<string> {
  const { status, body } = await send(url, '/v1/sessions', { login, password, ...(tenant === undefined ? {} : { tenant }) })
  if (status !== 201) throw new Error(`sign-in of ${login}: ${status}`)
  return String(body.accessToken)
}
