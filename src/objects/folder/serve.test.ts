import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { aFile, newId } from '../contract/harness.ts'
import type { SignedAnswer, SignedRequest } from '../port.ts'
import { folderObjects } from './objects.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-objects-'))
let nowMs = Date.now()
const objects = folderObjects({ folder, signingKey: randomBytes(32), nowMs: () => nowMs, newId })
const tenant = objects.tenant('t')
afterAll(() => rmSync(folder, { recursive: true }))

async function* of(bytes: Uint8Array, told = { pulled: false }): AsyncGenerator<Uint8Array> {
  told.pulled = true
  yield bytes
}

async function send(request: Partial<SignedRequest> & { url: string }): Promise<SignedAnswer> {
  if (objects.signed === null) throw new Error('serves no signed requests')
  return await objects.signed({ method: 'GET', headers: {}, body: of(Buffer.alloc(0)), ...request })
}

test('reads no byte of a request whose signature is bad', async () => {
  const { key, bytes, described } = aFile()
  for (const method of ['PUT', 'POST'] as const) {
    const { url } = await tenant.signUpload(key, described, { method, expiresInSeconds: 60 })
    const told = { pulled: false }

    await expect(send({ method, url: url.replace('size=1000', 'size=1001'), body: of(bytes, told) })).rejects.toMatchObject({
      code: 'signature_invalid',
    })

    expect(told.pulled).toBe(false)
  }
})

test('refuses addresses with parameters added, doubled or left out, of another method, or below another path', async () => {
  const { key, bytes, described } = aFile()
  await tenant.put(key, bytes, described)
  const { url } = await tenant.signDownload(key, { attachmentName: 'a', type: 'text/plain', expiresInSeconds: 60 })
  const bent = [
    `${url}&x=1`,
    `${url}&type=text%2Fhtml`,
    url.replace(/&type=[^&]*/, ''),
    url.replace(/&signature=.*/, '&signature='),
    url.replace('/objects/', '/objects/t/'),
    url.replace('/objects/', '/elsewhere/'),
    url.replace('/objects/t/', '/objects/t/../t/x/'),
    '/objects/',
    '/objects/t',
    '/',
  ]
  for (const each of bent) await expect(send({ url: each }), each).rejects.toMatchObject({ kind: 'forbidden', code: 'signature_invalid' })
  for (const method of ['PUT', 'POST', 'HEAD', 'DELETE', 'OPTIONS', 'get'])
    await expect(send({ method, url }), method).rejects.toMatchObject({ code: 'signature_invalid' })
  expect((await send({ url })).status).toBe(200)
})

test('expires to the second', async () => {
  const { key, bytes, described } = aFile()
  await tenant.put(key, bytes, described)
  const { url, expiresAt } = await tenant.signDownload(key, { attachmentName: 'a', type: 'text/plain', expiresInSeconds: 60 })
  const startMs = nowMs

  nowMs = Date.parse(expiresAt) - 1
  expect((await send({ url })).status).toBe(200)
  nowMs = Date.parse(expiresAt)
  await expect(send({ url })).rejects.toMatchObject({ code: 'signature_expired' })
  nowMs = startMs
})

test('serves what may not run: sandboxed, unsniffed, kept nowhere', async () => {
  const { key, bytes, described } = aFile(1_000, { type: 'text/html' })
  await tenant.put(key, bytes, described)
  const { url } = await tenant.signDownload(key, { attachmentName: 'a.html', type: 'text/html', expiresInSeconds: 60 })

  const { headers, body } = await send({ url })
  body?.destroy()

  expect(headers).toMatchObject({
    'content-security-policy': 'sandbox',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'content-disposition': expect.stringMatching(/^attachment; /),
    'content-length': '1000',
  })
})

test.each([
  ['bytes=0-0', 206, 'bytes 0-0/1000'],
  ['bytes=990-', 206, 'bytes 990-999/1000'],
  ['bytes=-10', 206, 'bytes 990-999/1000'],
  ['bytes=-5000', 206, 'bytes 0-999/1000'],
  ['bytes=900-5000', 206, 'bytes 900-999/1000'],
  ['bytes=5-4', 200, undefined],
  ['bytes=-', 200, undefined],
  ['bytes=-0', 200, undefined],
  ['bytes=0-1,5-6', 200, undefined],
  ['items=0-1', 200, undefined],
] as const)('answers the range %s with %i %s', async (range, status, contentRange) => {
  const { key, bytes, described } = aFile()
  await tenant.put(key, bytes, described)
  const { url } = await tenant.signDownload(key, { attachmentName: 'a', type: 'text/plain', expiresInSeconds: 60 })

  const answer = await send({ url, headers: { range } })
  answer.body?.destroy()

  expect(answer.status).toBe(status)
  expect(answer.headers['content-range']).toBe(contentRange)
})

test('refuses a range behind the end', async () => {
  const { key, bytes, described } = aFile()
  await tenant.put(key, bytes, described)
  const { url } = await tenant.signDownload(key, { attachmentName: 'a', type: 'text/plain', expiresInSeconds: 60 })

  await expect(send({ url, headers: { range: 'bytes=1000-' } })).rejects.toMatchObject({ code: 'range_invalid' })
})

test('refuses a form that is none, lacks its file, has more fields, or is far longer than its file', async () => {
  const { key, bytes, described } = aFile()
  const { url } = await tenant.signUpload(key, described, { method: 'POST', expiresInSeconds: 60 })
  const post = async (form: FormData) => {
    const request = new Request('http://self', { method: 'POST', body: form })
    const type = request.headers.get('content-type') ?? ''
    return await send({ method: 'POST', url, headers: { 'content-type': type }, body: of(await request.bytes()) })
  }
  const aForm = (fields: Record<string, string | Blob>): FormData => {
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.set(name, value)
    return form
  }
  const type = { 'Content-Type': described.type }
  const file = new Blob([new Uint8Array(bytes)])

  await expect(send({ method: 'POST', url, body: of(bytes) })).rejects.toMatchObject({ code: 'unsupported_media_type' })
  await expect(
    send({ method: 'POST', url, headers: { 'content-type': 'multipart/form-data; boundary=x' }, body: of(bytes) }),
  ).rejects.toMatchObject({
    code: 'unsupported_media_type',
  })
  for (const fields of [
    type,
    { ...type, file: 'a text' },
    { file },
    { ...type, file, more: 'x' },
    { ...type, file, more: 'x'.repeat(70_000) },
  ])
    await expect(post(aForm(fields))).rejects.toMatchObject({ code: 'object_mismatch' })
  expect(await tenant.stat(key)).toBeNull()
  expect((await post(aForm({ ...type, file }))).status).toBe(204)
})
