import { createHash, randomBytes, randomUUID } from 'node:crypto'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startJobs } from '../../job/work.ts'
import { Media } from '../../media/entity.ts'
import { mediaJobs } from '../../media/purge.ts'
import { enterOwner, found, join, type Person } from '../../testing/people.ts'
import { type Answer, type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person
let worker: Person
let other: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
  ;[worker, other] = (await Promise.all([join(server, owner), join(server, owner)])) as [Person, Person]
})
afterAll(() => server.close())

const send = (method: string, path: string, body?: unknown, { token } = worker) =>
  server.send(method, `/api${path}`, { token, ...(body === undefined ? {} : { body }) })
const items = [{ id: 'a', text: 'Sink', requiresPhoto: true }]
const create = async (): Promise<string> =>
  String(
    (await send('POST', '/checklists', { checklistData: { title: 'Kitchen', sections: [{ id: 's', title: 'All', items }] } })).body
      .checklistId,
  )
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const describedBy = (bytes: Uint8Array, fileType: string, fileName = 'photo.jpg') => ({
  fileName,
  fileType,
  fileSize: bytes.byteLength,
  checksum: sha(bytes),
})
const ask = (body: object, by = worker) => send('POST', '/media/upload-url', body, by)
const pathOf = (url: unknown): string => new URL(String(url)).pathname + new URL(String(url)).search
const put = (asked: Loose, bytes: Buffer, headers: Record<string, string> = {}) =>
  server.send('PUT', pathOf(asked.uploadUrl), {
    raw: bytes,
    headers: { ...(asked.headers as unknown as Record<string, string>), ...headers },
  })
const confirm = ({ fileId, key }: Loose, by = worker) => send('POST', '/media/confirm-upload', { fileId, key }, by)
const picture = (width = 400, height = 300, format: 'jpeg' | 'png' | 'webp' = 'jpeg') =>
  sharp({ create: { width, height, channels: 3, background: { r: 200, g: width % 255, b: 10 } } })
    .withMetadata({ orientation: 6 })
    .toFormat(format)
    .toBuffer()
async function upload(submissionId: string, bytes: Buffer, fileType: string, fileName = 'photo.jpg'): Promise<Answer> {
  const { body: asked } = await ask({ ...describedBy(bytes, fileType, fileName), submissionId })
  expect((await put(asked, bytes)).status).toBe(200)
  return confirm(asked)
}

