import { describe } from 'vitest'
import { commitLaws } from './commit.ts'
import { filterLaws } from './filter.ts'
import type { OpenSubject } from './harness.ts'
import { isolationLaws } from './isolation.ts'
import { lifeLaws } from './life.ts'
import { listLaws } from './list.ts'
import { logLaws } from './log.ts'
import { raceLaws } from './race.ts'
import { readLaws } from './read.ts'
import { transferLaws } from './transfer.ts'
import { viewLaws } from './view.ts'

/** The port, sentence by sentence. Every engine runs all of it: `runContract('sqlite', …)` is what a new engine has to add. */
export function runContract(engine: string, open: OpenSubject): void {
  describe(`${engine} keeps the contract`, () => {
    for (const laws of [commitLaws, readLaws, listLaws, filterLaws, logLaws, isolationLaws, raceLaws, lifeLaws, transferLaws, viewLaws])
      laws(open)
  })
}
