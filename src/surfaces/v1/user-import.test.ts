import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enterOwner, goodPassword, invite, join, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person
beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const csv = { 'content-type': 'text/csv; charset=utf-8' }
const bring = (raw: string | Buffer, query = '', headers: Record<string, string> = csv, token = owner.token) =>
  server.send('POST', `/v1/users/import${query}`, { token, raw, headers })
const signIn = (login: string, password: string) => server.send('POST', '/v1/sessions', { body: { login, password } })
const usernames = async (q: string) =>
  ((await server.send('GET', `/v1/users?q=${q}`, { token: owner.token })).body.items as unknown as { username: string }[]).map(
    ({ username }) => username,
  )

describe('is refused and stores nothing', () => {
  test.each<
    [what: string, raw: string | Buffer, given: [query: string, headers: Record<string, string>], refusal: [status: number, code: string]]
  >([
    ['as JSON', '{}', ['', { 'content-type': 'application/json' }], [415, 'unsupported_media_type']],
    ['as a form', 'x', ['', { 'content-type': 'multipart/form-data; boundary=x' }], [415, 'unsupported_media_type']],
    ['without a column that means anything', 'a,b\n1,2\n', ['', csv], [422, 'import_columns']],
    ['with a dry run that is neither true nor false', 'username\nrefused1\n', ['?dryRun=maybe', csv], [422, 'validation_failed']],
    ['with an unknown setting', 'username\nrefused1\n', ['?fast=true', csv], [422, 'validation_failed']],
    ['with a file of the server', 'username\nrefused1\n', ['?file=/etc/hostname', csv], [422, 'import_source']],
    ['with more than 16 MiB', Buffer.alloc(16 * 1024 * 1024 + 1, 'a'), ['', csv], [413, 'body_too_large']],
  ])('%s', async (_what, raw, [query, headers], refusal) => {
    const answer = await bring(raw, query, headers)
    expect([answer.status, answer.body.code]).toEqual(refusal)
    expect(await usernames('refused')).toEqual([])
  })

  test('by whom it is not for, and without a token', async () => {
    const member = await join(server, owner, { username: 'just-a-member', role: 'member' })
    expect((await bring('username\nrefused2\n', '', csv, member.token)).status).toBe(403)
    expect((await server.send('POST', '/v1/users/import', { raw: 'username\nrefused2\n', headers: csv })).status).toBe(401)
    expect(await usernames('refused')).toEqual([])
  })
})

const old = createHash('sha256').update('seven old boats').digest('hex')

test('a dry run says what an import does; managers and old passwords come along, and again changes nothing', async () => {
  const file = `username,full_name,role,manager,password_hash\nsam,"Sam ""S"" Sample",member,ida,${old}\nida,Ida Example,manager,,\n,nobody,,,\nzed,Zed,member,nowhere,\n`
  const told = {
    rows: 4,
    created: 2,
    existing: 0,
    refused: [
      { row: 3, field: 'username' },
      { row: 4, field: 'manager' },
    ],
    outcomeFile: null,
  }
  expect(await bring(file, '?dryRun=true')).toMatchObject({ status: 200, body: { dryRun: true, ...told } })
  expect(await usernames('sam')).toEqual([])
  const schemes = async () => (await server.send('GET', '/v1/password-schemes', { token: owner.token })).body
  const before = await schemes()
  expect(await bring(`\ufeff${file}`, '?wrap=true')).toMatchObject({ status: 200, body: { dryRun: false, ...told } })
  expect(await schemes()).toEqual({ ...before, wrapped: Number(before.wrapped) + 1 })
  expect((await signIn('sam', 'seven old boats')).status).toBe(201)
  expect(await schemes()).toEqual({ ...before, current: Number(before.current) + 1 })
  const { body } = await server.send('GET', '/v1/users?q=sam', { token: owner.token })
  const [sam] = body.items as unknown as { fullName: string; managerId: string }[]
  const { body: manager } = await server.send('GET', `/v1/users/${sam?.managerId}`, { token: owner.token })
  expect([sam?.fullName, manager.username]).toEqual(['Sam "S" Sample', 'ida'])
  expect(await bring(file)).toMatchObject({ status: 200, body: { ...told, created: 0, existing: 2 } })
})

test('passwords are counted by how they are stored, by whom it is for', async () => {
  const schemes = async () => (await server.send('GET', '/v1/password-schemes', { token: owner.token })).body
  const before = await schemes()
  const hashes = [old, `pbkdf2_sha256$1000$salt$${Buffer.alloc(32, 1).toString('base64')}`, '!unusable', '']
  const lines = hashes.map((hash, at) => `legacy${at},${hash}`)
  expect((await bring(['username,password_hash', ...lines].join('\n'))).body).toMatchObject({ created: 4 })
  expect(await schemes()).toEqual({ ...before, legacy: Number(before.legacy) + 2 })
  const member = await join(server, owner, { username: 'not-for-me', role: 'member' })
  expect((await server.send('GET', '/v1/password-schemes', { token: member.token })).status).toBe(403)
})

test('NDJSON is taken too; nobody gives a role above their own', async () => {
  const { username } = await invite(server, owner, { username: 'adam', role: 'admin', password: goodPassword })
  const admin = String((await signIn(String(username), goodPassword)).body.accessToken)
  const lines = `${JSON.stringify({ username: 'lin', role: 'member' })}\n${JSON.stringify({ username: 'boss', role: 'owner' })}\n`
  const answer = await bring(lines, '', { 'content-type': 'application/x-ndjson' }, admin)
  expect(answer).toMatchObject({ status: 200, body: { created: 1, refused: [{ row: 2, field: 'role' }] } })
  expect(await usernames('boss')).toEqual([])
})
