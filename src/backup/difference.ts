import type { RowDifference } from '../kernel/backups.ts'
import { canonical, type Json } from '../kernel/canonical.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import type { Page } from '../kernel/page.ts'
import type { StoredRow } from '../storage/port.ts'

export type StoredFields = StoredRow['row']

export type RowReader = (type: AnyEntity, cursor: string | null) => Promise<Page<StoredRow>>

/** Fields that every write moves: alone they make no difference. */
const moving = new Set(['version', 'updatedAt'])

/** What has to be done to the rows of one entity so that they are what they were. Both sides come in the order of their ids. */
export async function* differences(type: AnyEntity, now: RowReader, then: RowReader): AsyncGenerator<RowDifference> {
  const [here, there] = [rowsIn(type, now), rowsIn(type, then)]
  let [a, b] = [await next(here), await next(there)]
  while (a !== null || b !== null) {
    if (b === null || (a !== null && isBefore(a.id, b.id))) {
      yield { op: 'remove', type: type.name, before: a as StoredFields }
      a = await next(here)
    } else if (a === null || isBefore(b.id, a.id)) {
      yield { op: 'insert', type: type.name, after: b }
      b = await next(there)
    } else {
      const after = onwards(type, a, b)
      if (!isSame(type, a, after)) yield { op: 'update', type: type.name, before: a, after }
      ;[a, b] = [await next(here), await next(there)]
    }
  }
}

/** As it was, but with the fields that never go back as they are. */
const onwards = (type: AnyEntity, now: StoredFields, then: StoredFields): StoredFields => ({
  ...then,
  ...Object.fromEntries(type.onward.map((field) => [field, now[field]])),
})

function isSame(type: AnyEntity, a: StoredFields, b: StoredFields): boolean {
  return type.columns.every(
    ({ field }) => moving.has(field) || canonical((a[field] ?? null) as Json) === canonical((b[field] ?? null) as Json),
  )
}

async function* rowsIn(type: AnyEntity, read: RowReader): AsyncGenerator<StoredFields> {
  for (let cursor: string | null = null; ; ) {
    const page: Page<StoredRow> = await read(type, cursor)
    for (const { row } of page.items) yield row
    if (page.nextCursor === null) return
    cursor = page.nextCursor
  }
}

async function next(rows: AsyncGenerator<StoredFields>): Promise<StoredFields | null> {
  const { value, done } = await rows.next()
  return done === true ? null : (value as StoredFields)
}

/** By code point, as engines compare. Ids are ASCII, where code units are code points. */
const isBefore = (a: string, b: string): boolean => a < b
