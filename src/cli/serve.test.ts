import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshFolder, holdfast, type Server, send, signIn, startServer } from './testing/process.ts'

const folders: ReturnType<typeof freshFolder>[] = []
const fresh = () => {
  const folder = freshFolder()
  folders.push(folder)
  return folder
}
afterAll(() => folders.forEach(({ remove }) => void remove()))

describe.concurrent('a server that cannot start', () => {
  test.each([
    [{ HOLDFAST_PORT: 'eighty' }, 'HOLDFAST_PORT is "eighty", but must be a whole number from 0 to 65535.'],
    [{ HOLDFAST_KEY: 'c2hvcnQ=' }, 'HOLDFAST_KEY has 5 bytes, but must be 32 bytes in base64'],
    [{ HOLDFAST_SURFACES: 'v1,zz' }, 'HOLDFAST_SURFACES is "v1,zz", but must be some of v1,'],
    [{ HOLDFAST_OWNER_PASSWORD: 'short' }, 'HOLDFAST_OWNER_PASSWORD is "(not shown)", but must be a password of 12 to 1024 characters.'],
    [{ HOLDFAST_OWNER_PASSWORD: 'password1234' }, 'HOLDFAST_OWNER_PASSWORD is "(not shown)", but must be a password that is not'],
    [{ HOLDFAST_OWNER_USERNAME: 'a b' }, 'HOLDFAST_OWNER_USERNAME is "a b", but must be 1 to 100 letters'],
    [{ HOLDFAST_TENANT: 'x'.repeat(300) }, `HOLDFAST_TENANT is "${'x'.repeat(300)}", but must be a name of 1 to 200 characters.`],
  ])('names the bad setting %o in one sentence, ends with 2 and makes no folder', async (environment: Record<string, string>, sentence) => {
    const { data } = fresh()
    const { code, out, err } = await holdfast(data, ['serve'], { environment })
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain(`holdfast: ${sentence}`)
    if (environment.HOLDFAST_OWNER_PASSWORD !== undefined) expect(err).not.toContain(environment.HOLDFAST_OWNER_PASSWORD)
    expect(existsSync(data)).toBe(false)
  })

  test('ends with 6 on data of another key, and changes nothing', async () => {
    const { data } = fresh()
    const key = () => randomBytes(32).toString('base64')
    const environment = { HOLDFAST_KEY: key() }
    await (await startServer(data, environment)).stop()

    const other = await holdfast(data, ['serve'], { environment: { HOLDFAST_KEY: key() } })
    const none = await holdfast(data, ['tenants', 'list', '--json'])

    expect(other).toMatchObject({ code: 6, out: '' })
    expect(other.err).toMatch(/master key/)
    expect(none).toMatchObject({ code: 6, json: { error: 'missing_key' } })
    expect(existsSync(join(data, 'master.key'))).toBe(false)
    expect(await holdfast(data, ['tenants', 'list', '--json'], { environment })).toMatchObject({ code: 0 })
  })

  test('ends with 6 when the key file holds no key', async () => {
    const { data } = fresh()
    await (await startServer(data)).stop()
    writeFileSync(join(data, 'master.key'), 'not a key\n')

    expect(await holdfast(data, ['serve'])).toMatchObject({ code: 6 })
  })

  test('ends with 1 and says what to do when the port is in use', async () => {
    const first = await startServer(fresh().data)
    const port = new URL(first.url).port

    const { code, err } = await holdfast(fresh().data, ['serve'], { environment: { HOLDFAST_PORT: port } })

    expect(code).toBe(1)
    expect(err).toContain(`Port ${port} of 127.0.0.1 is in use.`)
    expect(err).toContain('HOLDFAST_PORT')
    await first.stop()
  })
})

