import { AppError } from '../kernel/errors.ts'

const patienceMs = 30_000

const running = new Map<string, Promise<unknown>>()

/**
 * One run at a time for each key; others wait up to 30 seconds. Within one process: a data folder has one (the lock of the folder), so backups of a tenant have too.
 * Errors: `preserve_busy`.
 */
export async function alone<T>(key: string, work: () => Promise<T>, waitMs: number = patienceMs): Promise<T> {
  const endMs = performance.now() + waitMs
  for (let before = running.get(key); before !== undefined; before = running.get(key)) {
    const leftMs = endMs - performance.now()
    const { promise: late, resolve } = Promise.withResolvers<'late'>()
    const timer = setTimeout(() => resolve('late'), Math.max(0, leftMs))
    const first = await Promise.race([
      before.then(
        () => 'free' as const,
        () => 'free' as const,
      ),
      late,
    ])
    clearTimeout(timer)
    if (first === 'late')
      throw new AppError(
        'unavailable',
        'preserve_busy',
        'Another run of preserve works on this tenant and did not end within 30 seconds: try again.',
        { retryAfterSeconds: 30 },
      )
  }
  const current = work()
  running.set(key, current)
  try {
    return await current
  } finally {
    running.delete(key)
  }
}
