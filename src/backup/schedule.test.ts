import { expect, onTestFinished, test, vi } from 'vitest'
import { scheduled } from './schedule.ts'

/** Leases as a storage of several processes gives them, under the time of the test. */
function leases() {
  let held: { by: string; untilMs: number } | null = null
  return (by: string) => ({
    async lease(_: string, seconds: number) {
      if (held !== null && held.by !== by && held.untilMs > Date.now()) return null
      held = { by, untilMs: Date.now() + seconds * 1_000 }
      return 1
    },
  })
}

function begin(work: (by: string) => Promise<void>): Record<string, () => void> {
  vi.useFakeTimers({ now: Date.parse('2026-03-01T08:00:30Z') })
  onTestFinished(() => void vi.useRealTimers())
  const storage = leases()
  const of = (by: string) => scheduled({ storage: storage(by), cron: '*/5 * * * *', failed: () => {} }, () => work(by))
  const ends = { a: of('a'), b: of('b'), c: of('c') }
  onTestFinished(() => {
    for (const end of Object.values(ends)) end()
  })
  return ends
}

test('of three processes one works at each time, and another when it is gone', async () => {
  const done: string[] = []
  const ends = begin(async (by) => void done.push(by))
  await vi.advanceTimersByTimeAsync(15 * 60_000)
  expect(done).toHaveLength(3)
  ends[done[2] ?? '']?.()
  await vi.advanceTimersByTimeAsync(5 * 60_000)
  expect(done).toHaveLength(4)
  expect(done[3]).not.toBe(done[2])
})

test('work that outlasts the time between is not begun by another', async () => {
  const begun: string[] = []
  begin(async (by) => {
    begun.push(by)
    await new Promise((resolve) => setTimeout(resolve, 12 * 60_000))
  })
  await vi.advanceTimersByTimeAsync(14 * 60_000)
  expect(begun).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(6 * 60_000)
  expect(begun).toHaveLength(2)
})

test('a storage that one process has to itself, and work that fails, stop nothing', async () => {
  vi.useFakeTimers({ now: Date.parse('2026-03-01T08:00:30Z') })
  onTestFinished(() => void vi.useRealTimers())
  const failures: unknown[] = []
  const end = scheduled({ storage: {}, cron: '*/5 * * * *', failed: (error) => void failures.push(error) }, () =>
    Promise.reject(new Error('no')),
  )
  await vi.advanceTimersByTimeAsync(10 * 60_000)
  expect(failures).toHaveLength(2)
  end()
})
