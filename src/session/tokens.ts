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

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const linkLength = 32
/** The largest multiple of 62 in a byte: what lies above would make the first letters likelier. */
const fair = 248

/** A token for a link that people pass on: exactly 32 characters `[A-Za-z0-9]`, uniform, 190 bits (SECURITY.md, tokens). `random` gives that many random bytes. */
export function linkToken(random: (bytes: number) => Buffer): string {
  let token = ''
  while (token.length < linkLength) for (const byte of random(linkLength)) if (byte < fair) token += letters[byte % letters.length]
  return token.slice(0, linkLength)
}
