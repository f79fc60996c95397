import { createHash, pbkdf2Sync, scryptSync } from 'node:crypto'
import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { schemeOf } from '../session/stored-password.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { run, storedPassword } from './testing/run.ts'
import { importUsers } from './users.ts'

const old = 'summer' // shorter than any new password may be
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const raw = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')

/** A user for each form in which an old password may come. */
const rows = [
  { username: 'sha256', password_hash: sha256(old).toUpperCase() },
  { username: 'prefix', password_hash: sha256(`pepper${old}`), password_salt: 'pepper', password_template: '{salt}{password}' },
  { username: 'suffix', password_hash: sha256(`${old}-salt`), password_salt: 'salt', password_template: '{password}-{salt}' },
  { username: 'django', password_hash: `pbkdf2_sha256$1000$grain$${pbkdf2Sync(old, 'grain', 1000, 32, 'sha256').toString('base64')}` },
  { username: 'bcrypt', password_hash: hashSync(old, 4) },
  {
    username: 'scrypt',
    password_hash: `$scrypt$ln=10,r=8,p=1$${raw(Buffer.from('grains'))}$${raw(scryptSync(old, 'grains', 32, { N: 1024 }))}`,
  },
  { username: 'plain', password: old },
]
const ndjson = (prefix: string) => rows.map((row) => JSON.stringify({ ...row, username: `${prefix}-${row.username}` })).join('\n')
const names = (prefix: string) => rows.map(({ username }) => `${prefix}-${username}`)

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const refusedAll = async (usernames: string[], password: string) => {
  for (const [at, login] of usernames.entries()) {
    const answer = await server.send('POST', '/v1/sessions', { body: { login, password }, from: `10.20.0.${at}` })
    expect(answer.status).toBe(401)
  }
}

test.each([
  ['as they are', false, ['sha256', 'sha256-salted', 'sha256-salted', 'pbkdf2_sha256', 'bcrypt', 'scrypt', 'argon2id']],
  [
    'wrapped',
    true,
    [
      'argon2id(sha256)',
      'argon2id(sha256-salted)',
      'argon2id(sha256-salted)',
      'argon2id(pbkdf2_sha256)',
      'argon2id(bcrypt)',
      'argon2id(scrypt)',
      'argon2id',
    ],
  ],
])('signs everyone in with the password of the old system, hashes %s, and then keeps plain argon2id', async (words, wrap, schemes) => {
  const prefix = words.replaceAll(' ', '-')
  const report = await run(server, importUsers, { text: ndjson(prefix), format: 'ndjson', wrap })
  expect(report).toMatchObject({ created: rows.length, refused: [] })
  const stored = await Promise.all(names(prefix).map((name) => storedPassword(server, name)))
  expect(stored.map((text) => schemeOf(text ?? '!'))).toEqual(schemes)
  await refusedAll(names(prefix), 'winter')

  for (const name of names(prefix)) await server.signIn(name, old)
  const upgraded = await Promise.all(names(prefix).map((name) => storedPassword(server, name)))
  expect(upgraded.every((text) => text?.startsWith('$argon2id$v=19$'))).toBe(true)
  for (const name of names(prefix)) await server.signIn(name, old)
  await refusedAll(names(prefix), 'winter')
})

test('signs nobody in who came without a password', async () => {
  await run(server, importUsers, { text: 'username,password_hash\nnone1,\nnone2,!unusable\n', format: 'csv' })
  for (const password of ['', '!unusable', 'null', old]) await refusedAll(['none1', 'none2'], password || 'x')
})

test('never lets the wrapping of many stand in the way of people who sign in', async () => {
  const crowd = Array.from({ length: 150 }, (_, at) => `crowd${at},${sha256(String(at))}`).join('\n')
  const imported = run(server, importUsers, { text: `username,password_hash\n${crowd}\n`, format: 'csv', wrap: true })
  const signIns = Array.from({ length: 10 }, () => server.signIn())
  await expect(Promise.all(signIns)).resolves.toHaveLength(10)
  expect(await imported).toMatchObject({ created: 150, refused: [] })
  expect(server.holdfast.hasher.stats().refused).toBe(0)
})
