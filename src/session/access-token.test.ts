import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, jwtVerify, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { AppError } from '../kernel/errors.ts'
import {
  type AccessClaims,
  createTokenVerifier,
  exportSigningKey,
  generateSigningKey,
  importSigningKey,
  type SigningKey,
  signAccessToken,
} from './access-token.ts'

const now = 1_800_000_000
const key = generateSigningKey(new Date(now * 1000))
const stranger = generateSigningKey(new Date(now * 1000))
const keys = new Map([[key.kid, key.publicKey]])
const ours = { iss: 'holdfast', aud: 'holdfast', sub: 'u1', sid: 's1', tid: 't1', jti: 'j1' }
const full: AccessClaims = { ...ours, iat: now, exp: now + 600 }
const header = { alg: 'EdDSA', typ: 'at+jwt', kid: key.kid }
const token = signAccessToken(key, ours, now, 600)

const encode = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const signed = (head: unknown, claims: unknown, privateKey: KeyObject = key.privateKey): string => {
  const text = `${encode(head)}.${encode(claims)}`
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`
}
const verify = (text: string, at = now): AccessClaims | null => createTokenVerifier().verify(text, keys, at)
const [head = '', body = '', signature = ''] = token.split('.')
const without = (name: keyof AccessClaims) => Object.fromEntries(Object.entries(full).filter(([claim]) => claim !== name))

test.each([
  ['an empty text', ''],
  ['two parts', `${head}.${body}`],
  ['four parts', `${token}.`],
  ['no signature', `${head}.${body}.`],
  ['alg none without a signature', `${encode({ ...header, alg: 'none' })}.${body}.`],
  ['alg none', signed({ ...header, alg: 'none' }, full)],
  ['alg Ed25519, the newer name', signed({ ...header, alg: 'Ed25519' }, full)],
  ['alg in small letters', signed({ ...header, alg: 'eddsa' }, full)],
  ['typ JWT', signed({ ...header, typ: 'JWT' }, full)],
  ['no typ', signed({ alg: 'EdDSA', kid: key.kid }, full)],
  ['no kid', signed({ alg: 'EdDSA', typ: 'at+jwt' }, full)],
  ['a kid that is not ours', signed({ ...header, kid: 'x' }, full)],
  ['a critical extension', signed({ ...header, crit: ['b64'], b64: false }, full)],
  ['a key brought along', signed({ ...header, jwk: stranger.publicJwk }, full, stranger.privateKey)],
  ['a stranger’s signature under our kid', signed(header, full, stranger.privateKey)],
  ['a stranger’s key', signAccessToken(stranger, ours, now, 600)],
  ['a header that is not JSON', signed('{', full)],
  ['a header that is an array', signed([header], full)],
  ['claims that are not JSON', signed(header, '{')],
  ['an exp in text', signed(header, { ...full, exp: `${full.exp}` })],
  ['an exp that is not whole', signed(header, { ...full, exp: full.exp + 0.5 })],
  ['an audience in a list', signed(header, { ...full, aud: ['holdfast'] })],
  ['a claim more', signed(header, { ...full, role: 'owner' })],
  ['no sid', signed(header, without('sid'))],
  ['no exp', signed(header, without('exp'))],
  ['other claims under the same signature', `${head}.${encode({ ...full, sub: 'u2' })}.${signature}`],
  ['padding', `${token}==`],
  ['a blank behind it', `${token} `],
  ['a line end inside', `${head}.${body}.\n${signature}`],
  ['standard base64', `${head}.${body}.${Buffer.from(signature, 'base64url').toString('base64')}`],
  ['a signature cut short', token.slice(0, -2)],
])('refuses %s', (_what, text) => {
  expect(verify(text)).toBeNull()
})

test('refuses a token signed by HMAC with the public key as the secret', () => {
  const text = `${encode({ ...header, alg: 'HS256' })}.${body}`
  const mac = createHmac('sha256', key.publicKey.export({ type: 'spki', format: 'pem' }))
    .update(text)
    .digest('base64url')
  expect(verify(`${text}.${mac}`)).toBeNull()
})

test('refuses a key of another kind in the set', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const text = `${head}.${body}`
  const forged = `${text}.${sign(null, Buffer.from(text), rsa.privateKey).toString('base64url')}`
  expect(createTokenVerifier().verify(forged, new Map([[key.kid, rsa.publicKey]]), now)).toBeNull()
})

test('refuses the second spelling that the last character of base64url allows', () => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const other = letters[letters.indexOf(signature.at(-1) ?? '') ^ 1]
  expect(Buffer.from(signature.slice(0, -1) + other, 'base64url')).toEqual(Buffer.from(signature, 'base64url'))
  expect(verify(token.slice(0, -1) + other)).toBeNull()
})

test('accepts 4 KiB and refuses one character more', () => {
  const ofSize = (size: number) => signAccessToken(key, { ...ours, jti: 'x'.repeat(size) }, now, 600)
  let size = 1
  while (ofSize(size + 1).length <= 4096) size += 1
  expect(verify(ofSize(size))).not.toBeNull()
  expect(verify(ofSize(size + 1))).toBeNull()
})

test('refuses a token from the very second of its expiry on, also one remembered as good', () => {
  const verifier = createTokenVerifier()
  expect(verifier.verify(token, keys, now + 599)).toEqual(full)
  expect(verifier.verify(token, keys, now + 600)).toBeNull()
  expect(verifier.verify(token, keys, now + 599)).toEqual(full)
})

test('refuses a remembered token as soon as its key has left the set, or another stands in its place', () => {
  const verifier = createTokenVerifier()
  expect(verifier.verify(token, keys, now)).toEqual(full)
  expect(verifier.verify(token, new Map(), now)).toBeNull()
  expect(verifier.verify(token, new Map([[key.kid, stranger.publicKey]]), now)).toBeNull()
  expect(verifier.verify(token, keys, now)).toEqual(full)
})

test('refuses another issuer or audience where one is asked for', () => {
  const verifier = createTokenVerifier({ issuer: 'holdfast', audience: 'holdfast' })
  expect(verifier.verify(signAccessToken(key, { ...ours, iss: 'other' }, now, 600), keys, now)).toBeNull()
  expect(verifier.verify(signAccessToken(key, { ...ours, aud: 'other' }, now, 600), keys, now)).toBeNull()
  expect(verifier.verify(token, keys, now)).toEqual(full)
})

test('answers the same claims the first time and from memory, and nobody can change them', () => {
  const verifier = createTokenVerifier()
  const [first, again] = [verifier.verify(token, keys, now), verifier.verify(token, keys, now)]
  expect(first).toEqual(full)
  expect(again).toEqual(full)
  expect(Object.isFrozen(again)).toBe(true)
})

test('accepts tokens of every key in the set, in any order of members', () => {
  const both = new Map([...keys, [stranger.kid, stranger.publicKey]])
  expect(createTokenVerifier().verify(signAccessToken(stranger, ours, now, 600), both, now)).toEqual(full)
  expect(verify(signed({ kid: key.kid, typ: 'at+jwt', alg: 'EdDSA' }, full))).toEqual(full)
})

test('the header is exactly EdDSA, at+jwt and the kid, and the claims are exactly the eight', () => {
  expect(JSON.parse(Buffer.from(head, 'base64url').toString())).toEqual(header)
  expect(JSON.parse(Buffer.from(body, 'base64url').toString())).toEqual(full)
})

test('jose verifies our tokens, and we verify those of jose', async () => {
  const currentDate = new Date(now * 1000)
  const { payload } = await jwtVerify(token, key.publicKey, { typ: 'at+jwt', issuer: 'holdfast', audience: 'holdfast', currentDate })
  expect(payload).toEqual(full)
  expect(verify(await new SignJWT(full).setProtectedHeader(header).sign(key.privateKey))).toEqual(full)
})

const signs = ({ privateKey }: SigningKey) => sign(null, Buffer.from('x'), privateKey).toString('hex')

test('a key comes back from its text as it was, and its old tokens stay good', () => {
  for (const state of ['active', 'retiring'] as const) {
    const back = importSigningKey(exportSigningKey({ ...key, state }))
    expect({ kid: back.kid, publicJwk: back.publicJwk, createdAt: back.createdAt, state: back.state }).toEqual({
      kid: key.kid,
      publicJwk: key.publicJwk,
      createdAt: '2027-01-15T08:00:00.000Z',
      state,
    })
    expect(signs(back)).toBe(signs(key))
    expect(createTokenVerifier().verify(token, new Map([[back.kid, back.publicKey]]), now)).toEqual(full)
  }
})

test('the kid is the RFC 7638 thumbprint, and the JWK is the public half only', async () => {
  expect(key.kid).toBe(await calculateJwkThumbprint(await exportJWK(key.publicKey)))
  expect(key.publicJwk).toEqual({ ...(await exportJWK(key.publicKey)), kid: key.kid, alg: 'EdDSA', use: 'sig' })
  expect(key.state).toBe('active')
})

const ecPem = String(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }))

test.each([
  ['no JSON', '{'],
  ['a key without its state', JSON.stringify({ ...JSON.parse(exportSigningKey(key)), state: undefined })],
  ['a key under another kid', JSON.stringify({ ...JSON.parse(exportSigningKey(key)), kid: stranger.kid })],
  ['a key that is not Ed25519', JSON.stringify({ ...JSON.parse(exportSigningKey(key)), privateKeyPem: ecPem })],
  ['a key cut short', JSON.stringify({ ...JSON.parse(exportSigningKey(key)), privateKeyPem: '-----BEGIN PRIVATE KEY-----' })],
])('refuses to import %s, without repeating it in the error', (_what, text) => {
  let thrown: unknown
  try {
    importSigningKey(text)
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(AppError)
  expect(thrown).toMatchObject({ kind: 'internal', code: 'signing_key_broken' })
  expect(thrown).not.toHaveProperty('cause')
})
