import { insert } from '../../kernel/change.ts'
import type { Query, TenantStore } from '../port.ts'
import { Member, meta } from './harness.ts'

/** A time on that day of January. */
export const times = (day: number): string => `2026-01-${String(day).padStart(2, '0')}T00:00:00.000Z`

export async function store(tenant: TenantStore, rows: readonly Member[]): Promise<void> {
  await Promise.all(rows.map((row) => tenant.commit([insert(Member, row)], meta)))
}

/** Every row of a list, page by page. */
export async function all(tenant: TenantStore, query: Query): Promise<Member[]> {
  const rows: Member[] = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await tenant.list(Member, { ...query, ...(cursor === undefined ? {} : { cursor }) })
    rows.push(...page.items)
    cursor = page.nextCursor
  }
  return rows
}

export const names = (rows: readonly Member[]): string[] => rows.map((row) => row.username)
