import { createHash } from 'node:crypto'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enterOwner, type Person } from '../../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const send = (method: string, path: string, body?: unknown) =>
  server.send(method, `/api${path}`, { token: owner.token, ...(body === undefined ? {} : { body }) })
const pathOf = (url: unknown): string => new URL(String(url)).pathname + new URL(String(url)).search
const create = async () => {
  const items = [{ id: 'a', text: 'Sink', requiresPhoto: true, isCompleted: true }]
  return String((await send('POST', '/checklists', { checklistData: { sections: [{ id: 's', title: 'S', items }] } })).body.checklistId)
}
async function upload(submissionId: string, fileType: string, bytes: Buffer) {
  const checksum = createHash('sha256').update(bytes).digest('hex')
  const announced = { fileName: 'f.bin', fileType, fileSize: bytes.byteLength, checksum, submissionId }
  const { body: asked } = await send('POST', '/media/upload-url', announced)
  await server.send('PUT', pathOf(asked.uploadUrl), { raw: bytes, headers: asked.headers as unknown as Record<string, string> })
  return send('POST', '/media/confirm-upload', { fileId: asked.fileId, key: asked.key })
}
const box = (...brands: readonly [string, ...string[]]) => {
  const [major, ...compatible] = brands
  return Buffer.from(
    `\0\0\0${String.fromCharCode(16 + 4 * compatible.length)}ftyp${major}\0\0\0\0${compatible.join('')}\0\0\0\x08mdat`,
    'latin1',
  )
}
const bytesAt = async (objectKey: string) => {
  const opened = await (await server.holdfast.runtime.services.objects()).tenant(owner.tenantId).open(objectKey)
  return Buffer.concat(await (opened?.body.toArray() ?? []))
}

describe('a film', () => {
  test.each([
    ['video/mp4', box('isom', 'mp42')],
    ['video/quicktime', box('qt  ', 'qt  ')],
    ['video/webm', Buffer.from('\x1a\x45\xdf\xa3\x93\x42\x82\x84webm\x42\x87\x81\x04', 'latin1')],
  ])('of type %s is kept as it is, and is what an item that wants a photo needs', async (fileType, bytes) => {
    const id = await create()
    const { status, body } = await upload(id, fileType, bytes)
    expect(status).toBe(200)
    const media = body.media as Loose
    expect(media).toMatchObject({ fileType: 'video', mimeType: fileType, thumbnailUrl: null, uploadStatus: 'completed' })
    expect((await send('POST', `/submissions/${id}/submit`, {})).body).toMatchObject({ errors: [{ field: 'a', code: 'photo' }] })
    const ops = [{ type: 'update', path: `items.a.attachments.${media.mediaId}`, newValue: 'after' }]
    await send('POST', '/sync', { action: 'apply_operation', operation: { entityType: 'checklist', entityId: id, ops } })
    expect((await send('POST', `/submissions/${id}/submit`, {})).status).toBe(200)
  })

  test.each([
    ['video/mp4', box('heic', 'mif1')],
    ['video/mp4', box('isom', 'avif')],
    ['audio/mp4', box('avif', 'mif1')],
  ])('is no picture that says it is %s', async (fileType, bytes) => {
    expect((await upload(await create(), fileType, bytes)).body).toMatchObject({ status: 422, code: 'upload_mismatch' })
  })
})

test('a picture with another file behind it stays for evidence, and nobody is shown what is behind', async () => {
  const picture = await sharp({ create: { width: 640, height: 480, channels: 3, background: '#a41' } })
    .jpeg()
    .toBuffer()
  const behind = ['<html><script>alert(1)</script></html>', 'PK\x03\x04 an archive', '%PDF-1.7 a document', 'MZ a program']
  for (const text of behind) {
    const id = await create()
    const bytes = Buffer.concat([picture, Buffer.from(text, 'latin1')])
    const { status, body } = await upload(id, 'image/jpeg', bytes)
    expect(status).toBe(200)
    const { mediaId, key } = body.media as Loose
    const original = String(key).split('/').slice(2).join('/')
    expect(await bytesAt(original)).toEqual(bytes)
    for (const copy of ['display', 'thumbnail.jpg']) {
      const shown = await bytesAt(`submissions/${id}/${mediaId}.${copy}`)
      expect(shown.subarray(-2).toString('hex')).toBe('ffd9')
      expect(shown.includes(text.slice(0, 8))).toBe(false)
    }
    const { downloadUrl } = (await send('POST', '/media?action=download', { key })).body
    const { headers } = await server.send('GET', pathOf(downloadUrl))
    expect(headers).toMatchObject({
      'content-type': 'image/jpeg',
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
    })
    expect(headers['content-disposition']).toMatch(/^attachment/)
  }
})
