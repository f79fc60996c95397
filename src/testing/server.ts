import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InjectOptions } from 'fastify'
import { type Config, readConfig } from '../config.ts'
import { createLogger } from '../http/log.ts'
import { type Holdfast, openHoldfast } from '../main.ts'
import { buildServer, describeServer } from '../server.ts'
import { createDocumented, type Documented } from './documented.ts'
import { freshStorage } from './engines.ts'

export const ownerPassword = 'correct horse battery staple'

/** JSON of any shape, for tests to reach into: `body.items[0].id`. */
export type Loose = Loose[] & { [key: string]: Loose }

export type Answer = { status: number; headers: Record<string, string | undefined>; body: Loose; text: string }

type Send = { token?: string; body?: unknown; headers?: Record<string, string>; from?: string; raw?: string | Buffer }

export type TestServer = {
  holdfast: Holdfast
  config: Config
  folder: string
  /** Every line logged so far; none at the level `silent`, which is the default here. */
  logged: readonly string[]
  /** One request through the whole stack, without a socket. `from` is the client's address. Throws for a status that /openapi.json does not have for a known route. */
  send(method: string, url: string, options?: Send): Promise<Answer>
  /** The access token of a fresh sign-in on `/v1`. Default: the first owner. */
  signIn(login?: string, password?: string): Promise<string>
  /** Listens on a free port of the loopback and says where, for what needs a socket. */
  listen(): Promise<string>
  close(): Promise<void>
  /** Closes and opens the same storage again. */
  restart(): Promise<void>
}

/** A real server on a storage of its own, of the engine under test. `environment` adds settings; hashing is at the allowed floor. */
export async function startTestServer(environment: Record<string, string> = {}): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  const storage = await freshStorage()
  const config = readConfig({
    NODE_ENV: 'test',
    HOLDFAST_DATA: folder,
    HOLDFAST_OWNER_PASSWORD: ownerPassword,
    HOLDFAST_TENANT: 'Acme',
    HOLDFAST_RATE_LIMIT: 'off',
    HOLDFAST_LOG_LEVEL: 'silent',
    HOLDFAST_BACKUP: 'off',
    ...storage.environment,
    ...environment,
  })
  const logged: string[] = []
  const log = createLogger(config, { write: (line) => void logged.push(line), flushSync: () => {} })
  const open = async () => {
    const holdfast = await openHoldfast(config, log)
    return { holdfast, app: await buildServer(config, holdfast) }
  }
  let { holdfast, app } = await open()
  const stop = async () => {
    await app.close()
    await holdfast.close()
  }
  const documented = documentedBy(config, holdfast)
  let addresses = 0
  async function send(method: string, url: string, { token, body, headers = {}, from, raw }: Send = {}): Promise<Answer> {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    const answer = await app.inject({
      method: method as InjectOptions['method'] & string,
      url,
      remoteAddress: from ?? '127.0.0.1',
      headers: {
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(payload === undefined ? {} : { payload }),
    } as InjectOptions)
    const isJson = /json/.test(String(answer.headers['content-type'] ?? ''))
    const parsed = isJson && answer.body !== '' ? JSON.parse(answer.body) : null
    documented(method, url, answer.statusCode, answer.statusCode >= 400 ? parsed?.code : undefined)
    return { status: answer.statusCode, headers: answer.headers as Answer['headers'], text: answer.body, body: parsed }
  }
  return {
    get holdfast() {
      return holdfast
    },
    config,
    folder,
    logged,
    send,
    async signIn(login = 'owner', password = ownerPassword) {
      addresses += 1
      const { status, body, text } = await send('POST', '/v1/sessions', {
        body: { login, password },
        from: `10.9.${addresses >> 8}.${addresses & 255}`,
      })
      if (status !== 201) throw new Error(`sign-in of ${login}: ${status} ${text}`)
      return String(body.accessToken)
    },
    listen: () => app.listen({ host: '127.0.0.1', port: 0 }),
    async close() {
      await stop()
      await storage.drop()
      rmSync(folder, { recursive: true, force: true })
    },
    async restart() {
      await stop()
      ;({ holdfast, app } = await open())
    },
  }
}

const known = new Map<string, Documented>()

/** Worked out once for all servers with the same surfaces. */
function documentedBy(config: Config, holdfast: Holdfast): Documented {
  const key = String(config.surfaces)
  const documented = known.get(key) ?? createDocumented(describeServer(config, holdfast))
  known.set(key, documented)
  return documented
}
