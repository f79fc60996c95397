import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { entities } from '../entities.ts'
import { freshFolder, holdfast, type Server, send, signIn, startServer } from './testing/process.ts'

const { folder, data, remove } = freshFolder()
afterAll(remove)

const newKey = () => randomBytes(32).toString('base64')
const keyFile = (of: string) => readFileSync(join(of, 'master.key'), 'utf8').trim().split('\n')
const rotating = (of: string, environment: Record<string, string> = {}) =>
  holdfast(of, ['keys', 'rotate-master', '--json'], { environment })

const company = (companyId: string) => ({
  accountId: 'A-1',
  companyId,
  accountName: 'Example Field Service',
  companyName: 'Example Ltd',
  cluster: 'eu',
  contactCompanyName: 'Example Ltd',
  contactFullName: 'Ada Example',
  contactEmailAddress: 'ada@example.org',
  clientId: 'client-1',
  clientSecret: `secret of ${companyId}`,
  validFrom: '2024-01-01T00:00:00.000Z',
  validTo: '2099-06-30T00:00:00.000Z',
  createdAt: '2023-12-24T18:00:00.000Z',
  isActive: true,
})

/** A file that only the same secrets make a second run skip: whether they open is what it shows. */
function storageFile(companies: number): string {
  const path = join(folder, `storage-${companies}.json`)
  const entries = Array.from({ length: companies }, (_, at) => [`fsm_tenant_A-1_c${at}`, JSON.stringify(company(`c${at}`))])
  writeFileSync(path, JSON.stringify(Object.fromEntries(entries)))
  return path
}
const importing = (of: string, file: string, environment: Record<string, string> = {}) =>
  holdfast(of, ['import', 'fsm-localstorage', file, '--json'], { environment })

/** Something sealed of every kind that a person makes. */
async function fill(server: Server): Promise<string> {
  const token = await signIn(server.url)
  expect((await send(server.url, '/v1/second-factor', {}, token)).status).toBe(201)
  return token
}

test('every secret field is either sealed, and told to be, or a digest', () => {
  const plain = entities.flatMap(({ name, secret, sealed }) =>
    [...secret].filter((field) => !sealed.includes(field)).map((field) => `${name}.${field}`),
  )
  expect(plain.sort()).toEqual([
    'api_key.keyDigest',
    'appointment.customerAccessToken',
    'credential.passwordHash',
    'credential.recoveryDigests',
    'onboarding_link.tokenDigest',
  ])
  for (const { secret, sealed } of entities) for (const field of sealed) expect(secret.has(field)).toBe(true)
})

