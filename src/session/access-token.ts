import type { KeyObject } from 'node:crypto'

export type SigningKey = {
  kid: string
  privateKey: KeyObject
  publicKey: KeyObject
  publicJwk: { kty: 'OKP'; crv: 'Ed25519'; x: string; kid: string; alg: 'EdDSA'; use: 'sig' }
  /** RFC 3339 UTC with milliseconds. */
  createdAt: string
  state: 'active' | 'retiring'
}

/** Who a token speaks for: issuer, audience, user id, session id, tenant id, and the token's own id. */
export type TokenClaims = { iss: string; aud: string; sub: string; sid: string; tid: string; jti: string }

/** `iat` and `exp` in whole seconds since 1970. */
export type AccessClaims = TokenClaims & { iat: number; exp: number }

export type TokenVerifier = {
  verify(token: string, keys: ReadonlyMap<string, KeyObject>, nowSeconds: number): AccessClaims | null
}

export function generateSigningKey(_now: Date): SigningKey {
  throw new Error('not written yet')
}

export function exportSigningKey(_key: SigningKey): string {
  throw new Error('not written yet')
}

export function importSigningKey(_text: string): SigningKey {
  throw new Error('not written yet')
}

export function signAccessToken(_key: SigningKey, _claims: TokenClaims, _nowSeconds: number, _ttlSeconds: number): string {
  throw new Error('not written yet')
}

export function createTokenVerifier(): TokenVerifier {
  throw new Error('not written yet')
}