describe('an upload is refused', () => {
  test('of a type, a size or a form that is not taken, and to whom it is not theirs', async () => {
    const id = await create()
    const bytes = Buffer.from('hello')
    const good = { ...describedBy(bytes, 'text/plain', 'a.txt'), submissionId: id }
    expect((await ask({ ...good, fileType: 'image/svg+xml' })).body).toMatchObject({ status: 400, detail: 'File type not allowed' })
    expect((await ask({ ...good, fileType: 'constructor' })).status).toBe(400)
    expect((await ask({ ...good, fileSize: 52_428_801 })).status).toBe(413)
    expect((await ask({ ...good, fileSize: 52_428_800 })).status).toBe(201)
    for (const bad of [{ fileSize: 0 }, { fileSize: 1.5 }, { checksum: 'x' }, { fileName: '' }, { more: 1 }])
      expect((await ask({ ...good, ...bad })).status).toBe(400)
    expect((await ask(good, other)).body).toMatchObject({ status: 404, code: 'checklist_not_found' })
    expect((await ask({ ...good, submissionId: randomUUID() })).status).toBe(404)
    expect((await ask({ ...good, userId: other.id })).status).toBe(403)
    expect((await ask({ ...describedBy(bytes, 'text/plain'), entityType: 'profile', entityId: other.id })).status).toBe(403)
    expect((await ask({ ...describedBy(bytes, 'text/plain'), entityType: 'team', entityId: randomUUID() })).status).toBe(404)
  })

  test('of other bytes, headers, an altered or expired address, and twice', async () => {
    const id = await create()
    const bytes = await picture()
    const { body: asked } = await ask({ ...describedBy(bytes, 'image/jpeg'), submissionId: id })
    expect(asked).toMatchObject({ method: 'PUT', fileId: expect.any(String), expiresAt: expect.any(String) })
    const altered = Buffer.from(bytes)
    altered[100] = (altered[100] ?? 0) ^ 1
    expect((await put(asked, altered)).status).toBe(422)
    expect((await put(asked, bytes.subarray(1))).status).toBe(422)
    expect((await put(asked, bytes, { 'content-type': 'text/html' })).status).toBe(422)
    const moved = { ...asked, uploadUrl: String(asked.uploadUrl).replace(/size=\d+/, 'size=5') } as unknown as Loose
    expect((await put(moved, bytes)).status).toBe(403)
    expect((await confirm(asked)).body).toMatchObject({ status: 409, code: 'upload_missing' })
    expect((await put(asked, bytes)).status).toBe(200)
    expect((await put(asked, bytes)).status).toBe(409)
    expect((await confirm(asked, other)).status).toBe(404)
    expect((await confirm({ ...asked, key: `${asked.key}x` } as unknown as Loose)).status).toBe(404)
    expect((await confirm(asked)).status).toBe(200)
  })

  test.each([
    ['a page that says it is a picture', Buffer.from('<html><script>alert(1)</script></html>'), 'image/jpeg'],
    ['a picture of another kind', 'png', 'image/jpeg'],
    ['a head without a picture', Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.alloc(200, 7)]), 'image/jpeg'],
    ['a text with a NUL', Buffer.from('a\0b'), 'text/plain'],
    ['a text that is no UTF-8', Buffer.from([0xc3, 0x28]), 'text/plain'],
    ['a program that says it is a PDF', Buffer.from('MZ%PDF-'), 'application/pdf'],
    ['a film that says it is sound', Buffer.from('RIFF0000AVI '), 'audio/wav'],
  ])('when it is %s: nothing is kept, and its place is free again', async (_, given, fileType) => {
    const bytes = typeof given === 'string' ? await picture(10, 10, 'png') : given
    const id = await create()
    const { body: asked } = await ask({ ...describedBy(bytes, fileType), submissionId: id })
    await put(asked, bytes)
    expect((await confirm(asked)).body).toMatchObject({ status: 422, code: 'upload_mismatch' })
    expect((await confirm(asked)).body.code).toBe('upload_mismatch')
    const { media } = (await send('GET', `/media?submissionId=${id}`)).body as { media?: Loose }
    expect(media).toMatchObject([{ uploadStatus: 'failed', cdnUrl: null }])
    const objects = (await server.holdfast.runtime.services.objects()).tenant(owner.tenantId)
    expect((await objects.list(`submissions/${id}/`)).items).toEqual([])
  })

  test('of a picture that would fill the memory', async () => {
    const flood = await sharp({ create: { width: 12_000, height: 12_000, channels: 3, background: 'white' }, limitInputPixels: false })
      .png()
      .toBuffer()
    expect((await upload(await create(), flood, 'image/png')).status).toBe(422)
  })

  test('beyond ten files, whoever races; a deleted one makes room', async () => {
    const id = await create()
    const bytes = Buffer.from('note')
    const body = { ...describedBy(bytes, 'text/plain', 'n.txt'), submissionId: id }
    const all = await Promise.all(Array.from({ length: 14 }, () => ask(body)))
    expect(all.filter(({ status }) => status === 201)).toHaveLength(10)
    expect(all.find(({ status }) => status !== 201)?.body).toMatchObject({ status: 422, code: 'media_limit' })
    const one = all.find(({ status }) => status === 201)?.body as Loose
    expect((await send('DELETE', `/media?key=${encodeURIComponent(String(one.key))}`)).status).toBe(200)
    expect((await ask(body)).status).toBe(201)
    expect((await ask(body)).status).toBe(422)
  })
})

