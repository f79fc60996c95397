import type { Result } from './batch.ts'
import { isOutage, writeFailed } from './failures.ts'
import { loading } from './group.ts'
import type { Pool } from './pool.ts'
import { setTenant } from './questions.ts'

const lazily = { text: "SELECT set_config('synchronous_commit', 'off', true)" }
const raise = `INSERT INTO sequences (tenant_id, name, value)
  SELECT $1, $2, $3::bigint WHERE NOT EXISTS (SELECT FROM loads WHERE state = 'loading')
  ON CONFLICT (tenant_id, name) DO UPDATE SET value = sequences.value + excluded.value RETURNING value`

/**
 * Numbers for rows: raised in the database, because other processes take some too. The raise does not wait for the disk: the commit that uses the number is written after it, and what is
 * durable is durable in order; a number that no commit used may be given again after a crash.
 */
export function numberer(pool: Pool, onProblem: (error: Error) => void) {
  return async (tenant: string, name: string, n: number): Promise<number> => {
    let results: Result[]
    try {
      results = await pool.run([setTenant(tenant), lazily, { text: raise, values: [tenant, name, String(n)] }])
    } catch (error) {
      if (error instanceof Error && !isOutage(error)) onProblem(error)
      throw writeFailed(error)
    }
    const last = results[2]?.rows[0]?.[0]
    if (last == null) throw loading()
    return Number(last) - n + 1
  }
}

export type Numberer = ReturnType<typeof numberer>
