import { createHash } from 'node:crypto'

/** `YYYY-MM-DDTHH:MM:SS.ffffffZ` of whole microseconds since the epoch. */
export const momentOf = (micros: number): string => {
  const ms = Math.floor(micros / 1_000)
  return `${new Date(ms).toISOString().slice(0, -1)}${String(micros - ms * 1_000).padStart(3, '0')}Z`
}

export const microsOf = (moment: string): number => Date.parse(`${moment.slice(0, 23)}Z`) * 1_000 + Number(moment.slice(23, 26) || 0)

/** The id of the one row of two others: a UUIDv8 (RFC 9562 section 5.8) made of a digest of both, so that a row is found, and made once, without looking for it. */
export function pairId(one: string, other: string): string {
  const hex = createHash('sha256').update(`${one}\n${other}`).digest('hex')
  const variant = '89ab'[Number.parseInt(hex[16] ?? '0', 16) & 3]
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
