import { createHash, randomUUID } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join as path } from 'node:path'
import { Readable } from 'node:stream'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runDueJobs, startJobs } from '../job/work.ts'
import { jobHandlers } from '../job-handlers.ts'
import { enterOwner, join, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { copyJobsElsewhere, forgetCopyJob } from './copies.ts'
import { Media, type MediaRow } from './entity.ts'
import { healLost } from './heal.ts'

let server: TestServer
let owner: Person
let jobs: ReturnType<typeof startJobs>
const wireKeys = new Map<string, string>()

const work = () => startJobs(server.holdfast.runtime, jobHandlers, { retryMs: { first: 100, longest: 500 } })
beforeAll(async () => {
  server = await startTestServer({ HOLDFAST_BACKUP: '' })
  owner = await enterOwner(server)
  jobs = work()
})
afterAll(async () => {
  await jobs.stop()
  await server.close()
})

const send = (method: string, url: string, body?: unknown, token = owner.token) =>
  server.send(method, url, { token, ...(body === undefined ? {} : { body }) })
const store = () => server.holdfast.runtime.storage.tenant(owner.tenantId)
const objects = async () => (await server.holdfast.runtime.services.objects()).tenant(owner.tenantId)
const copies = () => server.holdfast.runtime.services.backups?.objects

async function upload(bytes: Buffer, fileType: string, more: object = {}, token = owner.token): Promise<MediaRow> {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const { body: asked, text } = await send(
    'POST',
    '/api/media/upload-url',
    { fileName: 'f.bin', fileType, fileSize: bytes.byteLength, checksum: sha256, ...more },
    token,
  )
  if (asked.fileId === undefined) throw new Error(text)
  const row = (await store().get(Media, String(asked.fileId))) as MediaRow
  await (await objects()).put(row.objectKey, bytes, { size: bytes.byteLength, sha256, type: fileType })
  const { status, text: said } = await send('POST', '/api/media/confirm-upload', { fileId: asked.fileId, key: asked.key }, token)
  expect(status, said).toBe(200)
  wireKeys.set(row.id, String(asked.key))
  return (await store().get(Media, row.id)) as MediaRow
}
const copied = (row: MediaRow) =>
  expect.poll(async () => (await copies()?.read(owner.tenantId, row.objectKey))?.byteLength ?? 0, { timeout: 60_000 }).toBe(row.fileSize)
const there = async (row: MediaRow): Promise<boolean[]> =>
  Promise.all(
    [row.objectKey, row.displayKey, row.thumbnailKey].flatMap((key) =>
      key === null ? [] : [objects().then((all) => all.stat(key).then((stat) => stat !== null))],
    ),
  )
async function lose(row: MediaRow): Promise<void> {
  for (const key of [row.objectKey, row.displayKey, row.thumbnailKey]) if (key !== null) await (await objects()).remove(key)
}

test('a file is in the backups soon after it is taken in, unreadable without the key, and counts as part of them', async () => {
  const words = `nobody reads this ${randomUUID()}`
  const row = await upload(Buffer.from(words), 'text/plain')
  await copied(row)
  const file = path(server.folder, 'backups', 'objects', owner.tenantId, `${row.objectKey}.age`)
  expect(readFileSync(file, 'latin1')).toMatch(/^age-encryption.org/)
  expect(readFileSync(file, 'latin1')).not.toContain(words)
  await send('POST', '/v1/backups', {})
  expect(await server.holdfast.runtime.services.backups?.verify({ id: null })).toMatchObject({ ok: true, problems: [] })
})

test('what a target has already is not opened again', async () => {
  const row = await upload(Buffer.from('once'), 'text/plain')
  await copied(row)
  let opened = 0
  const open = async () => {
    opened += 1
    throw new Error('nobody reads this')
  }
  await copies()?.put(owner.tenantId, row.objectKey, open)
  expect(opened).toBe(0)
  await expect(copies()?.put(owner.tenantId, `${row.objectKey}-other`, open)).rejects.toThrow('nobody reads this')
  expect(opened).toBe(1)
})

test('lost files are back at a start, the copies of pictures too, each as it was', async () => {
  const picture = await sharp({ create: { width: 600, height: 400, channels: 3, background: '#a40' } })
    .jpeg()
    .toBuffer()
  const photo = await upload(picture, 'image/jpeg')
  const note = await upload(Buffer.from('a note'), 'text/plain')
  await copied(photo)
  await copied(note)
  await jobs.stop()
  for (const row of (await store().list(Media, {})).items) await lose(row)
  expect(await there(photo)).toEqual([false, false, false])
  await healLost(server.holdfast.runtime)
  expect([await there(photo), await there(note)]).toEqual([[true, true, true], [true]])
  const opened = await (await objects()).open(photo.objectKey)
  expect(Buffer.concat(await (opened?.body.toArray() ?? []))).toEqual(picture)
  jobs = work()
})

test('scrubbing brings one back, and never other bytes than the row tells of', async () => {
  const row = await upload(Buffer.from('the right one'), 'text/plain')
  await copied(row)
  await lose(row)
  const { clock } = server.holdfast.runtime
  const { realMs } = clock
  clock.realMs = () => realMs() + 3 * 86_400_000
  try {
    const { token } = await enterOwner(server)
    const scrub = async (body: object) => (await send('POST', '/v1/media/scrub', body, token)).body
    expect(await scrub({})).toMatchObject({ healed: 0, findings: [{ problem: 'row_without_object' }] })
    expect(await scrub({ repair: true })).toMatchObject({ healed: 1, findings: [] })
    expect(await there(row)).toEqual([true])
    await lose(row)
    await copies()?.remove(owner.tenantId, row.objectKey)
    const forged = Buffer.from('a forged file')
    await copies()?.put(owner.tenantId, row.objectKey, async () =>
      (async function* () {
        yield forged
      })(),
    )
    expect(await scrub({ repair: true })).toMatchObject({ healed: 0, findings: [{ mediaId: row.id }] })
    expect(await there(row)).toEqual([false])
  } finally {
    clock.realMs = realMs
  }
})

test('a deleted file comes back with its row', async () => {
  const row = await upload(Buffer.from('deleted by mistake'), 'text/plain')
  await copied(row)
  const sequence = (await store().head())?.sequence
  const removed = await send('DELETE', `/api/media?key=${encodeURIComponent(String(wireKeys.get(row.id)))}`)
  expect(removed.status, removed.text).toBe(200)
  await expect.poll(() => there(row)).toEqual([false])
  const restored = await send('POST', '/v1/restores', { scope: 'record', type: 'media', id: row.id, at: { sequence } })
  expect(restored.status, restored.text).toBe(201)
  await expect.poll(() => there(row), { timeout: 60_000 }).toEqual([true])
})

test('an erasure takes the copies too; a damaged copy is named, and a target that is away is asked again', async () => {
  const gone = await join(server, owner)
  const mine = await upload(Buffer.from('my own'), 'text/plain', { entityType: 'profile', entityId: gone.id }, gone.token)
  await copied(mine)
  await send('DELETE', `/v1/users/${gone.id}`)
  expect((await send('POST', `/v1/users/${gone.id}/erasure`, { username: gone.username })).status).toBe(201)
  await expect.poll(() => copies()?.read(owner.tenantId, mine.objectKey), { timeout: 60_000 }).toBeNull()

  const row = await upload(Buffer.from('to be damaged'), 'text/plain')
  await copied(row)
  const file = path(server.folder, 'backups', 'objects', owner.tenantId, `${row.objectKey}.age`)
  const bytes = readFileSync(file)
  bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1
  rmSync(file)
  writeFileSync(file, bytes)
  const verified = await server.holdfast.runtime.services.backups?.verify({ id: null })
  expect(verified?.problems.map(({ file: name, code }) => [name, code])).toEqual([
    [`objects/${owner.tenantId}/${row.objectKey}.age`, 'changed'],
  ])
  expect(await copies()?.read(owner.tenantId, row.objectKey)).toBeNull()
})

test('a process that cannot reach the backups leaves their copies to one that can, for a week', async () => {
  await jobs.stop()
  const { runtime } = server.holdfast
  const elsewhere = { ...runtime, services: { ...runtime.services, backups: null } }
  const after = (days: number) => ({ ...runtime, clock: { ...runtime.clock, realMs: () => runtime.clock.realMs() + days * 86_400_000 } })
  const forgotten = async (): Promise<MediaRow> => {
    const id = randomUUID()
    const stem = `users/${owner.id}/${id}`
    await copies()?.put(owner.tenantId, stem, async () => Readable.from(Buffer.from('gone soon')))
    const row = { id, objectKey: stem } as MediaRow
    await store().commit([forgetCopyJob(runtime, row, { atOnce: true })], {
      actor: { id: null, kind: 'system', name: 'system' },
      action: 'test.forget',
      entity: null,
      requestId: null,
      time: new Date().toISOString(),
    })
    return row
  }
  const handlers = { ...jobHandlers, ...copyJobsElsewhere }
  const copyOf = ({ objectKey }: MediaRow) => copies()?.read(owner.tenantId, objectKey)

  const left = await forgotten()
  expect(await runDueJobs(elsewhere, handlers, 60_000)).toBeGreaterThan(0)
  expect(await copyOf(left)).not.toBeNull()
  expect(await runDueJobs(after(1), jobHandlers, 60_000)).toBeGreaterThan(0)
  expect(await copyOf(left)).toBeNull()

  const alone = await forgotten()
  await runDueJobs(elsewhere, handlers, 60_000)
  await runDueJobs({ ...elsewhere, clock: after(8).clock }, handlers, 60_000)
  await runDueJobs(after(9), jobHandlers, 60_000)
  expect(await copyOf(alone)).not.toBeNull()
  jobs = work()
})