describe('where a file holds the key', () => {
  test('a folder without data is refused, and no key is made in it', async () => {
    const empty = join(folder, 'empty')
    expect(await rotating(empty)).toMatchObject({ code: 4, json: { error: 'no_data' } })
  })

  test('a running server is not rotated beside; stopped, everything is sealed anew, and nobody notices', async () => {
    let server = await startServer(data)
    const token = await fill(server)
    expect((await importing(data, storageFile(3))).json.totals?.created).toBe(3)
    const [before] = keyFile(data)
    expect(await rotating(data)).toMatchObject({ code: 5, json: { error: 'server_running' } })
    expect(keyFile(data)).toEqual([before])
    await server.stop()

    const done = await rotating(data)
    expect(done).toMatchObject({ code: 0, json: { renewed: expect.any(Number) } })
    // two signing keys, three secrets, a second factor
    expect(Number(done.json.renewed)).toBeGreaterThanOrEqual(6)
    expect(keyFile(data)).toHaveLength(1)
    expect(keyFile(data)).not.toEqual([before])
    const [former = ''] = done.json.formerKeys?.map(String) ?? []
    expect(readFileSync(former, 'utf8').trim()).toBe(before)
    expect(statSync(former).mode & 0o777).toBe(0o600)

    server = await startServer(data)
    expect((await send(server.url, '/v1/second-factor/confirm', { code: '000000' }, token)).body.code).toBe('wrong_code')
    expect((await importing(data, storageFile(3))).json.totals?.skipped).toBe(3)
    await server.stop()
    writeFileSync(join(data, 'master.key'), `${before}\n`)
    expect((await holdfast(data, ['keys', 'list', '--json'])).code).toBe(6)
  })

  test('a kill at any moment leaves data that opens, and the next run finishes', async () => {
    const crashed = join(folder, 'crashed')
    const file = storageFile(400)
    expect((await importing(crashed, file)).json.totals?.created).toBe(400)
    const [first] = keyFile(crashed)
    for (const afterMs of [0, 60, 150, 300]) {
      const child = spawn(join(import.meta.dirname, '../../bin/holdfast'), ['keys', 'rotate-master'], {
        env: { PATH: process.env.PATH, HOLDFAST_DATA: crashed },
        stdio: 'ignore',
        detached: true,
      })
      const ended = once(child, 'exit')
      const before = readFileSync(join(crashed, 'master.key'), 'utf8')
      // from the moment on in which the new key is there
      if (keyFile(crashed).length === 1)
        while (readFileSync(join(crashed, 'master.key'), 'utf8') === before && child.exitCode === null)
          await new Promise((resolve) => setTimeout(resolve, 2))
      else await new Promise((resolve) => setTimeout(resolve, 500))
      await new Promise((resolve) => setTimeout(resolve, afterMs))
      if (child.exitCode === null) process.kill(-(child.pid ?? 0), 'SIGKILL')
      await ended
      if (afterMs === 0) expect(keyFile(crashed)).toHaveLength(2)
      expect((await importing(crashed, file)).json.totals).toMatchObject({ skipped: 400 })
    }
    const done = await rotating(crashed)
    expect(done.code).toBe(0)
    expect(keyFile(crashed)).toHaveLength(1)
    expect(keyFile(crashed)).not.toEqual([first])
    expect((await importing(crashed, file)).json.totals).toMatchObject({ skipped: 400 })
    expect(readdirSync(crashed).filter((name) => name.includes('.former')).length).toBeGreaterThan(0)
  })
})

describe('where settings hold the key', () => {
  test('the server goes on meanwhile: restarted with both keys, it is done when nothing is left under the former', async () => {
    const other = join(folder, 'settings')
    const [old, next] = [newKey(), newKey()]
    let server = await startServer(other, { HOLDFAST_KEY: old })
    const token = await fill(server)
    await importing(other, storageFile(3), { HOLDFAST_KEY: old })
    await server.stop()

    const both = { HOLDFAST_KEY: next, HOLDFAST_KEY_FORMER: old }
    server = await startServer(other, both)
    const renewed = Number((await rotating(other, both)).json.renewed)
    expect(renewed).toBeGreaterThanOrEqual(6)
    expect(await rotating(other, both)).toMatchObject({ code: 0, json: { renewed: 0, formerKeys: [] } })
    expect((await send(server.url, '/v1/second-factor/confirm', { code: '000000' }, token)).body.code).toBe('wrong_code')
    // its rows were written anew since the server read them
    expect((await holdfast(other, ['keys', 'rotate', '--json'], { environment: both })).code).toBe(0)
    await server.stop()

    expect((await holdfast(other, ['keys', 'list', '--json'], { environment: { HOLDFAST_KEY: next } })).code).toBe(0)
    expect((await importing(other, storageFile(3), { HOLDFAST_KEY: next })).json.totals?.skipped).toBe(3)
    expect((await holdfast(other, ['keys', 'list', '--json'], { environment: { HOLDFAST_KEY: old } })).code).toBe(6)
  })

  test('a key that is not at hand stops it, and a former key alone is no setting', async () => {
    const other = join(folder, 'lost')
    await holdfast(other, ['tenants', 'list', '--json'], { environment: { HOLDFAST_KEY: newKey() } })
    await holdfast(other, ['tenants', 'create', '--name', 'x', '--json'], { environment: { HOLDFAST_KEY: newKey() } })
    expect((await rotating(other, { HOLDFAST_KEY: newKey(), HOLDFAST_KEY_FORMER: newKey() })).code).toBe(6)
    expect((await rotating(other, { HOLDFAST_KEY_FORMER: newKey() })).code).toBe(2)
  })
})
