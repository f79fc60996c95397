import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { readConfig } from '../config.ts'
import { openHoldfast } from '../main.ts'
import { type S3Server, startS3Server } from '../testing/s3-server.ts'
import { createLambdaHandler } from './lambda-handler.ts'
import type { LambdaResult } from './lambda-result.ts'
import { httpEvent } from './testing/function-process.ts'
import { statementsOf } from './testing/read-template.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const password = 'correct horse battery staple'
const folder = mkdtempSync(join(tmpdir(), 'holdfast-lambda-'))
let bucket: S3Server

beforeAll(async () => {
  bucket = await startS3Server({ backups: { versioned: true } })
  vi.stubEnv('AWS_ACCESS_KEY_ID', bucket.credentials.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', bucket.credentials.secretAccessKey)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await bucket.close()
  rmSync(folder, { recursive: true, force: true })
})

/** What an answered request of S3 needs (service authorization reference of Amazon S3). */
function neededFor({ method, url }: { method: string; url: string }): string {
  if (method !== 'GET') return `${method} ${url}`
  return url.includes('list-type=2') ? 's3:ListBucket' : 's3:GetObject'
}

test('of the backups a function reads what an empty store is rebuilt from, writes and removes none, says that it makes none, and its role may do no more', async () => {
  const settings = (data: string) => ({
    NODE_ENV: 'test',
    HOLDFAST_DATA: join(folder, data),
    HOLDFAST_KEY: key,
    HOLDFAST_OWNER_PASSWORD: password,
    HOLDFAST_BACKUP: `s3://backups?region=${bucket.region}&endpoint=${encodeURIComponent(bucket.endpoint)}`,
  })
  const key = randomBytes(32).toString('base64')
  const server = await openHoldfast(readConfig(settings('server')), quiet)
  const tenantId = server.firstOwner?.tenantId
  await server.close()
  expect(bucket.bucket('backups').keys('log/')).not.toEqual([])
  bucket.seen.length = 0

  const handler = createLambdaHandler({ environment: settings('function'), logTo: () => {}, madeFirst: () => {} })
  const send = async (...given: Parameters<typeof httpEvent>) => (await handler.handle(httpEvent(...given))) as LambdaResult
  try {
    const { accessToken: token } = JSON.parse((await send('POST', '/v1/sessions', { body: { login: 'owner', password } })).body)
    expect((await send('GET', '/v1/me', { token })).body).toContain(`"${tenantId}"`)
    const refused = await send('POST', '/v1/backups', { token, body: {} })
    expect([refused.statusCode, JSON.parse(refused.body).code]).toEqual([409, 'backups_off'])
    await handler.handle({ source: 'aws.scheduler', 'detail-type': 'Scheduled Event' })
  } finally {
    await handler.close()
  }

  const needed = new Set(bucket.seen.map(neededFor))
  const allowed = statementsOf('FunctionRole')
    .filter(({ resources }) => resources.join().includes('BackupsBucket'))
    .flatMap(({ actions }) => actions)
  expect([...needed].toSorted()).toEqual(allowed.toSorted())
})
