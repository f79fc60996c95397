import { randomUUID } from 'node:crypto'
import type { AnyEntity } from '../../kernel/entity.ts'
import type { View } from '../port.ts'
import type { Result, Statement } from './batch.ts'
import { codeOf, isOutage, readFailed } from './failures.ts'
import { headReader } from './log.ts'
import { greetingOf } from './opening.ts'
import { openPool } from './pool.ts'
import { setRole } from './questions.ts'
import { rolesOf } from './schema.ts'
import { type Ask, limitOf, storedRows, storedSequences } from './transfer.ts'

/** SQLSTATE 22012. */
const divisionByZero = '22012'

/**
 * Everything at one instant, beside whoever serves the database: one transaction on a connection of its own, which delays nobody. A connection that breaks takes the instant with it: every later call
 * is `unavailable`.
 */
export async function postgresView(url: string, entities: readonly AnyEntity[]): Promise<View> {
  const roles = rolesOf(decodeURIComponent(new URL(url).pathname.slice(1)))
  const pool = openPool({ url, max: 1, greeting: `${greetingOf(roles)}; SET idle_in_transaction_session_timeout = 0`, onProblem: () => {} })
  const id = randomUUID()
  const failed = (error: unknown): unknown => (isOutage(error) || codeOf(error) === divisionByZero ? readFailed(error) : error)

  // known to this transaction alone: a new connection, which is in none, would read as another role and see less
  const mark: Statement = { text: "SELECT set_config('holdfast.view', $1, true)", values: [id] }
  const marked: Statement = { text: "SELECT 1 / (current_setting('holdfast.view', true) IS NOT DISTINCT FROM $1)::int", values: [id] }
  const ask: Ask = async (statements) => {
    const [, ...results] = await pool.run([marked, ...statements]).catch((error: unknown) => Promise.reject(failed(error)))
    return results
  }
  const { heads } = headReader({
    tenant: () => Promise.reject(new Error('A view is not of one tenant')),
    directory: async (statement) => (await ask([statement]))[0] as Result,
  })
  try {
    await pool.run([{ text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' }, setRole(roles, 'transfer'), mark])
    await ask([{ text: 'SELECT 1 FROM heads LIMIT 1' }]) // the instant is that of the first read
  } catch (error) {
    await pool.end()
    throw failed(error)
  }
  return {
    rows: (type, query) => storedRows(ask, entities, type, query),
    sequences: (query) => storedSequences(ask, query),
    heads: ({ cursor = null, limit }) => heads(cursor, limitOf(limit)),
    close: () => pool.end(),
  }
}