describe('a picture', () => {
  test('is kept as it is, and shown upright, small and without what the camera wrote', async () => {
    const id = await create()
    const bytes = await picture(4_000, 3_000)
    const { body } = await upload(id, bytes, 'image/jpeg', '../../etc/pass wd..jpg')
    const media = body.media as Loose
    expect(media).toMatchObject({
      fileName: 'pass_wd.jpg',
      originalName: '../../etc/pass wd..jpg',
      key: `org/${owner.tenantId}/submissions/${id}/${media.mediaId}-pass_wd.jpg`,
      uploadStatus: 'completed',
      fileType: 'image',
      submissionId: id,
      metadata: { width: 3_000, height: 4_000 },
    })
    const fetched = async (url: unknown) => server.send('GET', pathOf(url))
    const shown = await fetched(body.cdnUrl)
    expect(shown.headers).toMatchObject({ 'content-security-policy': 'sandbox', 'x-content-type-options': 'nosniff' })
    expect(shown.headers['content-disposition']).toMatch(/^attachment/)
    const stored = (await server.holdfast.runtime.services.objects()).tenant(owner.tenantId)
    const bytesOf = async (name: string) => {
      const opened = await stored.open(`submissions/${id}/${media.mediaId}${name}`)
      return Buffer.concat(await (opened?.body.toArray() ?? []))
    }
    const [display, thumbnail] = [
      await sharp(await bytesOf('.display')).metadata(),
      await sharp(await bytesOf('.thumbnail.jpg')).metadata(),
    ]
    expect(display).toMatchObject({ format: 'jpeg', width: 810, height: 1_080 })
    expect([display.exif, display.orientation ?? 1]).toEqual([undefined, 1])
    expect(thumbnail).toMatchObject({ format: 'jpeg', width: 225, height: 300 })
    expect(sha(await bytesOf('-pass_wd.jpg'))).toBe(sha(bytes))
    const small = (await upload(id, await picture(20, 10, 'webp'), 'image/webp', 's.webp')).body.media as Loose
    const opened = await stored.open(`submissions/${id}/${small.mediaId}.thumbnail.jpg`)
    expect(await sharp(Buffer.concat(await (opened?.body.toArray() ?? []))).metadata()).toMatchObject({ width: 10, height: 20 })

    const altered = pathOf(body.cdnUrl).replace(/expires=\d+/, 'expires=9999999999')
    expect((await server.send('GET', altered)).status).toBe(403)
  })

  test('is told of, found and deleted by those who may', async () => {
    const id = await create()
    const bytes = await picture()
    const { body } = await upload(id, bytes, 'image/jpeg')
    const { key } = body.media as { key?: Loose }
    const about = (action: string, field = 'key', by = worker) => send('POST', `/media?action=${action}`, { [field]: key }, by)
    expect((await about('metadata')).body.metadata).toMatchObject({
      contentType: 'image/jpeg',
      contentLength: bytes.byteLength,
      checksum: sha(bytes),
    })
    expect((await server.send('GET', pathOf((await about('download')).body.downloadUrl))).status).toBe(200)
    expect((await server.send('GET', pathOf((await about('thumbnail', 'originalKey')).body.thumbnailUrl))).status).toBe(200)
    expect((await about('explode')).body.detail).toBe('Invalid action. Supported actions: download, metadata, thumbnail')
    expect((await about('download', 'key', other)).status).toBe(404)
    const stranger = await found(server)
    expect((await about('download', 'key', stranger)).status).toBe(404)
    expect((await send('DELETE', `/media?key=${encodeURIComponent(String(key))}`, undefined, other)).status).toBe(404)
    expect((await send('GET', `/submissions/${id}`)).body.submission).toMatchObject({ mediaFiles: [{ key }] })
    expect((await send('DELETE', `/media?key=${encodeURIComponent(String(key))}`)).body).toEqual({ message: 'File deleted successfully' })
    expect((await about('download')).status).toBe(404)
  })

  test('is what an item that wants one needs, and stays once it is submitted', async () => {
    const id = await create()
    const edit = (path: string, newValue: unknown) =>
      send('POST', '/sync', {
        action: 'apply_operation',
        operation: { entityType: 'checklist', entityId: id, ops: [{ type: 'update', path, newValue }] },
      })
    await edit('items.a.checked', true)
    const text = (await upload(id, Buffer.from('no picture'), 'text/plain', 'n.txt')).body.media as Loose
    await edit(`items.a.attachments.${text.mediaId}`, 'before')
    const unready = await send('POST', `/submissions/${id}/submit`, {})
    expect(unready.body).toMatchObject({ status: 422, errors: [{ field: 'a', code: 'photo' }] })
    const photo = (await upload(id, await picture(), 'image/jpeg')).body.media as Loose
    await edit(`items.a.attachments.${photo.mediaId}`, 'after')
    expect((await send('POST', `/submissions/${id}/submit`, {})).status).toBe(200)
    expect((await send('DELETE', `/media?key=${encodeURIComponent(String(photo.key))}`)).body.code).toBe('frozen')
    expect((await ask({ ...describedBy(Buffer.from('x'), 'text/plain'), submissionId: id })).body.code).toBe('frozen')
  })
})

