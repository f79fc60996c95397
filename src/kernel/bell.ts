export type Bell = { ring(): void; rung(timeoutMs: number): Promise<void> }

/** Remembers a ring that nobody waited for yet. */
export function createBell(): Bell {
  let pending = false
  let answer: (() => void) | null = null
  return {
    ring() {
      pending = true
      answer?.()
    },
    rung: (timeoutMs) =>
      new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer)
          answer = null
          pending = false
          resolve()
        }
        const timer = setTimeout(done, timeoutMs)
        if (pending) done()
        else answer = done
      }),
  }
}
