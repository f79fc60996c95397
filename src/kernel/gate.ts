type Line = { active: number; width: number; waiting: (() => void)[] }

/** Lets at most `width` pieces of work with the same key run at once in this process, first come, first served. The latest caller's width counts. */
export function createGate() {
  const lines = new Map<string, Line>()
  return async function gate<T>(key: string, width: number, work: () => Promise<T>): Promise<T> {
    const line = lines.get(key) ?? { active: 0, width, waiting: [] }
    lines.set(key, line)
    line.width = width
    if (line.active >= line.width || line.waiting.length > 0) await new Promise<void>((resolve) => line.waiting.push(resolve))
    line.active += 1
    try {
      return await work()
    } finally {
      line.active -= 1
      if (line.active < line.width) line.waiting.shift()?.()
      if (line.active === 0 && line.waiting.length === 0) lines.delete(key)
    }
  }
}
