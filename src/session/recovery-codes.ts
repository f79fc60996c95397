/** `codes` are shown once, in this order; `digests[i]` belongs to `codes[i]` and is what is stored. */
export type RecoveryCodes = { codes: string[]; digests: string[] }

export function createRecoveryCodes(_random: (size: number) => Uint8Array): RecoveryCodes {
  throw new Error('not written yet')
}

/** Index in `digests` of the code that was typed, or -1. */
export function findRecoveryCode(_digests: readonly string[], _typed: string): number {
  throw new Error('not written yet')
}
