import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { unzip } from '../deploy/testing/unzip.ts'
import { freshFolder, holdfast, ownerPassword } from './testing/process.ts'

let place: ReturnType<typeof freshFolder>
beforeEach(() => {
  place = freshFolder()
})
afterEach(() => place.remove())

const eventOf = (method: string, rawPath: string, { body, token }: { body?: unknown; token?: string } = {}) =>
  JSON.stringify({
    version: '2.0',
    rawPath,
    rawQueryString: '',
    headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    requestContext: { http: { method, sourceIp: '203.0.113.7' } },
    body: body === undefined ? undefined : JSON.stringify(body),
    isBase64Encoded: false,
  })
const invoke = (stdin: string, args: readonly string[] = []) => holdfast(place.data, ['lambda', 'invoke', ...args], { stdin })

describe('lambda invoke', () => {
  test.each([
    ['no JSON', 'password=hunter2'],
    ['nothing', ''],
    ['JSON of something else', '{"Records":[],"password":"hunter2"}'],
    ['a list', '[]'],
  ])('%s ends with 2, shows nothing of it, and makes no data folder', async (_, stdin) => {
    const ended = await invoke(stdin)
    expect(ended).toMatchObject({ code: 2, out: '' })
    expect(ended.err).not.toContain('hunter2')
    expect(existsSync(place.data)).toBe(false)
  })

  test('a file that is not there ends with 2 and is named', async () => {
    const ended = await invoke('', ['--event', join(place.folder, 'nothing.json')])
    expect(ended).toMatchObject({ code: 2, out: '' })
    expect(ended.err).toContain('nothing.json')
  })

  test('a wrong setting ends with 2 before the event is looked at', async () => {
    expect(await holdfast(place.data, ['lambda', 'invoke'], { environment: { HOLDFAST_PORT: 'x' } })).toMatchObject({ code: 2, out: '' })
  })

  test('users made in one process are there in the next; the result is one JSON document, logs go elsewhere', async () => {
    const signedIn = await invoke(eventOf('POST', '/v1/sessions', { body: { login: 'owner', password: ownerPassword } }))
    expect(signedIn).toMatchObject({ code: 0, json: { statusCode: 201, isBase64Encoded: false } })
    expect(signedIn.err).toContain('"status":201')
    const token = String(JSON.parse(String(signedIn.json.body)).accessToken)
    const file = join(place.folder, 'event.json')
    writeFileSync(file, eventOf('POST', '/v1/users', { token, body: { username: 'ada' } }))
    expect(await invoke('', ['--event', file])).toMatchObject({ code: 0, json: { statusCode: 201 } })
    const listed = await invoke(eventOf('GET', '/v1/users', { token }), ['--json'])
    expect(JSON.parse(String(listed.json.body)).items.map((user: { username: string }) => user.username)).toEqual(['owner', 'ada'])
    expect(listed.out).not.toContain('"level"')
  })

  test('a refusal is a result, not a failure of the command', async () => {
    expect(await invoke(eventOf('GET', '/v1/users'))).toMatchObject({ code: 0, json: { statusCode: 401 } })
  })

  test('any number of cold starts at once make one first tenant', async () => {
    const results = await Promise.all(Array.from({ length: 4 }, () => invoke(eventOf('GET', '/health'))))
    expect(results.map(({ json }) => json.statusCode)).toEqual([200, 200, 200, 200])
    expect(results.filter(({ err }) => err.includes('First start'))).toHaveLength(1)
    const { json } = await holdfast(place.data, ['tenants', 'list', '--json'])
    expect(json.items).toHaveLength(1)
  })

  test('a schedule is one too', async () => {
    const { code, json } = await invoke(JSON.stringify({ source: 'aws.scheduler', 'detail-type': 'Scheduled Event' }))
    expect({ code, json }).toEqual({ code: 0, json: { jobs: 0, removed: 0, rotated: false, problems: [] } })
  })
})

describe('lambda package', () => {
  const pack = (args: readonly string[], environment = {}) => holdfast(place.data, ['lambda', 'package', ...args], { environment })

  test('without a file, for no known architecture, or where nothing can be written, it refuses', async () => {
    const out = join(place.folder, 'a.zip')
    expect((await pack([])).code).toBe(2)
    expect((await pack(['--out', out, '--arch', 'sparc'])).code).toBe(2)
    const nowhere = await pack(['--out', join(place.folder, 'no/such/folder/a.zip')])
    expect(nowhere.code).toBe(8)
    expect(nowhere.err).toContain('a.zip cannot be written')
    const other = process.arch === 'arm64' ? 'x86_64' : 'arm64'
    const missing = await pack(['--out', out, '--arch', other, '--json'])
    expect(missing).toMatchObject({ code: 5, json: { error: 'native_missing' } })
    expect(missing.err).toContain('npm install --no-save')
    expect(existsSync(out)).toBe(false)
  })

  test('it writes the same small zip each time: the handler and what it needs, no other engine, no setting, no path of this machine', async () => {
    const [one, two] = [join(place.folder, 'one.zip'), join(place.folder, 'two.zip')]
    const secret = 'Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2E='
    const { json } = await pack(['--out', one, '--json'], { HOLDFAST_KEY: secret })
    await pack(['--out', two])
    const bytes = readFileSync(one)
    expect(json).toMatchObject({ file: one, bytes: bytes.length, handler: 'index.handler' })
    expect(bytes.length).toBeLessThanOrEqual(10_000_000)
    expect(bytes.equals(readFileSync(two))).toBe(true)
    const folder = join(place.folder, 'unpacked')
    const paths = unzip(one, folder)
    expect(paths).toContain('index.mjs')
    expect(paths.filter((path) => path.endsWith('.node'))).toHaveLength(1)
    const code = paths
      .filter((path) => /\.mjs$/.test(path))
      .map((path) => readFileSync(join(folder, path), 'utf8'))
      .join()
    expect(code).not.toMatch(/from\s*"(better-sqlite3|pg)"|import\("(better-sqlite3|pg)"\)|require\("(better-sqlite3|pg)"\)/)
    for (const never of [secret, join(import.meta.dirname, '../..'), place.folder]) expect(code).not.toContain(never)
    expect(existsSync(place.data)).toBe(false)
  })
})
