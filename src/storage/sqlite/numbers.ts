import type { Database } from 'better-sqlite3'
import type { EncodedCommit as WireCommit } from '../encoded.ts'
import type { Shape } from './schema.ts'

/**
 * Numbers for rows. The last one of each sequence is held here, so that giving one out costs no commit; the insert that carries it raises the stored value in its own transaction.
 * What was given out and never committed is given out again after a restart, and only then.
 */
export function numberer(db: Database, shapes: readonly Shape[]) {
  const select = db.prepare<unknown[], number>('SELECT value FROM sequences WHERE tenant_id = ? AND name = ?').pluck()
  const last = new Map<string, number>()

  const keyOf = (tenant: string, name: string): string => `${tenant}\n${name}`

  function lastOf(tenant: string, name: string): number {
    return last.get(keyOf(tenant, name)) ?? select.get(tenant, name) ?? 0
  }

  return {
    next(tenant: string, name: string, n: number): number {
      const first = lastOf(tenant, name) + 1
      last.set(keyOf(tenant, name), first + n - 1)
      return first
    },
    /** An insert that was posted with a number of its own counts at once, before it is durable. */
    note([tenant, , , , changes]: WireCommit): void {
      for (const change of changes) {
        if (change[0] !== 'insert') continue
        const shape = shapes[change[1]]
        const value = shape === undefined || shape.sequence === null ? null : change[3][shape.sequence]
        if (shape === undefined || typeof value !== 'number' || value <= lastOf(tenant, shape.name)) continue
        last.set(keyOf(tenant, shape.name), value)
      }
    },
    /** What is stored counts again, and nothing else. */
    forget: (): void => last.clear(),
  }
}

export type Numberer = ReturnType<typeof numberer>
