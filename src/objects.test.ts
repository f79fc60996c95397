import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { createClock } from './kernel/clock.ts'
import { idSource } from './kernel/id.ts'
import { createObjects } from './objects.ts'
import { readObjects } from './storage-config.ts'
import { startS3Server } from './testing/s3-server.ts'

const ends: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function opening(setting: string | undefined, masterKey = randomBytes(32)) {
  const dataFolder = mkdtempSync(join(tmpdir(), 'holdfast-objects-'))
  ends.push(() => rmSync(dataFolder, { recursive: true, force: true }))
  const objects = readObjects({ HOLDFAST_OBJECTS: setting })
  return { dataFolder, make: () => createObjects({ objects, dataFolder, masterKey, clock: createClock(), ids: idSource() }) }
}

const bytes = Buffer.from('hello')
const described = { size: 5, sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824', type: 'text/plain' }

test('keeps objects in a folder of the data folder, for nobody but its user', async () => {
  const { dataFolder, make } = opening(undefined)
  const objects = await make()
  await objects.open()
  await objects.tenant('t').put('a/b', bytes, described)

  expect(objects.kind).toBe('folder')
  expect(await objects.describe()).toEqual({ name: join(dataFolder, 'objects'), settings: {} })
  for (const folder of ['objects', 'objects/.pending', 'objects/t', 'objects/t/a'])
    expect(statSync(join(dataFolder, folder)).mode & 0o777, folder).toBe(0o700)
  expect(statSync(join(dataFolder, 'objects/t/a/b+')).mode & 0o777).toBe(0o600)
})

test('signs with the master key: another server with it accepts an address, one with another key does not', async () => {
  const masterKey = randomBytes(32)
  const first = await opening(undefined, masterKey).make()
  const { url } = await first.tenant('t').signDownload('a', { attachmentName: 'a', type: 'text/plain', expiresInSeconds: 60 })
  const request = { method: 'GET', url, headers: {}, body: (async function* () {})() }

  await expect((await opening(undefined, masterKey).make()).signed?.(request)).rejects.toMatchObject({ code: 'not_found' })
  await expect((await opening(undefined).make()).signed?.(request)).rejects.toMatchObject({ code: 'signature_invalid' })
})

test('keeps objects in the bucket that the setting names, below its prefix, with credentials of the environment', async () => {
  const server = await startS3Server({ files: {} })
  ends.push(
    () => server.close(),
    () => vi.unstubAllEnvs(),
  )
  vi.stubEnv('AWS_ACCESS_KEY_ID', server.credentials.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', server.credentials.secretAccessKey)
  const objects = await opening(`s3://files/holdfast?region=${server.region}&endpoint=${server.endpoint}`).make()
  ends.push(() => objects.close())
  await objects.open()
  await objects.tenant('t').put('a/b', bytes, described)

  expect(objects).toMatchObject({ kind: 's3', signed: null })
  expect(server.bucket('files').keys('')).toEqual(['holdfast/t/a/b'])
})