describe('the first start', () => {
  const { data } = fresh()
  const chosen = { HOLDFAST_OWNER_PASSWORD: '', HOLDFAST_OWNER_USERNAME: 'ada', HOLDFAST_TENANT: 'Acme' }

  test('prints a password that signs the owner in, once, to standard error alone; standard output is JSON lines', async () => {
    const server = await startServer(data, chosen)
    server.kill('SIGTERM')
    const { code, out, err } = await server.ended
    const again = await startServer(data, chosen)
    const password = / {2}password: (\S+)/.exec(err)?.[1] ?? ''

    expect(await signIn(again.url, 'ada', password)).toMatch(/^ey/)
    const second = await again.stop()

    expect(code).toBe(0)
    expect(err).toContain('made the tenant "Acme"')
    expect(password).toMatch(/^[\w-]{24}$/)
    expect(second.err).not.toContain('password')
    for (const line of `${out}${second.out}`.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg')
    expect(out + second.out + second.err).not.toContain(password)
  })

  test('does not show a password that the operator chose', async () => {
    const { data: other } = fresh()
    const { err, out } = await (await startServer(other)).stop()
    expect(err).toContain('the one of HOLDFAST_OWNER_PASSWORD')
    expect(err + out).not.toContain('correct horse')
  })

  test('by a command makes the tenant as the server would, and says so', async () => {
    const { data: other } = fresh()
    const made = await holdfast(other, ['users', 'create', '--username', 'bob', '--json'], { environment: { HOLDFAST_OWNER_PASSWORD: '' } })
    expect(made).toMatchObject({ code: 0, json: { username: 'bob', role: 'member' } })
    expect(made.err).toMatch(/username: owner\n {2}password: \S{24}\n/)
  })
})

describe('a running server', () => {
  const { data } = fresh()
  let server: Server
  beforeAll(async () => {
    server = await startServer(data)
  })
  afterAll(() => server.stop())

  test('is not joined by a second one on the same folder, which ends with 7 within 5 s and gives advice', async () => {
    const startedMs = performance.now()
    const { code, out, err } = await holdfast(data, ['serve'])
    expect({ code, out }).toEqual({ code: 7, out: '' })
    expect(performance.now() - startedMs).toBeLessThan(5000)
    expect(err).toContain(`in use by process ${server.pid}`)
    expect(err).toContain('HOLDFAST_DATA')
  })

  test('has a socket that only its user can open', () => {
    const stat = statSync(join(data, 'holdfast.sock'))
    expect(stat.isSocket()).toBe(true)
    expect(stat.mode & 0o777).toBe(0o600)
    expect(statSync(data).mode & 0o777).toBe(0o700)
  })

  test('that is killed leaves a socket behind, which stops neither commands nor the next server', async () => {
    const token = await signIn(server.url)
    const made = await send(server.url, '/v1/users', { username: 'before' }, token)
    server.kill('SIGKILL')
    await server.ended
    const isLeft = existsSync(join(data, 'holdfast.sock'))

    const alone = await holdfast(data, ['users', 'show', 'before', '--json'])
    server = await startServer(data)
    const beside = await holdfast(data, ['users', 'show', 'before', '--json'])

    expect(isLeft).toBe(true)
    expect(alone).toMatchObject({ code: 0, json: { id: made.body.id } })
    expect(beside).toMatchObject({ code: 0, json: { id: made.body.id } })
  })
})

describe.concurrent('a server that is told to stop', () => {
  test('finishes what runs, keeps all that it acknowledged, takes its socket away and ends with 0', async () => {
    const { data } = fresh()
    const server = await startServer(data)
    const token = await signIn(server.url)
    const names = Array.from({ length: 400 }, (_, i) => `user${i}`)
    const requests = names.map(async (username, i) => {
      await new Promise((resolve) => setTimeout(resolve, i / 4))
      return send(server.url, '/v1/users', { username }, token).then(
        ({ status }) => (status === 201 ? username : null),
        () => null,
      )
    })
    await Promise.race(requests)
    const ended = await server.stop()
    const acknowledged = (await Promise.all(requests)).filter((name) => name !== null)

    const { json } = await holdfast(data, ['users', 'list', '--json'])
    const kept = new Set((json.items as unknown as { username: string }[]).map(({ username }) => username))

    expect(ended.code).toBe(0)
    expect(existsSync(join(data, 'holdfast.sock'))).toBe(false)
    expect(acknowledged.length).toBeGreaterThan(0)
    expect(acknowledged.filter((name) => !kept.has(name))).toEqual([])
  })

  test('ends within ten seconds though a client never finishes its request', async () => {
    const server = await startServer(fresh().data)
    const { port } = new URL(server.url)
    const client = connect(Number(port), '127.0.0.1')
    client.on('error', () => {})
    client.write('POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{')
    await new Promise((resolve) => setTimeout(resolve, 200))
    const startedMs = performance.now()

    const { code } = await server.stop()

    expect(code).toBe(0)
    expect(performance.now() - startedMs).toBeLessThan(10_000)
    client.destroy()
  })

  test('ends with 0 on Ctrl-C too', async () => {
    const server = await startServer(fresh().data)
    server.kill('SIGINT')
    expect(await server.ended).toMatchObject({ code: 0 })
  })

  test('takes signals that come together for one, and a later one for the wish to end at once', async () => {
    const server = await startServer(fresh().data)
    server.kill('SIGTERM')
    server.kill('SIGHUP')
    expect(await server.ended).toMatchObject({ code: 0 })

    const busy = await startServer(fresh().data)
    const client = connect(Number(new URL(busy.url).port), '127.0.0.1')
    client.on('error', () => {})
    client.write('POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{')
    await new Promise((resolve) => setTimeout(resolve, 200))
    busy.kill('SIGTERM')
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    busy.kill('SIGTERM')
    expect(await busy.ended).toMatchObject({ code: 1 })
    client.destroy()
  })
})

test('a folder too deep for a socket address is served all the same', async () => {
  const { folder } = fresh()
  const data = join(folder, 'deep'.repeat(20), 'deeper'.repeat(10))
  const server = await startServer(data)

  const { code, json } = await holdfast(data, ['tenants', 'list', '--json'])

  expect({ code, tenants: json.items?.length }).toEqual({ code: 0, tenants: 1 })
  expect(await server.stop()).toMatchObject({ code: 0 })
  expect(readFileSync(join(data, 'master.key'), 'utf8')).toHaveLength(45)
  rmSync(folder, { recursive: true })
})
