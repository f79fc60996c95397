/** A source of secure random bytes, such as `randomBytes` of node:crypto. */
export type RandomBytes = (size: number) => Uint8Array

export function createTotpSecret(_random: RandomBytes): string {
  throw new Error('not written yet')
}

export function totpUri(_of: { secret: string; account: string; issuer: string }): string {
  throw new Error('not written yet')
}

export function verifyTotp(_secret: string, _code: string, _nowMs: number, _lastStep: number | null): number | null {
  throw new Error('not written yet')
}
