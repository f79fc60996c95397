import type { AnyEntity, Column } from '../../kernel/entity.ts'
import { type CursorValue, decodeCursor, encodeCursor, type Page } from '../../kernel/page.ts'
import { toValue } from '../encoded.ts'
import type { Query, Selection, Value } from '../port.ts'
import type { Reads } from './read.ts'
import { columnOf, quote, type StoredColumn } from './schema.ts'
import { compileSelection, limitOf, listName, orderOf } from './select.ts'
import { bound, boundValues, equal, named, type Row, reviver } from './values.ts'

export type DirectoryQuery = { where?: readonly Value[]; cursor?: string | null; limit?: number }

/** Pages and counts. */
export function lister({ tenant: ask, directory: askAll, of }: Reads) {
  async function list(tenant: string, type: AnyEntity, query: Query): Promise<Page<Row>> {
    const { columns, table, revive } = of(type)
    const limit = limitOf(query.limit)
    const descending = query.order === 'desc'
    const { where, values, order } = compileSelection(type, tenant, query)
    const name = listName(type.name, query.index ?? null, descending, query.where ?? null)
    const after = afterOf(name, query.cursor, order)
    const { by, beyond } = orderOf(
      order.map((column) => column.name),
      descending,
      values.length + 1,
    )
    const bounds = [...values, ...after, String(limit + 1)]
    const condition = after.length > 0 ? `${where} AND ${beyond}` : where
    const text = `SELECT ${columns} FROM ${table} WHERE ${condition} ORDER BY ${by} LIMIT $${bounds.length}`
    const { rows } = await ask(tenant, { text, values: bounds })
    return pageOf(rows.map(revive), { limit, name, order, of: (row, field) => row[field] })
  }

  /** A count or a tally: one row per group. */
  async function group(
    tenant: string,
    type: AnyEntity,
    selection: Selection,
    by: readonly StoredColumn[],
  ): Promise<{ row: Row; count: number }[]> {
    const { table } = of(type)
    for (const column of by) toValue(column, null)
    const { where, values } = compileSelection(type, tenant, selection)
    const groups = by.length === 0 ? '' : ` GROUP BY ${named(by)}`
    const { rows } = await ask(tenant, {
      text: `SELECT count(*)${by.length === 0 ? '' : `, ${named(by)}`} FROM ${table} WHERE ${where}${groups}`,
      values,
    })
    const revive = reviver(by, 1)
    return rows.map((row) => ({ row: revive(row), count: Number(row[0]) }))
  }

  async function count(tenant: string, type: AnyEntity, selection: Selection): Promise<number> {
    const [only] = await group(tenant, type, selection, [])
    return only?.count ?? 0
  }

  async function tally(tenant: string, type: AnyEntity, selection: Selection, by: readonly string[]) {
    const columns = by.map((field) => columnOf(type, field))
    const groups = await group(tenant, type, selection, columns)
    return groups.filter((one) => one.count > 0).map((one) => ({ values: by.map((field) => one.row[field] as Value), count: one.count }))
  }

  async function listAll(type: AnyEntity, directory: string, query: DirectoryQuery): Promise<Page<{ tenantId: string; row: Row }>> {
    const { columns, table, reviveOwned } = of(type)
    const limit = limitOf(query.limit)
    const declared = type.directory[directory]?.fields
    const where = query.where ?? []
    if (declared === undefined || where.length > declared.length) {
      throw new Error(`${type.name} has no directory ${directory} of ${where.length} fields`)
    }
    const leading = declared.slice(0, where.length).map((field) => columnOf(type, field))
    const rest = declared.slice(where.length).map((field) => columnOf(type, field))
    const order = [...rest, tenantColumn, columnOf(type, 'id')]
    const { by, beyond } = orderOf(
      order.map((column) => column.name),
      false,
      leading.length + 1,
    )
    const name = listName(type.name, directory, where)
    const after = afterOf(name, query.cursor, order)
    const present = rest.filter((column) => column.nullable).map((column) => `${quote(column.name)} IS NOT NULL`)
    const terms = [equal(leading, 1), ...present, after.length > 0 ? beyond : ''].filter((term) => term !== '')
    const condition = terms.length > 0 ? ` WHERE ${terms.join(' AND ')}` : ''
    const values = [...boundValues(leading, where), ...after, String(limit + 1)]
    const text = `SELECT tenant_id, ${columns} FROM ${table}${condition} ORDER BY ${by} LIMIT $${values.length}`
    const { rows } = await askAll({ text, values })
    const owner = (one: { tenantId: string; row: Row }, field: string) => (field === tenantColumn.field ? one.tenantId : one.row[field])
    return pageOf(rows.map(reviveOwned), { limit, name, order, of: owner })
  }

  return { list, count, tally, listAll }
}

export type Lister = ReturnType<typeof lister>

const tenantColumn: Column = { field: 'tenant_id', name: 'tenant_id', kind: 'text', nullable: false }

/** The values of the row that a cursor names, as they are bound; none without a cursor. */
const afterOf = (name: string, cursor: string | null | undefined, order: readonly StoredColumn[]): (string | null)[] =>
  cursor == null ? [] : decodeCursor(name, cursor, order.length).map((value, position) => bound(order[position] as StoredColumn, value))

/** One row more than the page was read: when it is there, the page's last row is where the next one begins. */
export function pageOf<T>(
  rows: readonly T[],
  { limit, name, order, of }: { limit: number; name: string; order: readonly Column[]; of: (row: T, field: string) => unknown },
): Page<T> {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  const cursorValue = (value: unknown): CursorValue => (typeof value === 'boolean' ? Number(value) : (value as CursorValue))
  const nextCursor =
    last === undefined
      ? null
      : encodeCursor(
          name,
          order.map((column) => cursorValue(of(last, column.field))),
        )
  return { items: rows.slice(0, limit), nextCursor }
}
