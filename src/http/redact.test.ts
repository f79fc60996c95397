import { createHash, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { redact, redactText } from './redact.ts'

const secret = createHash('sha256').update('secret').digest('base64url')
const pem = String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }))
const said = (value: unknown) => JSON.stringify(redact(value))

describe('a text loses', () => {
  test.each([
    ['our tokens', `refresh hfr_${secret} now`],
    ['keys of machines', `hfk_${secret}`],
    ['access tokens', `eyJhbGciOiJFZERTQSJ9.${secret}.${secret}`],
    ['bearer headers', `Authorization: Bearer ${secret}`],
    ['basic headers', `basic ${secret}`],
    ['passwords in JSON', `{"password":"${secret}"}`],
    ['passwords in JSON with quotes in them', `{"newPassword": "a\\"${secret}"}`],
    ['passwords in a query', `/x?password=${secret}&a=1`],
    ['tokens in a query', `/x?access_token=${secret}`],
    ['presigned signatures', `https://b.example/o?X-Amz-Signature=${secret}&X-Amz-Expires=5`],
    ['credentials in an address', `postgres://app:${secret}@db/x`],
    ['argon2 hashes', `$argon2id$v=19$m=19456,t=2,p=1$${secret}$${secret}`],
    ['bcrypt hashes', `$2b$12$${secret}`],
    ['wrapped hashes', `argon2id(sha256)$${secret}`],
    ['age keys', `AGE-SECRET-KEY-1${secret.replace(/[^a-z0-9]/gi, '').toUpperCase()}`],
    ['what was no JSON', `Unexpected token 's', "${secret}" is not valid JSON`],
    ['cookies', `Cookie: __Host-holdfast-device=${secret}`],
  ])('%s', (_, text) => {
    const clean = redactText(text)
    expect(clean).not.toContain(secret)
    expect(clean.toUpperCase()).not.toContain(secret.replace(/[^a-z0-9]/gi, '').toUpperCase())
  })

  test('private keys', () => {
    const body = pem.split('\n')[1] ?? ''
    expect(redactText(`before ${pem} after`)).not.toContain(body)
    expect(redactText(`before ${pem} after`)).toContain('after')
  })
})

test('fields that are secrets by name are gone whatever they hold, at any depth', () => {
  for (const name of [
    'password',
    'newPassword',
    'refreshToken',
    'authorization',
    'set-cookie',
    'x-api-key',
    'apiKey',
    'totpSecret',
    'signature',
    'recoveryCodes',
  ])
    expect(said({ a: [{ [name]: { b: secret } }] }), name).not.toContain(secret)
})

test('an error loses secrets in its message, stack and causes, and the properties that nobody knows', () => {
  const error = new Error(`token=${secret}`, { cause: new Error(`Bearer ${secret}`) })
  Object.assign(error, { response: { body: secret }, code: 'ECONNRESET' })
  const clean = said({ err: error })
  expect(clean).not.toContain(secret)
  expect(clean).toContain('ECONNRESET')
  expect(clean).toContain('redact.test.ts')
})

test('plain words, ids and numbers stay as they are', () => {
  const fields = {
    requestId: '019b1f3a-7c40-7000-8000-000000000001',
    operation: 'session.create',
    code: 'invalid_token',
    ms: 1.5,
    ok: true,
    none: null,
  }
  expect(redact(fields)).toEqual(fields)
  expect(redactText('The token is not valid any more. Sign in again.')).toBe('The token is not valid any more. Sign in again.')
})

test('bytes, deep and circular things end', () => {
  const circle: Record<string, unknown> = { bytes: Buffer.from(secret) }
  circle.again = circle
  expect(said(circle)).not.toContain(secret)
})
