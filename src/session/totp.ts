import { timingSafeEqual } from 'node:crypto'
import { Secret, TOTP } from 'otpauth'

/** A source of secure random bytes, such as `randomBytes` of node:crypto. */
export type RandomBytes = (size: number) => Uint8Array

const stepMs = 30_000
const window = 1
const form = { algorithm: 'SHA1', digits: 6, period: stepMs / 1000 } // what every authenticator app assumes (RFC 6238)

/** A new secret of 20 bytes as 32 base32 characters. Store it sealed. */
export function createTotpSecret(random: RandomBytes): string {
  return new Secret({ buffer: Uint8Array.from(random(20)).buffer }).base32
}

/** The `otpauth://totp/…` address that an authenticator app reads from a QR code. Holds the secret: never log it. */
export function totpUri({ secret, account, issuer }: { secret: string; account: string; issuer: string }): string {
  return new TOTP({ ...form, secret, label: account, issuer }).toString()
}

/**
 * The step (30 s units since 1970) whose code this is, or null. One step early or late is accepted for slow hands and clocks; a step at or
 * before `lastStep` is not, so that a code works once: store the answer as the next `lastStep` in the commit that signs in. Spaces in the
 * code are ignored. Throws TypeError for a secret that is not base32.
 */
export function verifyTotp(secret: string, code: string, nowMs: number, lastStep: number | null): number | null {
  const typed = code.replaceAll(' ', '')
  const totp = new TOTP({ ...form, secret })
  const current = Math.floor(nowMs / stepMs)
  let found: number | null = null
  for (let step = current - window; step <= current + window; step++) {
    if (step < 0 || (lastStep !== null && step <= lastStep)) continue
    if (found === null && sameText(totp.generate({ timestamp: step * stepMs }), typed)) found = step
  }
  return found
}

function sameText(expected: string, typed: string): boolean {
  const [left, right] = [Buffer.from(expected), Buffer.from(typed)]
  return left.length === right.length && timingSafeEqual(left, right)
}
