import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  sign,
  verify as verifySignature,
} from 'node:crypto'
import { z } from 'zod'
import { AppError } from '../kernel/errors.ts'
import { createRecentMap } from '../kernel/recent-map.ts'

/** The public half as it stands in a JWK set (RFC 8037). */
export type PublicJwk = { kty: 'OKP'; crv: 'Ed25519'; x: string; kid: string; alg: 'EdDSA'; use: 'sig' }

export type SigningKey = {
  /** RFC 7638 thumbprint of the public key, so that a key cannot carry another's name. */
  kid: string
  privateKey: KeyObject
  publicKey: KeyObject
  publicJwk: PublicJwk
  /** RFC 3339 UTC with milliseconds. */
  createdAt: string
  /** An active key signs; a retiring one only verifies, until its last token has expired. */
  state: 'active' | 'retiring'
}

/** Who a token speaks for: issuer, audience, user id, session id, tenant id, and the token's own id. */
export type TokenClaims = { iss: string; aud: string; sub: string; sid: string; tid: string; jti: string }

/** `iat` and `exp` in whole seconds since 1970. */
export type AccessClaims = Readonly<TokenClaims & { iat: number; exp: number }>

export type TokenVerifier = {
  /**
   * The claims of a token that one of these keys signed and that has not expired, else null. Reads nothing stored: the caller still checks
   * session, user and tenant. `keys` holds the keys in force by `kid`; a key left out is refused from this call on, whatever is remembered.
   *
   */
  verify(token: string, keys: ReadonlyMap<string, KeyObject>, nowSeconds: number): AccessClaims | null
}

export type VerifierOptions = {
  /** The only `iss` accepted; default any. */
  issuer?: string
  /** The only `aud` accepted; default any. */
  audience?: string
  /** Signatures remembered, at most; default 20,000. */
  remembered?: number
}

const maxTokenLength = 4096

const Exported = z.strictObject({
  kid: z.string(),
  createdAt: z.iso.datetime(),
  state: z.enum(['active', 'retiring']),
  privateKeyPem: z.string(),
})

const Header = z.strictObject({ alg: z.literal('EdDSA'), typ: z.literal('at+jwt'), kid: z.string() })
const seconds = z.int().nonnegative()
const Claims = z.strictObject({
  iss: z.string(),
  aud: z.string(),
  sub: z.string(),
  sid: z.string(),
  tid: z.string(),
  jti: z.string(),
  iat: seconds,
  exp: seconds,
})

/** A new active Ed25519 key. */
export function generateSigningKey(now: Date): SigningKey {
  return fromPrivate(generateKeyPairSync('ed25519').privateKey, now.toISOString(), 'active')
}

/** The whole key as JSON text, private half in PKCS#8 PEM. Clear text: it is sealed before it is stored and never leaves in another way. */
export function exportSigningKey({ kid, createdAt, state, privateKey }: SigningKey): string {
  return JSON.stringify({
    kid,
    createdAt,
    state,
    privateKeyPem: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  } satisfies z.input<typeof Exported>)
}

/** What `exportSigningKey` wrote. Throws `internal` `signing_key_broken` for anything else, also for a `kid` that is not this key's. */
export function importSigningKey(text: string): SigningKey {
  try {
    const { kid, createdAt, state, privateKeyPem } = Exported.parse(JSON.parse(text))
    const key = fromPrivate(createPrivateKey(privateKeyPem), createdAt, state)
    if (key.kid !== kid) throw new Error('kid is not the thumbprint of the key')
    return key
  } catch {
    // no cause: what failed to parse may be the private key
    throw new AppError(
      'internal',
      'signing_key_broken',
      'A stored signing key cannot be read: restore it from a backup, or rotate the keys.',
    )
  }
}

/** A JWT (RFC 9068, `typ: at+jwt`) signed with EdDSA. `nowSeconds` and `ttlSeconds` are whole seconds. */
export function signAccessToken(
  key: SigningKey,
  { iss, aud, sub, sid, tid, jti }: TokenClaims,
  nowSeconds: number,
  ttlSeconds: number,
): string {
  const claims: AccessClaims = { iss, aud, sub, sid, tid, jti, iat: nowSeconds, exp: nowSeconds + ttlSeconds }
  const signed = `${encode({ alg: 'EdDSA', typ: 'at+jwt', kid: key.kid })}.${encode(claims)}`
  return `${signed}.${sign(null, Buffer.from(signed), key.privateKey).toString('base64url')}`
}

/**
 * Verifies access tokens: EdDSA and `at+jwt` only, `kid` from the given keys only, three canonical base64url parts, at most 4 KiB, no other
 * header member. A good signature is remembered by the token's digest, because checking one costs more than the rest of a request
 * (DESIGN.md, 13); expiry is read every time. A bad one is not remembered, so that rubbish cannot push good ones out. Checks run on the
 * calling thread: the thread pool belongs to the password hashes.
 */
export function createTokenVerifier({ issuer, audience, remembered = 20_000 }: VerifierOptions = {}): TokenVerifier {
  const proven = createRecentMap<{ kid: string; key: KeyObject; claims: AccessClaims }>(remembered)

  function prove(token: string, keys: ReadonlyMap<string, KeyObject>): AccessClaims | null {
    const digest = hash('sha256', token, 'base64url')
    const before = proven.get(digest)
    if (before !== undefined && keys.get(before.kid)?.equals(before.key)) return before.claims
    const now = read(token, keys)
    if (now === null) return null
    proven.set(digest, now)
    return now.claims
  }

  return {
    verify(token, keys, nowSeconds) {
      if (token.length > maxTokenLength) return null
      const claims = prove(token, keys)
      if (claims === null || nowSeconds >= claims.exp) return null
      if ((issuer !== undefined && claims.iss !== issuer) || (audience !== undefined && claims.aud !== audience)) return null
      return claims
    },
  }
}

function fromPrivate(privateKey: KeyObject, createdAt: string, state: SigningKey['state']): SigningKey {
  const publicKey = createPublicKey(privateKey)
  const { x } = publicKey.export({ format: 'jwk' })
  if (privateKey.asymmetricKeyType !== 'ed25519' || x === undefined) throw new Error('not an Ed25519 key')
  const kid = createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url')
  return { kid, privateKey, publicKey, publicJwk: { kty: 'OKP', crv: 'Ed25519', x, kid, alg: 'EdDSA', use: 'sig' }, createdAt, state }
}

function read(token: string, keys: ReadonlyMap<string, KeyObject>) {
  const [head, body, signature, ...rest] = token.split('.')
  if (head === undefined || body === undefined || signature === undefined || rest.length > 0) return null
  const header = Header.safeParse(decode(head))
  if (!header.success) return null
  const { kid } = header.data
  const key = keys.get(kid)
  const signatureBytes = canonicalBytes(signature)
  if (key === undefined || key.asymmetricKeyType !== 'ed25519' || signatureBytes === null) return null
  if (!verifySignature(null, Buffer.from(`${head}.${body}`), key, signatureBytes)) return null
  const claims = Claims.safeParse(decode(body))
  return claims.success ? { kid, key, claims: Object.freeze(claims.data) } : null
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function decode(part: string): unknown {
  const bytes = canonicalBytes(part)
  if (bytes === null) return null
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return null
  }
}

function canonicalBytes(part: string): Buffer | null {
  const bytes = Buffer.from(part, 'base64url')
  return bytes.toString('base64url') === part ? bytes : null
}
