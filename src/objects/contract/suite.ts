import { describe } from 'vitest'
import type { OpenSubject } from './harness.ts'
import { isolationLaws } from './isolation.ts'
import { listLaws } from './list.ts'
import { putLaws } from './put.ts'
import { readLaws } from './read.ts'
import { signedLaws } from './signed.ts'

/** The port, sentence by sentence. Every adapter runs all of it. */
export function runContract(adapter: string, open: OpenSubject): void {
  describe(`${adapter} keeps the contract`, () => {
    for (const laws of [putLaws, readLaws, listLaws, isolationLaws, signedLaws]) laws(open)
  })
}
