import { afterAll, beforeAll, expect, test } from 'vitest'
import { type S3Server, startS3Server } from '../testing/s3-server.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

const lockMs = 5 * 60_000
let bucket: S3Server
let server: TestServer
let token: string

beforeAll(async () => {
  bucket = await startS3Server({ backups: {}, locked: { lockMs } })
  process.env.AWS_ACCESS_KEY_ID = bucket.credentials.accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = bucket.credentials.secretAccessKey
  const query = `region=${bucket.region}&endpoint=${encodeURIComponent(bucket.endpoint)}`
  server = await startTestServer({ HOLDFAST_BACKUP: `s3://backups/ours?${query},s3://locked?${query}` })
  token = await server.signIn()
})
afterAll(async () => {
  await server.close()
  await bucket.close()
})

const backups = () => {
  const { service } = server.holdfast.backups ?? {}
  if (service === undefined) throw new Error('No backups are made')
  return service
}
const listed = async () => (await backups().list()).map(({ id, target, provenAt }) => ({ id, target, isProven: provenAt !== null }))
const verify = async (url: string) => (await backups().verify({ id: null, url })).problems.map(({ file, code }) => ({ file, code }))

test('a backup in two buckets is proven in each, listed and whole', async () => {
  const { status, body } = await server.send('POST', '/v1/backups', { token, body: {} })
  expect({ status, target: body.target }).toEqual({ status: 201, target: expect.stringMatching(/^s3:\/\/(backups\/ours|locked)$/) })
  const id = String(body.id)
  expect(await listed()).toEqual(
    expect.arrayContaining(['s3://backups/ours', 's3://locked'].map((target) => ({ id, target, isProven: true }))),
  )
  expect(await verify('s3://backups/ours')).toEqual([])
  expect(await backups().prove({ id, url: 's3://backups/ours' })).toMatchObject({ ok: true, id })
})

test('a bit that rotted in the bucket is found: by verifying, and by proving', async () => {
  const [{ id = '' } = {}] = await listed()
  const damaged = [
    `snapshots/${id}/user.ndjson.zst.age`,
    ...bucket
      .bucket('backups')
      .keys('ours/log/')
      .slice(0, 1)
      .map((key) => key.slice(5)),
  ]
  for (const file of damaged) bucket.damage('backups', `ours/${file}`)
  expect(await verify('s3://backups/ours')).toEqual(expect.arrayContaining(damaged.map((file) => ({ file, code: 'changed' }))))
  expect(await backups().prove({ id, url: 's3://backups/ours' })).toMatchObject({ ok: false })
  expect(await verify('s3://locked')).toEqual([])
  for (const file of damaged) bucket.damage('backups', `ours/${file}`)
})

test('old snapshots are removed from one bucket while the other keeps them', async () => {
  const [{ id = '' } = {}] = await listed()
  await server.send('POST', '/v1/users', { token, body: { username: 'ann' } })
  const newer = String((await server.send('POST', '/v1/backups', { token, body: {} })).body.id)
  await backups().prune({ keep: 1, dryRun: false })
  const left = await listed()
  expect(left.filter(({ target }) => target === 's3://backups/ours').map((one) => one.id)).toEqual([newer])
  expect(left.filter(({ target }) => target === 's3://locked').map((one) => one.id)).toEqual([newer, id])
  expect(await verify('s3://locked')).toEqual([])
  bucket.aheadMs = lockMs + 60_000
  await backups().prune({ keep: 1, dryRun: false })
  bucket.aheadMs = 0
  expect((await listed()).map((one) => one.id)).toEqual([newer, newer])
})
