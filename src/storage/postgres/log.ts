import { decodeCursor, encodeCursor, type Page } from '../../kernel/page.ts'
import { loggedEntry } from '../logged.ts'
import type { Head, LoggedEntry } from '../port.ts'
import type { Reads } from './read.ts'

type Values = readonly (string | null)[]

/** Reads entries of a tenant's stream after a sequence. */
export function logReader({ tenant: ask }: Reads) {
  const text = 'SELECT entry, hash, secrets FROM log WHERE stream = $1 AND sequence > $2 AND tenant_id = $3 ORDER BY sequence LIMIT $4'
  return async (tenant: string, stream: string, after: number, limit: number): Promise<LoggedEntry[]> => {
    const { rows } = await ask(tenant, { text, values: [named(stream), String(after), tenant, String(limit)] })
    return rows.map(([entry, hash, secrets]) => loggedEntry(entry as string, hash as string, secrets ?? null))
  }
}

export type LogReader = ReturnType<typeof logReader>

/** A stream with a NUL in its name cannot be there. */
const named = (stream: string): string | null => (stream.includes('\0') ? null : stream)

const columns = 'stream, tenant_id, sequence, hash, time, leaves, kid, signature'

function headOf([stream, tenantId, sequence, hash, time, leaves, kid, signature]: Values): Head & { tenantId: string } {
  const texts = { stream, tenantId, hash, time, kid, signature } as Record<
    'stream' | 'tenantId' | 'hash' | 'time' | 'kid' | 'signature',
    string
  >
  return { ...texts, sequence: Number(sequence), leaves: JSON.parse(leaves as string) as string[] }
}

/** Heads at sequence 0 are streams that wait for their first entry. */
export function headReader({ tenant: ask, directory: askAll }: Pick<Reads, 'tenant' | 'directory'>) {
  return {
    async head(tenant: string, stream: string): Promise<Head | null> {
      const text = `SELECT ${columns} FROM heads WHERE stream = $1 AND tenant_id = $2 AND kid <> ''`
      const { rows } = await ask(tenant, { text, values: [named(stream), tenant] })
      if (rows[0] === undefined) return null
      const { tenantId: _, ...head } = headOf(rows[0])
      return head
    },
    async heads(cursor: string | null, limit: number): Promise<Page<Head & { tenantId: string }>> {
      const after = cursor === null ? '' : String(decodeCursor('heads', cursor, 1)[0])
      const text = `SELECT ${columns} FROM heads WHERE stream > $1 AND kid <> '' ORDER BY stream LIMIT $2`
      const { rows } = await askAll({ text, values: [after, String(limit + 1)] })
      const items = rows.slice(0, limit).map(headOf)
      const last = items.at(-1)
      return { items, nextCursor: rows.length > limit && last !== undefined ? encodeCursor('heads', [last.stream]) : null }
    },
  }
}

export type HeadReader = ReturnType<typeof headReader>
