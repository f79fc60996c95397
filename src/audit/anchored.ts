import type { Anchors } from '../kernel/backups.ts'
import type { TenantStore } from '../storage/port.ts'
import type { ChainProblem, ProblemCode } from './chain.ts'

type Stream = { store: TenantStore; stream: string /** The last entry that is there. */; last: number }

/**
 * Compares a stream with the heads that were put out of the database's reach. The newest one decides: its hash stands for everything before it. Where it is another one, the oldest that is too tells the place.
 * The heads must have been listed before the stream was walked: newer ones are of entries that came since.
 */
export async function compareAnchors(anchors: Anchors, { store, stream, last }: Stream): Promise<ChainProblem[]> {
  const problems: ChainProblem[] = []
  const tell = (code: ProblemCode, sequence: number, detail: string) => problems.push({ stream, sequence, code, detail })
  const sequences = [...(anchors.streams.get(stream) ?? [])].sort((a, b) => a - b)
  let isTailTold = false

  /** Whether the entry is the one that was anchored; null when that head cannot be used. */
  async function isSame(sequence: number): Promise<boolean | null> {
    const head = await anchors.head(stream, sequence)
    if (head === null) return null
    return (await store.log(stream, sequence - 1, 1))[0]?.hash === head.hash
  }

  for (let at = sequences.length - 1; at >= 0; at -= 1) {
    const sequence = sequences[at] as number
    const verdict = await isSame(sequence)
    if (verdict === null) tell('head_invalid', sequence, `The head in ${anchors.target} is not as it was written.`)
    else if (sequence > last) {
      if (!isTailTold) tell('tail_missing', last + 1, `${anchors.target} has a head of entry ${sequence}, but ${last} entries are there.`)
      isTailTold = true
    } else {
      if (!verdict) await tellChange(at)
      return problems
    }
  }
  return problems

  async function tellChange(newest: number): Promise<void> {
    let [good, bad] = [-1, newest]
    while (bad - good > 1) {
      const middle = (good + bad) >>> 1
      if ((await isSame(sequences[middle] as number)) === false) bad = middle
      else good = middle
    }
    const from = good < 0 ? 1 : (sequences[good] as number) + 1
    const to = sequences[bad] as number
    tell('changed', to, `Somewhere from ${from} to ${to} an entry is another one than when its head was put into ${anchors.target}.`)
  }
}
