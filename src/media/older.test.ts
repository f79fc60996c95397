import { createHash, randomUUID } from 'node:crypto'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { enterOwner, join, type Person } from '../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let owner: Person
let worker: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
  worker = await join(server, owner)
})
afterAll(() => server.close())

const ask = (query: Record<string, string>, { token } = worker) =>
  server.send('GET', `/api/media?${new URLSearchParams({ fileName: 'n.txt', fileType: 'text/plain', ...query })}`, { token })
const pathOf = ({ uploadUrl }: Loose): string => new URL(String(uploadUrl)).pathname + new URL(String(uploadUrl)).search
const put = (path: string, bytes: Buffer, type = 'text/plain') =>
  server.send('PUT', path, { raw: bytes, headers: { 'content-type': type } })
const confirm = ({ fileId, key }: Loose) => server.send('POST', '/api/media/confirm-upload', { token: worker.token, body: { fileId, key } })
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const note = Buffer.from('a note')

test('an older client uploads what it did not announce, and it is looked at when it is confirmed', async () => {
  const { status, body: asked } = await ask({})
  expect(status).toBe(200)
  expect(Object.keys(asked).sort()).toEqual(['fileId', 'headers', 'key', 'message', 'uploadUrl'])
  expect(asked.headers).toEqual({ 'Content-Type': 'text/plain' })
  expect((await confirm(asked)).body.code).toBe('upload_missing')
  expect((await put(pathOf(asked), note)).status).toBe(200)
  expect((await put(pathOf(asked), note)).status).toBe(200)
  expect((await put(pathOf(asked), Buffer.from('another'))).body.code).toBe('object_exists')
  const { body, status: confirmed } = await confirm(asked)
  expect(confirmed).toBe(200)
  expect(body.media).toMatchObject({ fileSize: note.byteLength, checksum: sha(note), uploadStatus: 'completed', originalName: 'n.txt' })
  expect((await put(pathOf(asked), note)).status).toBe(404)

  const picture = await sharp({ create: { width: 40, height: 30, channels: 3, background: '#123' } })
    .png()
    .toBuffer()
  const { body: photo } = await ask({ fileName: 'p.png', fileType: 'image/png' })
  await put(pathOf(photo), picture, 'image/png')
  expect((await confirm(photo)).body.media).toMatchObject({ metadata: { width: 40, height: 30 }, thumbnailUrl: expect.any(String) })
})

test('what was announced all the same is checked when it is confirmed', async () => {
  for (const wrong of [{ fileSize: '7' }, { checksum: sha(Buffer.from('other')) }]) {
    const { body: asked } = await ask(wrong)
    expect((await put(pathOf(asked), note)).status).toBe(200)
    expect((await confirm(asked)).body).toMatchObject({ status: 422, code: 'upload_mismatch' })
  }
  const { body: lying } = await ask({ fileName: 'p.png', fileType: 'image/png' })
  await put(pathOf(lying), note, 'image/png')
  expect((await confirm(lying)).body.code).toBe('upload_mismatch')
  const { body: both } = await ask({ fileSize: String(note.byteLength), checksum: sha(note) })
  expect(pathOf(both)).toMatch(/^\/objects\//)
  expect((await server.send('PUT', pathOf(both), { raw: note, headers: both.headers as unknown as Record<string, string> })).status).toBe(
    200,
  )
  expect((await confirm(both)).status).toBe(200)
})

test('refusals: no type, a type that is not allowed, too large, an auditor, and addresses that were changed or are old', async () => {
  const { token } = worker
  expect((await server.send('GET', '/api/media', { token })).body).toMatchObject({ status: 400, errors: [{ field: 'submissionId' }] })
  expect((await server.send('GET', '/api/media?fileName=x.txt', { token })).body).toMatchObject({ errors: [{ field: 'fileType' }] })
  expect((await ask({ fileType: 'image/svg+xml' })).body).toMatchObject({ status: 400, detail: 'File type not allowed' })
  expect((await ask({ fileSize: '52428801' })).status).toBe(413)
  expect((await ask({ checksum: 'x' })).status).toBe(400)
  expect((await ask({}, await join(server, owner, { role: 'auditor' }))).status).toBe(403)

  const { body: asked } = await ask({})
  const path = pathOf(asked)
  for (const changed of [
    path.replace(/signature=(.)/, (_, first) => `signature=${first === 'a' ? 'b' : 'a'}`),
    path.replace(/expires=\d/, 'expires=9'),
    path.replace(String(asked.fileId), randomUUID()),
    path.replace(worker.tenantId, randomUUID()),
  ])
    expect((await put(changed, note)).body.code, changed).toBe('signature_invalid')
  expect((await put(path, note, 'text/html')).body.code).toBe('file_type')
  const { clock } = server.holdfast.runtime
  const { realMs } = clock
  clock.realMs = () => realMs() + 15 * 60_000 + 1_000
  try {
    expect((await put(path, note)).body.code).toBe('signature_expired')
  } finally {
    clock.realMs = realMs
  }
  expect((await confirm(asked)).body.code).toBe('upload_missing')
})
