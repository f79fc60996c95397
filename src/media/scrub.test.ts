import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { enterOwner, join, type Person } from '../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const scrub = (body: object, token = owner.token) => server.send('POST', '/v1/media/scrub', { token, body })
const bytes = Buffer.from('a note')
const described = { size: bytes.byteLength, sha256: createHash('sha256').update(bytes).digest('hex'), type: 'text/plain' }

test('is for owners', async () => {
  const { token } = await join(server, owner, { role: 'admin' })
  expect((await scrub({}, token)).status).toBe(403)
  expect((await scrub({ more: 1 })).status).toBe(422)
})

test('names what lies there without a row, and rows without their bytes; it removes old orphans alone, and only when told to', async () => {
  const { runtime } = server.holdfast
  const objects = (await runtime.services.objects()).tenant(owner.tenantId)
  const asked = (
    await server.send('POST', '/api/media/upload-url', {
      token: owner.token,
      body: { fileName: 'n.txt', fileType: 'text/plain', fileSize: described.size, checksum: described.sha256 },
    })
  ).body as Loose
  const key = String(asked.key).split('/').slice(2).join('/')
  await objects.put(key, bytes, described)
  await server.send('POST', '/api/media/confirm-upload', { token: owner.token, body: { fileId: asked.fileId, key: asked.key } })
  await objects.put('users/orphan/x-old.txt', bytes, described)
  expect((await scrub({ repair: true })).body).toMatchObject({ rows: 1, objects: 2, removed: 0, findings: [] })

  const realMs = runtime.clock.realMs
  runtime.clock.realMs = () => realMs() + 26 * 60 * 60 * 1_000
  try {
    const { token } = { token: await server.signIn() }
    expect((await scrub({}, token)).body).toMatchObject({
      removed: 0,
      findings: [{ key: 'users/orphan/x-old.txt', mediaId: null, problem: 'object_without_row' }],
    })
    await objects.remove(key)
    expect((await scrub({ repair: true }, token)).body).toMatchObject({
      removed: 1,
      findings: [
        { key, mediaId: asked.fileId, problem: 'row_without_object' },
        { key: 'users/orphan/x-old.txt', problem: 'object_without_row' },
      ],
    })
    expect(await objects.stat('users/orphan/x-old.txt')).toBeNull()
  } finally {
    runtime.clock.realMs = realMs
  }
})
