import { createHash, randomBytes } from 'node:crypto'

/**
 * A new random token: the prefix that names its type (`hfr_`, `hfk_` …), then exactly 43 base64url characters holding 32 bytes of the
 * system's secure source. The clear text is shown once; only `digestToken` of it is ever stored (SECURITY.md, tokens).
 */
export const randomToken = (prefix: string): string => prefix + randomBytes(32).toString('base64url')

/**
 * The stored form of a token: SHA-256 over its whole text, prefix included, as 64 lower-case hex digits. 256 random bits need no key and no
 * salt.
 */
export const digestToken = (token: string): string => createHash('sha256').update(token).digest('hex')
