import type { Database } from 'better-sqlite3'
import { decodeCursor, encodeCursor, type Page } from '../../kernel/page.ts'
import { loggedEntry } from '../logged.ts'
import type { Head, LoggedEntry } from '../port.ts'

type EntryRow = { entry: string; hash: string; secrets: string | null }

/** Reads entries of a tenant's stream after a sequence. */
export function logReader(db: Database): (tenant: string, stream: string, after: number, limit: number) => LoggedEntry[] {
  const select = db.prepare<unknown[], EntryRow>(
    'SELECT entry, hash, secrets FROM log WHERE stream = ? AND sequence > ? AND tenant_id = ? ORDER BY sequence LIMIT 0 + ?',
  )
  return (tenant, stream, after, limit) =>
    select.all(stream, after, tenant, limit).map(({ entry, hash, secrets }) => loggedEntry(entry, hash, secrets))
}

export type LogReader = ReturnType<typeof logReader>

type HeadRow = Omit<Head, 'leaves'> & { leaves: string; tenantId: string }

const columns = 'stream, tenant_id AS tenantId, sequence, hash, time, leaves, kid, signature'

export function headReader(db: Database) {
  const one = db.prepare<unknown[], HeadRow>(`SELECT ${columns} FROM heads WHERE stream = ? AND tenant_id = ?`)
  const some = db.prepare<unknown[], HeadRow>(`SELECT ${columns} FROM heads WHERE stream > ? ORDER BY stream LIMIT 0 + ?`)
  return {
    head(tenant: string, stream: string): Head | null {
      const row = one.get(stream, tenant)
      if (row === undefined) return null
      const { tenantId: _, ...head } = row
      return { ...head, leaves: JSON.parse(head.leaves) as string[] }
    },
    heads(cursor: string | null, limit: number): Page<Head & { tenantId: string }> {
      const after = cursor === null ? '' : (decodeCursor('heads', cursor, 1)[0] as string)
      const rows = some.all(after, limit + 1)
      const items = rows.slice(0, limit).map((row) => ({ ...row, leaves: JSON.parse(row.leaves) as string[] }))
      const last = items.at(-1)
      return { items, nextCursor: rows.length > limit && last !== undefined ? encodeCursor('heads', [last.stream]) : null }
    },
  }
}

export type HeadReader = ReturnType<typeof headReader>
