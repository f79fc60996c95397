import { createHash } from 'node:crypto'
import sharp from 'sharp'
import { expect, onTestFinished, test, vi } from 'vitest'
import { enterOwner } from '../testing/people.ts'
import { startS3Server } from '../testing/s3-server.ts'
import { type Loose, startTestServer } from '../testing/server.ts'

test('a file goes to the bucket directly, is checked there, and comes from there', async () => {
  const s3 = await startS3Server({ files: {} })
  vi.stubEnv('AWS_ACCESS_KEY_ID', s3.credentials.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3.credentials.secretAccessKey)
  const server = await startTestServer({ HOLDFAST_OBJECTS: `s3://files?region=${s3.region}&endpoint=${s3.endpoint}` })
  onTestFinished(async () => {
    await server.close()
    await s3.close()
    vi.unstubAllEnvs()
  })
  const { token } = await enterOwner(server)
  const send = async (path: string, body: object) => (await server.send('POST', `/api/media/${path}`, { token, body })).body
  const bytes = await sharp({ create: { width: 40, height: 20, channels: 3, background: 'red' } })
    .png()
    .toBuffer()
  const checksum = createHash('sha256').update(bytes).digest('hex')
  const asked = await send('upload-url', { fileName: 'a.png', fileType: 'image/png', fileSize: bytes.byteLength, checksum })
  expect(String(asked.uploadUrl)).toContain(s3.endpoint)
  const headers = asked.headers as unknown as Record<string, string>
  const altered = Buffer.from(bytes)
  altered[50] = (altered[50] ?? 0) ^ 1
  expect((await fetch(String(asked.uploadUrl), { method: 'PUT', headers, body: new Uint8Array(altered) })).status).toBeGreaterThanOrEqual(
    400,
  )
  expect((await fetch(String(asked.uploadUrl), { method: 'PUT', headers, body: new Uint8Array(bytes) })).status).toBe(200)
  const confirmed = await send('confirm-upload', { fileId: asked.fileId, key: asked.key })
  const media = confirmed.media as Loose
  expect(media).toMatchObject({ uploadStatus: 'completed', metadata: { width: 40, height: 20 } })
  const shown = await fetch(String(confirmed.cdnUrl))
  expect(shown.headers.get('content-disposition')).toMatch(/^attachment/)
  expect((await sharp(Buffer.from(await shown.arrayBuffer())).metadata()).format).toBe('png')
})
