import { canonical, type Json, sha256 } from '../kernel/canonical.ts'
import type { StoredRow } from '../storage/port.ts'

/** A row and whose it is, as canonical JSON: the same on every engine. */
export const rowText = ({ tenantId, row }: StoredRow): string => canonical({ row: row as unknown as Json, tenantId })

const modulus = 1n << 256n

const numberOf = (text: string): bigint => BigInt(`0x${sha256(text)}`)

export type Sums = ReturnType<typeof createSums>

/**
 * How many rows each entity has, and a digest of them: the sum of the SHA-256 of each row's `rowText`, modulo 2^256, as 64 hex digits. A sum, so that rows may come in any order and a changed
 * row can be taken out and put in again.
 */
export function createSums() {
  const sums = new Map<string, { count: number; digest: bigint }>()

  function change(entity: string, by: 1 | -1, amount: bigint): void {
    const { count, digest } = sums.get(entity) ?? { count: 0, digest: 0n }
    sums.set(entity, { count: count + by, digest: (digest + amount) % modulus })
  }

  return {
    add: (entity: string, text: string): void => change(entity, 1, numberOf(text)),
    take: (entity: string, text: string): void => change(entity, -1, modulus - numberOf(text)),
    of(entity: string): { count: number; digest: string } {
      const { count, digest } = sums.get(entity) ?? { count: 0, digest: 0n }
      return { count, digest: digest.toString(16).padStart(64, '0') }
    },
  }
}
