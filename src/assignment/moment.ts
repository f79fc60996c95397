import { createHash } from 'node:crypto'

/** `YYYY-MM-DDTHH:MM:SS.ffffffZ` of whole microseconds since the epoch. */
export const momentOf = (micros: number): string => {
  const ms = Math.floor(micros / 1_000)
  return `${new Date(ms).toISOString().slice(0, -1)}${String(micros - ms * 1_000).padStart(3, '0')}Z`
}

export const microsOf = (moment: string): number => Date.parse(`${moment.slice(0, 23)}Z`) * 1_000 + Number(moment.slice(23, 26) || 0)

/** The first 48 bits of a UUIDv7 of 2026-11-28T03:00:00Z, when `pairId` came to begin with the time of the other row; pairs with older ones keep the id they had. `sql_pair_id` (storage/postgres/sql-functions.ts) says the same. */
const timed = '01a220186780'

/**
 * The id of the one row of two others: a UUIDv8 (RFC 9562 section 5.8) of a digest of both, so that a row is found, and made once, without looking for it. It begins with the time of the second one's
 * UUIDv7, so that pairs with rows that were made one after another lie beside each other in the database, and a hand-out of thousands touches few of its pages.
 */
export function pairId(one: string, other: string): string {
  const hex = createHash('sha256').update(`${one}\n${other}`).digest('hex')
  const isTimed = other[14] === '7' && other.slice(0, 8) + other.slice(9, 13) >= timed
  const [high, mid, low] = isTimed
    ? [other.slice(0, 8), other.slice(9, 13), other.slice(15, 18)]
    : [hex.slice(0, 8), hex.slice(8, 12), hex.slice(13, 16)]
  const variant = '89ab'[Number.parseInt(hex[16] ?? '0', 16) & 3]
  return `${high}-${mid}-8${low}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
