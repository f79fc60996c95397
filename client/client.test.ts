import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { enterOwner } from '../src/testing/people.ts'
import { ownerPassword, startTestServer, type TestServer } from '../src/testing/server.ts'
import { clientDescription, writtenFrom } from '../tools/client-types.ts'
import { createHoldfast, type Tokens } from './src/holdfast.ts'

let server: TestServer
let url: string

beforeAll(async () => {
  server = await startTestServer()
  url = await server.listen()
})
afterAll(() => server.close())

test('its types are those of this server', () => {
  expect(writtenFrom(), 'run: tools/run --dev tools/client-types.ts').toBe(clientDescription().digest)
})

describe('calls', () => {
  test('sign in, and are refused in words', async () => {
    const holdfast = createHoldfast({ baseUrl: url })
    expect(await holdfast.signIn({ login: 'owner', password: 'wrong' })).toMatchObject({ code: 'invalid_credentials', status: 401 })
    expect(await holdfast.signIn({ login: 'owner', password: ownerPassword })).toBeNull()
    expect((await holdfast.api.GET('/v1/me')).data).toMatchObject({ username: 'owner' })
    expect((await holdfast.api.POST('/v1/users', { body: { username: 'a b' } })).error).toMatchObject({ code: 'validation_failed' })
    await holdfast.signOut()
    expect((await holdfast.api.GET('/v1/me')).response.status).toBe(401)
  })

  test('survive a lost reply: a write happens once, and a renewal is asked for again', async () => {
    let lost = 0
    const losing: typeof fetch = async (input, init) => {
      const answer = await fetch(input, init)
      const isLost = lost > 0 && !String(input instanceof Request ? input.url : input).endsWith('/v1/sessions')
      if (!isLost) return answer
      lost -= 1
      await answer.arrayBuffer()
      throw new TypeError('the reply was lost')
    }
    const kept: (Tokens | null)[] = []
    const holdfast = createHoldfast({ baseUrl: url, fetch: losing, pause: async () => undefined, keep: (tokens) => void kept.push(tokens) })
    await holdfast.signIn({ login: 'owner', password: ownerPassword })
    lost = 2
    const made = await holdfast.api.POST('/v1/users', { body: { username: 'once' } })
    expect(made.data).toMatchObject({ username: 'once' })
    expect((await holdfast.api.GET('/v1/users', { params: { query: { q: 'once' } } })).data?.items).toHaveLength(1)

    const expired = createHoldfast({
      baseUrl: url,
      fetch: losing,
      pause: async () => undefined,
      tokens: { accessToken: 'expired', refreshToken: kept.at(-1)?.refreshToken ?? '' },
      keep: (tokens) => void kept.push(tokens),
    })
    const ask = () => expired.api.GET('/v1/me')
    const renewing = ask()
    const answers = await Promise.all([renewing, ask(), ask()])
    for (const { data } of answers) expect(data).toMatchObject({ username: 'owner' })
    expect(kept).toHaveLength(2)
    expect(kept[1]?.refreshToken).not.toBe(kept[0]?.refreshToken)
  })

  test('wait as a busy server asks, and give up in the end', async () => {
    let count = 0
    const busy = createServer((_, answer) => {
      count += 1
      answer
        .writeHead(503, { 'Retry-After': '2', 'Content-Type': 'application/problem+json' })
        .end('{"code":"busy","detail":"Later.","status":503}')
    })
    await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void busy.close())
    const waits: number[] = []
    const { port } = busy.address() as { port: number }
    const holdfast = createHoldfast({ baseUrl: `http://127.0.0.1:${port}`, apiKey: 'k', pause: async (ms) => void waits.push(ms) })
    expect((await holdfast.api.GET('/v1/me')).error).toMatchObject({ code: 'busy' })
    expect([count, waits]).toEqual([4, [2_000, 2_000, 2_000]])
  })

  test('follow the log across a lost connection, without a gap', async () => {
    const { token } = await enterOwner(server)
    const key = String((await server.send('POST', '/v1/api-keys', { token, body: { name: 'follower', role: 'admin' } })).body.key)
    const stop = new AbortController()
    let opened = 0
    const cutting: typeof fetch = async (input, init) => {
      const answer = await fetch(input, init)
      opened += 1
      if (opened > 1 || answer.body === null) return answer
      // the first connection ends behind its first event
      const [head] = [answer.body.getReader()]
      const cut = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { value } = await head.read()
          const isEvent = value !== undefined && Buffer.from(value).includes('data: ')
          if (value !== undefined) controller.enqueue(value)
          if (isEvent) {
            await head.cancel()
            controller.close()
          }
        },
      })
      return new Response(cut, { status: answer.status, headers: answer.headers })
    }
    const holdfast = createHoldfast({ baseUrl: url, apiKey: key, fetch: cutting })
    const names: string[] = []
    const following = (async () => {
      for await (const { changes } of holdfast.events(stop.signal)) {
        for (const { type, fields } of changes) if (type === 'user') names.push(String(fields?.username))
        if (names.length === 4) stop.abort()
      }
    })()
    await new Promise((resolve) => setTimeout(resolve, 300))
    for (let n = 0; n < 4; n += 1) {
      await server.send('POST', '/v1/users', { token, body: { username: `followed-${n}` } })
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await following
    expect(names).toEqual(['followed-0', 'followed-1', 'followed-2', 'followed-3'])
    expect(opened).toBeGreaterThan(1)
  })
})

test('the examples of its README do what they say', async () => {
  const { token } = await enterOwner(server)
  const key = String((await server.send('POST', '/v1/api-keys', { token, body: { name: 'readme', role: 'admin' } })).body.key)
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code)
  expect(examples).toHaveLength(3)
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-readme-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const said: string[] = []
  for (const [n, code] of examples.entries()) {
    const file = join(folder, `example-${n}.ts`)
    writeFileSync(file, code.replace("'holdfast-client'", JSON.stringify(join(import.meta.dirname, 'src/holdfast.ts'))))
    const child = spawn(process.execPath, [file], {
      env: { ...process.env, NODE_OPTIONS: '', HOLDFAST_URL: url, HOLDFAST_PASSWORD: ownerPassword, HOLDFAST_API_KEY: key },
    })
    let out = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (out += chunk.toString()))
    const code_ = await new Promise((resolve) => child.once('exit', resolve))
    expect(code_, out).toBe(0)
    said.push(out.trim())
  }
  expect(said).toEqual(['made nora', '1 of them', 'readme: user.create user'])
})
