import { randomBytes } from 'node:crypto'

export type IdSource = { newId(): string }

/**
 * UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then a 12-bit counter that keeps ids made within one millisecond in order (method 1 of section 6.2), then
 * 62 random bits. Time-ordered ids keep the primary key append-only.
 */
export function idSource(nowMs: () => number = Date.now, random: (bytes: number) => Buffer = randomBytes): IdSource {
  let lastMs = 0
  let sequence = 0
  let pool: Buffer = Buffer.alloc(0)
  let taken = 0
  return {
    newId() {
      // asking the system's source once for many ids, because each question costs more than the rest of an id
      if (taken === pool.length) {
        pool = random(4096)
        taken = 0
      }
      const bytes = pool.subarray(taken, taken + 16)
      taken += 16
      const now = nowMs()
      if (now > lastMs) {
        lastMs = now
        sequence = bytes.readUInt16BE(6) & 0x7ff
      } else if (++sequence > 0xfff) {
        lastMs += 1
        sequence = 0
      }
      bytes.writeUIntBE(lastMs, 0, 6)
      bytes.writeUInt16BE(0x7000 | sequence, 6)
      bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
      const hex = bytes.toString('hex')
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
    },
  }
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** True for a lower-case UUID of any version. */
export const isUuid = (text: string): boolean => uuid.test(text)
