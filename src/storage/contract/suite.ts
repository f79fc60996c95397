import { describe } from 'vitest'
import { commitLaws } from './commit.ts'
import type { OpenSubject } from './harness.ts'

/** The port, sentence by sentence. Every engine runs all of it: `runContract('sqlite', …)` is what a new engine has to add. */
export function runContract(engine: string, open: OpenSubject): void {
  describe(`${engine} keeps the contract`, () => {
    commitLaws(open)
  })
}
