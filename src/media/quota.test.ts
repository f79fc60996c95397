import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startJobs } from '../job/work.ts'
import { jobHandlers } from '../job-handlers.ts'
import { Counter, remove } from '../kernel/change.ts'
import { enterOwner, join, type Person } from '../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../testing/server.ts'
import { Media } from './entity.ts'
import { bytesCounter, mostBytes } from './quota.ts'

const mib = 1_048_576
/** One MiB more than a file whose size nobody announced. */
const quota = mostBytes + mib

let server: TestServer
let owner: Person

beforeAll(async () => {
  server = await startTestServer({ HOLDFAST_MEDIA_QUOTA_MIB: '51', HOLDFAST_BACKUP: '' })
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const store = () => server.holdfast.runtime.storage.tenant(owner.tenantId)
const meta = {
  actor: { id: null, kind: 'system', name: 'test' },
  action: 'test',
  entity: null,
  requestId: null,
  time: '2026-11-28T08:00:00.000Z',
} as const
const send = (method: string, path: string, body?: unknown, { token } = owner) =>
  server.send(method, path, { token, ...(body === undefined ? {} : { body }) })
const counter = async () => (await store().get(Counter, bytesCounter))?.value ?? 0
const ask = (fileSize: number, more: object = {}, by = owner) => {
  const checksum = createHash('sha256').update('x').digest('hex')
  return send('POST', '/api/media/upload-url', { fileName: 'n.txt', fileType: 'text/plain', fileSize, checksum, ...more }, by)
}
const removeFile = ({ key }: Loose, by = owner) => send('DELETE', `/api/media?key=${encodeURIComponent(String(key))}`, undefined, by)
const pathOf = (url: unknown): string => new URL(String(url)).pathname + new URL(String(url)).search
async function upload(text: string, more: object = {}, by = owner): Promise<Loose> {
  const bytes = Buffer.from(text)
  const checksum = createHash('sha256').update(bytes).digest('hex')
  const { body: asked, text: said } = await ask(bytes.byteLength, { checksum, ...more }, by)
  if (asked.uploadUrl === undefined) throw new Error(said)
  await server.send('PUT', pathOf(asked.uploadUrl), { raw: bytes, headers: asked.headers as unknown as Record<string, string> })
  await send('POST', '/api/media/confirm-upload', { fileId: asked.fileId, key: asked.key }, by)
  return asked
}
const checklist = async () => {
  const checklistData = { sections: [{ id: 's', title: 'S', items: [] }] }
  return String((await send('POST', '/api/checklists', { checklistData })).body.checklistId)
}
beforeEach(async () => {
  const { items } = await store().list(Media, { limit: 200 })
  const row = await store().get(Counter, bytesCounter)
  await store().commit([...items.map((one) => remove(Media, one)), ...(row === null ? [] : [remove(Counter, row)])], meta)
})

test('files of one’s own, of a team and of a submission share the space of the organization, whoever races', async () => {
  const teamId = ((await send('POST', '/api/teams', { name: 'Crew' })).body.team as Loose).teamId
  const worker = await join(server, owner)
  const places = [{}, { entityType: 'team', entityId: teamId }, { submissionId: await checklist() }]
  const size = 10 * mib
  const all = [
    ...(await Promise.all(places.map((place) => ask(size, place)))),
    ...(await Promise.all(Array.from({ length: 4 }, () => ask(size, {}, worker)))),
  ]
  const [taken, refused] = [all.filter(({ status }) => status === 201), all.filter(({ status }) => status !== 201)]
  expect(taken).toHaveLength(5)
  for (const { body } of refused) expect(body).toMatchObject({ status: 422, code: 'media_quota' })
  expect(await counter()).toBe(5 * size)
  expect((await ask(quota - 5 * size)).status).toBe(201)
  expect((await ask(1)).body.code).toBe('media_quota')
  expect((await removeFile(taken[0]?.body as Loose)).status).toBe(200)
  expect((await ask(size)).status).toBe(201)
})

test('what is refused, expires or goes with its checklist makes room again', async () => {
  const jobs = startJobs(server.holdfast.runtime, jobHandlers, { retryMs: { first: 100, longest: 500 } })
  await upload('a\0b')
  expect(await counter()).toBe(0)
  const submissionId = await checklist()
  await upload('1234567', { submissionId })
  await ask(100, { submissionId })
  expect(await counter()).toBe(107)
  await send('DELETE', `/api/checklists/${submissionId}`)
  await expect.poll(counter, { timeout: 60_000 }).toBe(0)

  await ask(1_000)
  expect(await counter()).toBe(1_000)
  const { clock } = server.holdfast.runtime
  const { realMs } = clock
  clock.realMs = () => realMs() + 25 * 60 * 60 * 1_000
  try {
    await expect.poll(counter, { timeout: 60_000 }).toBe(0)
  } finally {
    clock.realMs = realMs
    await jobs.stop()
  }
})

test('an upload whose size nobody announced counts as the largest until it is there', async () => {
  const older = () => send('GET', '/api/media?fileName=n.txt&fileType=text/plain')
  const { body } = await older()
  expect(await counter()).toBe(mostBytes)
  expect((await older()).body).toMatchObject({ status: 422, code: 'media_quota' })
  await server.send('PUT', pathOf(body.uploadUrl), { raw: Buffer.from('hello'), headers: { 'content-type': 'text/plain' } })
  expect((await send('POST', '/api/media/confirm-upload', { fileId: body.fileId, key: body.key })).status).toBe(200)
  expect(await counter()).toBe(5)
})

test('an erasure frees what was the person’s own, and a restore takes what it brings back', async () => {
  const gone = await join(server, owner)
  await upload('hers', {}, gone)
  const kept = await upload('of the owner')
  expect(await counter()).toBe(16)
  await send('DELETE', `/v1/users/${gone.id}`)
  expect((await send('POST', `/v1/users/${gone.id}/erasure`, { username: gone.username })).status).toBe(201)
  expect(await counter()).toBe(12)
  const sequence = (await store().head())?.sequence
  await removeFile(kept)
  expect(await counter()).toBe(0)
  const restored = await send('POST', '/v1/restores', { scope: 'record', type: 'media', id: kept.fileId, at: { sequence } })
  expect(restored.status, restored.text).toBe(201)
  expect(await counter()).toBe(12)
  expect((await send('POST', `/v1/restores/${restored.body.id}/undo`, {})).status).toBe(201)
  expect(await counter()).toBe(0)
  // of everything, the counter itself goes back and forth
  const all = await send('POST', '/v1/restores', { scope: 'tenant', at: { sequence }, includeRemoved: true })
  expect(all.status, all.text).toBe(201)
  expect(await counter()).toBe(12)
  const undone = await send('POST', `/v1/restores/${all.body.id}/undo`, {})
  expect(undone.status, undone.text).toBe(201)
  expect(await counter()).toBe(0)
})

test('files from before the bytes were counted are counted with the first upload, and scrubbing counts anew', async () => {
  const first = await upload('from before')
  await upload('also')
  const row = await store().get(Counter, bytesCounter)
  if (row === null) throw new Error('nothing was counted')
  await store().commit([remove(Counter, row)], meta)
  expect((await removeFile(first)).status).toBe(200)
  expect(await counter()).toBe(0)
  await upload('new')
  expect(await counter()).toBe(7)

  const now = await store().get(Counter, bytesCounter)
  if (now === null) throw new Error('nothing was counted')
  await store().commit([{ op: 'add', entity: Counter, id: bytesCounter, by: 500, min: null, max: null, now: now.updatedAt }], meta)
  expect((await send('POST', '/v1/media/scrub', {})).status).toBe(200)
  expect(await counter()).toBe(507)
  expect((await send('POST', '/v1/media/scrub', { repair: true })).status).toBe(200)
  expect(await counter()).toBe(7)
})