test('a file of one’s own, and of a team', async () => {
  const bytes = randomBytes(100)
  const pdf = Buffer.concat([Buffer.from('%PDF-1.7\n'), bytes])
  const { body: asked } = await ask({ ...describedBy(pdf, 'application/pdf', 'cv.pdf'), entityType: 'profile', entityId: worker.id })
  await put(asked, pdf)
  expect((await confirm(asked)).body.media).toMatchObject({
    key: expect.stringContaining(`/profiles/${worker.id}/`),
    thumbnailUrl: null,
    submissionId: null,
  })
  expect((await send('POST', '/media?action=download', { key: asked.key }, other)).status).toBe(404)
})

test('a picture may have any name, also that of a copy', async () => {
  const id = await create()
  for (const name of ['thumbnail.jpg', 'display']) expect((await upload(id, await picture(), 'image/jpeg', name)).status).toBe(200)
})

test('whoever lost the checklist lost its files, those too that they put there; nobody reads a file of somebody’s own', async () => {
  const id = await create()
  const work = (await send('POST', '/assignments', { checklistId: id, assignedTo: [other.id] }, owner)).body.assignment as Loose
  const bytes = Buffer.from('mine')
  const { body: asked } = await ask({ ...describedBy(bytes, 'text/plain', 'm.txt'), submissionId: id }, other)
  await put(asked, bytes)
  expect((await confirm(asked, other)).status).toBe(200)
  const download = (by: Person, key = asked.key) => send('POST', '/media?action=download', { key }, by)
  expect((await download(other)).status).toBe(200)
  await send('DELETE', `/assignments/${work.assignmentId}`, undefined, owner)
  expect((await download(other)).status).toBe(404)
  expect((await download(worker)).status).toBe(200)
  const { body: own } = await ask(describedBy(bytes, 'text/plain', 'own.txt'), other)
  await put(own, bytes)
  await confirm(own, other)
  expect((await download(other, own.key)).status).toBe(200)
  expect((await download(owner, own.key)).status).toBe(404)
})

