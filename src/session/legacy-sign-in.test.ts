import { createHash, pbkdf2Sync, scryptSync } from 'node:crypto'
import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { system } from '../kernel/context.ts'
import { attempt, enterOwner, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { Credential } from '../user/entity.ts'
import { userRows } from '../user/plan.ts'

let server: TestServer
let owner: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const password = 'old' // imported passwords are verified as they are, whatever their length
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

const forms: Record<string, string> = {
  sha256: sha256(password),
  'sha256 salted': `sha256$prefix$salt$${sha256(`salt${password}`)}`,
  pbkdf2_sha256: `pbkdf2_sha256$1000$salt$${pbkdf2Sync(password, 'salt', 1000, 32, 'sha256').toString('base64')}`,
  bcrypt: hashSync(password, 4),
  scrypt: `scrypt$16384$salt$8$1$${scryptSync(password, 'salt', 64, { N: 16384, r: 8, p: 1 }).toString('base64')}`,
}

async function imported(username: string, passwordHash: string): Promise<string> {
  const { storage, ids } = server.holdfast.runtime
  const store = storage.tenant(owner.tenantId)
  const now = new Date().toISOString()
  const { user, changes } = userRows(
    { newId: ids.newId, now },
    {
      ...{ number: await store.next('user'), username, email: null, fullName: null, role: 'member', managerId: null, isActive: true },
      ...{ mustChangePassword: false, legacyId: null, passwordHash, createdAt: now },
    },
  )
  await store.commit(changes, { actor: system, action: 'test', entity: null, requestId: null, time: now })
  return user.id
}

const storedOf = async (id: string) => (await server.holdfast.runtime.storage.tenant(owner.tenantId).get(Credential, id))?.passwordHash

test.each(Object.keys(forms))('a password stored as %s signs in as it was typed, and is stored as argon2id from then on', async (form) => {
  const username = form.replaceAll(' ', '-')
  const id = await imported(username, forms[form] ?? '')
  expect((await attempt(server, { login: username, password: 'Old' })).status).toBe(401)
  expect(await storedOf(id)).toBe(forms[form])
  expect((await attempt(server, { login: username, password })).status).toBe(201)
  const upgraded = await storedOf(id)
  expect(upgraded).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  expect((await attempt(server, { login: username, password })).status).toBe(201)
  expect(await storedOf(id)).toBe(upgraded)
})

test('a wrapped password is unwrapped at the first good sign-in', async () => {
  const id = await imported('wrapped', await server.holdfast.hasher.wrap(forms.sha256 ?? ''))
  expect((await attempt(server, { login: 'wrapped', password })).status).toBe(201)
  expect(await storedOf(id)).toMatch(/^\$argon2id\$/)
})

test('an unusable password signs nobody in', async () => {
  await imported('unusable', '!')
  for (const given of ['!', password]) expect((await attempt(server, { login: 'unusable', password: given })).status).toBe(401)
})

test('several at once upgrade once, and all get in', async () => {
  const id = await imported('parallel', forms.sha256 ?? '')
  const answers = await Promise.all(Array.from({ length: 5 }, () => attempt(server, { login: 'parallel', password })))
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201])
  expect(await storedOf(id)).toMatch(/^\$argon2id\$/)
})

test('where a dear form is in use, a login that does not exist is refused no faster', async () => {
  const dear = `pbkdf2_sha256$600000$salt$${pbkdf2Sync(password, 'salt', 600_000, 32, 'sha256').toString('base64')}`
  await imported('dear', dear)
  const measure = async (login: string) => {
    const startedMs = performance.now()
    await attempt(server, { login, password: 'wrong' })
    return performance.now() - startedMs
  }
  const known = [await measure('dear'), await measure('dear'), await measure('dear')]
  const unknown = [await measure('nobody1'), await measure('nobody2'), await measure('nobody3')]
  // 600,000 rounds take ten times as long as one argon2id; a fast refusal would tell
  expect(Math.min(...unknown)).toBeGreaterThan(Math.min(...known) * 0.7)
})
