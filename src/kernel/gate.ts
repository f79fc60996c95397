import { AppError } from './errors.ts'

type Line = { active: number; width: number; waiting: (() => void)[] }

/** `width` pieces of work at once; the latest caller's counts. `waiting` may wait, the rest is refused; absent = any number. */
export type Lane = { key: string; width: number; waiting?: number }

/** Lets only so much work with the same key run at once in this process, first come, first served. Errors: `busy` when the line is full. */
export function createGate() {
  const lines = new Map<string, Line>()
  return async function gate<T>({ key, width, waiting = Number.POSITIVE_INFINITY }: Lane, work: () => Promise<T>): Promise<T> {
    const line = lines.get(key) ?? { active: 0, width, waiting: [] }
    lines.set(key, line)
    line.width = width
    if (line.active >= line.width || line.waiting.length > 0) {
      if (line.waiting.length >= waiting)
        throw new AppError('unavailable', 'busy', 'The server is busy with the same: try again in a second.', { retryAfterSeconds: 1 })
      await new Promise<void>((resolve) => line.waiting.push(resolve))
    } else line.active += 1
    try {
      return await work()
    } finally {
      // places change hands at once, so that nobody slips in between; a line that has grown wider lets more of them in
      line.active -= 1
      while (line.active < line.width && line.waiting.length > 0) {
        line.active += 1
        line.waiting.shift()?.()
      }
      if (line.active === 0) lines.delete(key)
    }
  }
}
