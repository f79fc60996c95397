import { randomUUID } from 'node:crypto'
import { readFailed } from './failures.ts'
import type { Pool } from './pool.ts'

const take = `INSERT INTO leases (name, holder, epoch, expires_at) VALUES ($1, $2, 1, now() + make_interval(secs => $3::float8))
  ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at,
    epoch = leases.epoch + CASE WHEN leases.holder = excluded.holder THEN 0 ELSE 1 END
  WHERE leases.holder = excluded.holder OR leases.expires_at < now() RETURNING epoch`

/** Jobs that one process does for all. Time is the database's, so that the processes' clocks do not matter. */
export function leaser(pool: () => Pool) {
  const holder = randomUUID()
  return async (name: string, seconds: number): Promise<number | null> => {
    const [result] = await pool()
      .run([{ text: take, values: [name, holder, String(seconds)] }])
      .catch((error: unknown) => Promise.reject(readFailed(error)))
    const epoch = result?.rows[0]?.[0]
    return epoch == null ? null : Number(epoch)
  }
}
