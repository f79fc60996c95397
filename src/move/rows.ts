import type { AnyEntity } from '../kernel/entity.ts'
import type { Page } from '../kernel/page.ts'
import type { Load, SequenceValue, Storage, StoredRow } from '../storage/port.ts'
import { rowText, type Sums } from './digest.ts'
import { breathe } from './streams.ts'
import type { Place, Touched } from './touched.ts'

/** Rows of a page: small enough that a serving process stays quick. */
export const pageRows = 500

/** Rows that are read by their ids in one round trip. */
const readAtOnce = 100

/** Copies all rows of an entity as they are met, from a cursor on. `copied` hears of each page, with the cursor behind it, after it is durable. */
export async function copyRows(
  { source, load }: { source: Storage; load(batch: Load): Promise<void> },
  type: AnyEntity,
  from: string | null,
  page: { markOf(cursor: string): string; copied(rows: number): void },
): Promise<void> {
  for (let cursor = from; ; ) {
    const { items, nextCursor }: Page<StoredRow> = await source.transfer().rows(type, { cursor, limit: pageRows })
    if (items.length > 0) await load({ type, rows: items, ...(nextCursor === null ? {} : { mark: page.markOf(nextCursor) }) })
    page.copied(items.length)
    if (nextCursor === null) return
    cursor = nextCursor
    await breathe()
  }
}

/** Rows as they are now, in the order asked for; null where there is none. */
export async function currentRows(storage: Storage, type: AnyEntity, places: readonly Place[]): Promise<(StoredRow | null)[]> {
  const positions = new Map<string, number[]>()
  for (const [position, { tenantId }] of places.entries()) positions.set(tenantId, [...(positions.get(tenantId) ?? []), position])
  const rows: (StoredRow | null)[] = places.map(() => null)
  for (const [tenantId, of] of positions)
    for (let start = 0; start < of.length; start += readAtOnce) {
      const some = of.slice(start, start + readAtOnce)
      const found = await storage.tenant(tenantId).read(some.map((position) => ({ type, id: places[position]?.id ?? '' })))
      for (const [order, position] of some.entries()) {
        const row = found[order] as StoredRow['row'] | null
        rows[position] = row === null ? null : { tenantId, row }
      }
    }
  return rows
}

type Refresh = { source: Storage; target: Storage; load(batch: Load): Promise<void>; sums: Sums | null }

/** Makes touched rows in the target what they are in the source now. `sums` follows the target's rows. */
export async function refreshRows({ source, target, load, sums }: Refresh, touched: Touched): Promise<void> {
  for (const [type, all] of touched.rows())
    for (let start = 0; start < all.length; start += pageRows) {
      const places = all.slice(start, start + pageRows)
      const now = await currentRows(source, type, places)
      if (sums !== null)
        for (const [position, before] of (await currentRows(target, type, places)).entries()) {
          const after = now[position] ?? null
          if (before !== null) sums.take(type.name, rowText(before))
          if (after !== null) sums.add(type.name, rowText(after))
        }
      await load({ type, rows: now.filter((row) => row !== null), removed: places.filter((_, position) => now[position] === null) })
    }
  const sequences = touched.sequences()
  for (let start = 0; start < sequences.length; start += pageRows) await load({ sequences: sequences.slice(start, start + pageRows) })
}

export async function* sequencesOf(storage: Storage): AsyncGenerator<SequenceValue> {
  for (let cursor: string | null = null; ; ) {
    const page: Page<SequenceValue> = await storage.transfer().sequences({ cursor, limit: pageRows })
    yield* page.items
    if (page.nextCursor === null) return
    cursor = page.nextCursor
    await breathe()
  }
}

/** Copies every sequence, and tells what it copied. Numbers that inserts carry from now on come with their entries (`refreshRows`). */
export async function copySequences(source: Storage, load: (batch: Load) => Promise<void>): Promise<SequenceValue[]> {
  const all: SequenceValue[] = []
  for await (const one of sequencesOf(source)) all.push(one)
  for (let start = 0; start < all.length; start += pageRows) await load({ sequences: all.slice(start, start + pageRows) })
  return all
}
