import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { enterOwner, join, type Person } from '../../testing/people.ts'
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
const logs = async (action: string) => (await send('GET', `/audit?action=${action}`)).body.logs as unknown as Loose[]
const checklist = async () =>
  String((await send('POST', '/checklists', { checklistData: { sections: [{ id: 's', title: 'S', items: [] }] } })).body.checklistId)

test('a failed sign-in tells whom it aimed at, and where it came from', async () => {
  const { id, username } = await join(server, owner)
  const from = '203.0.113.9'
  const enter = (email: string) =>
    server.send('POST', '/api/auth/login', {
      body: { email, password: 'not the right one', organizationCode: owner.tenantId },
      headers: { 'user-agent': `Sneaky/${'x'.repeat(600)}` },
      from,
    })
  expect((await enter(username)).status).toBe(401)
  expect(await logs('USER_LOGIN_FAILED')).toMatchObject([
    { userId: id, ipAddress: from, userAgent: expect.stringMatching(/^Sneaky\/x{505}$/), outcome: 'failed', entityType: 'user' },
  ])
  expect((await enter(`nobody-${randomUUID()}`)).status).toBe(401)
})

test('a wrong password of one’s own tells it too', async () => {
  const { id, token } = await join(server, owner)
  const body = { currentPassword: 'not the right one', newPassword: 'a longer and better one' }
  const answer = await server.send('POST', `/v1/users/${id}/password`, { token, body, headers: { 'user-agent': 'Phone/1' } })
  expect(answer.body.code, answer.text).toBe('wrong_password')
  expect((await logs('USER_LOGIN_FAILED'))[0]).toMatchObject({ userId: id, ipAddress: expect.any(String), userAgent: 'Phone/1' })
})

test('a checklist that was deleted, and an upload that was refused, each leave one row', async () => {
  const id = await checklist()
  await send('DELETE', `/checklists/${id}`)
  expect(await logs('CHECKLIST_DELETED')).toMatchObject([{ userId: owner.id, entityType: 'checklist', entityId: id, newValues: null }])

  const submissionId = await checklist()
  const bytes = Buffer.from('no picture')
  const checksum = createHash('sha256').update(bytes).digest('hex')
  const announced = { fileName: 'p.jpg', fileType: 'image/jpeg', fileSize: bytes.byteLength, checksum, submissionId }
  const { uploadUrl, headers, fileId, key } = (await send('POST', '/media/upload-url', announced)).body
  const url = new URL(String(uploadUrl))
  await server.send('PUT', url.pathname + url.search, { raw: bytes, headers: headers as unknown as Record<string, string> })
  expect((await send('POST', '/media/confirm-upload', { fileId, key })).status).toBe(422)
  expect(await logs('MEDIA_UPLOAD_FAILED')).toMatchObject([
    { userId: owner.id, entityType: 'media', entityId: fileId, newValues: { uploadStatus: 'failed' } },
  ])
})
