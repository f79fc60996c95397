/** Where a sealed value lives. It opens nowhere else. */
export type SealPlace = { tenant: string; entity: string; id: string; field: string }

export type Sealer = {
  /** Names the master key without telling anything about it: 8 hex digits. */
  kid: string
  seal(plaintext: string, place: SealPlace): string
  open(sealed: string, place: SealPlace): string
  rewrap(sealed: string, place: SealPlace, newSealer: Sealer): string
}

export function createSealer(_masterKey: Buffer): Sealer {
  throw new Error('not written yet')
}
