import { randomBytes } from 'node:crypto'

export type IdSource = { newId(): string }

/** Random text for this many ids is asked for at once: each question to the system's source costs more than the rest of an id. */
const idsAtOnce = 256
/** Hexadecimal digits an id draws: 3 to start the counter, 1 for the variant, 15 as they are. */
const randomDigits = 20

/**
 * UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then a 12-bit counter that keeps ids made within one millisecond in order (method 1 of section 6.2), then
 * 62 random bits. Time-ordered ids keep the primary key append-only. `random` gives that many random bytes.
 */
export function idSource(nowMs: () => number = Date.now, random: (bytes: number) => Buffer = randomBytes): IdSource {
  let lastMs = 0
  let sequence = 0
  let prefix = ''
  let digits = ''
  let taken = 0

  function startMs(ms: number): void {
    lastMs = ms
    const hex = ms.toString(16).padStart(12, '0')
    prefix = `${hex.slice(0, 8)}-${hex.slice(8)}-7`
  }

  return {
    newId() {
      if (taken >= digits.length) {
        digits = random((idsAtOnce * randomDigits) / 2).toString('hex')
        taken = 0
      }
      const drawn = digits.slice(taken, taken + randomDigits)
      taken += randomDigits
      const now = nowMs()
      if (now > lastMs) {
        startMs(now)
        // the lower half, so that the counter has room to count
        sequence = Number.parseInt(drawn.slice(0, 3), 16) & 0x7ff
      } else if (++sequence > 0xfff) {
        startMs(lastMs + 1)
        sequence = 0
      }
      const counter = sequence.toString(16).padStart(3, '0')
      return `${prefix}${counter}-${variant[drawn.charCodeAt(3) & 3]}${drawn.slice(4, 7)}-${drawn.slice(7, 19)}`
    },
  }
}

/** The variant's two bits are 10. */
const variant = ['8', '9', 'a', 'b'] as const

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** True for a lower-case UUID of any version. */
export const isUuid = (text: string): boolean => uuid.test(text)