describe('an upload that nobody confirmed', () => {
  const expiring = async ({ fileId, key }: Loose, between: () => Promise<unknown> = async () => undefined) => {
    const { runtime } = server.holdfast
    const store = runtime.storage.tenant(owner.tenantId)
    const objectKey = String(key).split('/').slice(2).join('/')
    let isFirst = true
    const watched = {
      ...store,
      async commit(...given: Parameters<typeof store.commit>) {
        if (isFirst) await between()
        isFirst = false
        return store.commit(...given)
      },
    } as typeof store
    const handler = mediaJobs['media.expire']
    const stem = objectKey.slice(0, objectKey.indexOf(String(fileId)) + 36)
    const job = { payload: { id: fileId, stem } } as never
    await handler?.({ runtime, store: watched, job, signal: new AbortController().signal, progress: () => undefined })
    return (await runtime.services.objects()).tenant(owner.tenantId).stat(objectKey)
  }

  test('goes with its bytes, and makes room', async () => {
    const id = await create()
    const bytes = Buffer.from('late')
    const { body: asked } = await ask({ ...describedBy(bytes, 'text/plain', 'l.txt'), submissionId: id })
    await put(asked, bytes)
    expect(await expiring(asked)).toBeNull()
    expect((await confirm(asked)).status).toBe(404)
    const again = await Promise.all(
      Array.from({ length: 10 }, () => ask({ ...describedBy(bytes, 'text/plain', 'l.txt'), submissionId: id })),
    )
    expect(again.every(({ status }) => status === 201)).toBe(true)
  })

  test('keeps its bytes when it is confirmed at that very moment, and loses those that came after it was deleted', async () => {
    const id = await create()
    const bytes = Buffer.from('just in time')
    const { body: asked } = await ask({ ...describedBy(bytes, 'text/plain', 'j.txt'), submissionId: id })
    await put(asked, bytes)
    await expect(expiring(asked, () => confirm(asked))).rejects.toMatchObject({ code: 'version_conflict' })
    expect(await expiring(asked)).not.toBeNull()
    const { body: gone } = await ask({ ...describedBy(bytes, 'text/plain', 'g.txt'), submissionId: id })
    await send('DELETE', `/media?key=${encodeURIComponent(String(gone.key))}`)
    expect((await put(gone, bytes)).status).toBe(200)
    expect(await expiring(gone)).toBeNull()
  })
})

test('whoever is erased takes their own files along, and leaves what they put to the work of others', async () => {
  const gone = await join(server, owner)
  const uploaded = async (more: object) => {
    const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(40)])
    const { body: asked } = await ask({ ...describedBy(bytes, 'application/pdf', 'life-story.pdf'), ...more }, gone)
    await put(asked, bytes)
    return (await confirm(asked, gone)).body.media as Loose
  }
  const id = String((await send('POST', '/checklists', { checklistData: { title: 'Work', sections: [] } }, owner)).body.checklistId)
  await send('POST', '/assignments', { checklistId: id, assignedTo: [gone.id] }, owner)
  const mine = await uploaded({ entityType: 'profile', entityId: gone.id })
  const work = await uploaded({ submissionId: id })
  const { services, storage } = server.holdfast.runtime
  const objects = (await services.objects()).tenant(owner.tenantId)
  const store = storage.tenant(owner.tenantId)
  const keys = new Map<Loose, string>()
  for (const media of [mine, work]) keys.set(media, (await store.get(Media, String(media.mediaId)))?.objectKey ?? '')
  const there = async (media: Loose) => (await objects.stat(keys.get(media) ?? '')) !== null
  expect([await there(mine), await there(work)]).toEqual([true, true])
  await server.send('DELETE', `/v1/users/${gone.id}`, { token: owner.token })
  const { status, text } = await server.send('POST', `/v1/users/${gone.id}/erasure`, {
    token: owner.token,
    body: { username: gone.username },
  })
  expect(status, text).toBe(201)
  const jobs = startJobs(server.holdfast.runtime, mediaJobs)
  await expect.poll(() => there(mine), { timeout: 10_000 }).toBe(false)
  await jobs.stop()
  expect(await there(work)).toBe(true)
  expect(await store.get(Media, String(mine.mediaId))).toBeNull()
  expect(await store.get(Media, String(work.mediaId))).toMatchObject({ originalName: `erased-${gone.id}` })
})
