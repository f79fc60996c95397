/** A candidate and what decides whose turn it is: the smallest first, part by part. */
export type Ranked = { id: string; rank: readonly (number | string)[] }

const isBefore = (a: Ranked, b: Ranked): boolean => {
  for (const [at, left] of a.rank.entries()) {
    const right = b.rank[at] as number | string
    if (left !== right) return left < right
  }
  return a.id < b.id
}

/** Whose turn it is, in logarithmic time a turn: a binary heap. */
export function turns(candidates: readonly Ranked[]) {
  const heap: Ranked[] = []
  for (const candidate of candidates) push(candidate)

  function push(one: Ranked): void {
    let at = heap.push(one) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (isBefore(heap[above] as Ranked, one)) break
      heap[at] = heap[above] as Ranked
      at = above
    }
    heap[at] = one
  }

  function pop(): Ranked | null {
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined) return null
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let next = 2 * at + 1
      if (next >= heap.length) break
      if (next + 1 < heap.length && isBefore(heap[next + 1] as Ranked, heap[next] as Ranked)) next += 1
      if (!isBefore(heap[next] as Ranked, last)) break
      heap[at] = heap[next] as Ranked
      at = next
    }
    heap[at] = last
    return first
  }

  return {
    push,
    /** One that is named; taken from the queue until it is pushed again. Null when it is not there. In linear time. */
    remove(id: string): Ranked | null {
      const at = heap.findIndex((one) => one.id === id)
      const [found] = at === -1 ? [] : heap.splice(at, 1)
      if (found === undefined) return null
      for (const one of heap.splice(0)) push(one)
      return found
    },
    /** The first, leaving one out; taken from the queue until it is pushed again. Null when nobody else is there. */
    take(except: string | null): Ranked | null {
      const first = pop()
      if (first === null || first.id !== except) return first
      const second = pop()
      push(first)
      return second
    },
  }
}
