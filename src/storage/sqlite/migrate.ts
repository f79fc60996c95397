import type { Database } from 'better-sqlite3'
import { canonical, type Json } from '../../kernel/canonical.ts'
import type { AnyEntity, Column } from '../../kernel/entity.ts'
import { AppError } from '../../kernel/errors.ts'
import { toSql } from '../encoded.ts'
import { isLoading } from './load.ts'
import { columnSql, type Index, indexesOf, quote, systemTables, tableSql, typeOf } from './schema.ts'
import { named, type Row, reviver } from './tables.ts'

/** One step of a migration, as the table `migrations` records it. */
type Step = { name: string; sql: string; fill?: () => void }

type Found = { name: string; type: string; notnull: number; dflt_value: string | null }

const record = `CREATE TABLE IF NOT EXISTS "migrations" (
  "number" INTEGER PRIMARY KEY,
  "name" TEXT NOT NULL,
  "sql" TEXT NOT NULL,
  "applied_at" TEXT NOT NULL
) STRICT`

/**
 * Brings the database to what the entities declare, in one transaction: what is missing is added, indexes are kept as declared, and what would lose or reinterpret data is refused with advice.
 * Running it again changes nothing.
 */
export function migrate(db: Database, entities: readonly AnyEntity[]): void {
  db.transaction(() => {
    db.exec(record)
    const insert = db.prepare("INSERT INTO migrations (name, sql, applied_at) VALUES (?, ?, strftime('%Y-%m-%dT%H:%M:%fZ'))")
    const run = ({ name, sql, fill }: Step): void => {
      try {
        db.exec(sql)
        fill?.()
      } catch (error) {
        throw refused(
          `step "${name}" failed (${error instanceof Error ? error.message : error}). Mend the data or go back to the version that wrote it`,
          error,
        )
      }
      insert.run(name, sql)
    }
    const tables = new Set(db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all())
    for (const [name, sql] of Object.entries(systemTables)) if (!tables.has(name)) run({ name: `create ${name}`, sql })
    for (const type of entities) {
      if (tables.has(type.table)) for (const step of columnSteps(db, type)) run(step)
      else run({ name: `create ${type.table}`, sql: tableSql(type) })
      for (const step of indexSteps(db, type)) if (!(isLoading(db) && step.sql.startsWith('CREATE UNIQUE'))) run(step)
    }
  }).immediate()
}

function columnSteps(db: Database, type: AnyEntity): Step[] {
  const found = new Map((db.pragma(`table_info(${quote(type.table)})`) as Found[]).map((column) => [column.name, column]))
  const declared = new Map(type.columns.map((column) => [column.name, column]))
  for (const { name, notnull, dflt_value } of found.values()) {
    if (name !== 'tenant_id' && !declared.has(name) && notnull === 1 && dflt_value === null) {
      throw refused(`${type.table} has a column ${name} that this version does not know. It was written by a newer version: use that one`)
    }
  }
  const missing: Column[] = []
  let isRelaxed = false
  for (const column of type.columns) {
    const name = `${type.table}.${column.name}`
    const there = found.get(column.name)
    if (there === undefined) missing.push(column)
    else if (there.type !== typeOf(column)) {
      throw refused(`${name} is stored as ${there.type} and declared as ${typeOf(column)}. Give the new kind a new name`)
    } else if (there.notnull === 0 && !column.nullable) {
      throw refused(`${name} may not be null now, and may be null where it is stored. Give it a new name`)
    } else if (there.notnull === 1 && column.nullable) isRelaxed = true
  }
  const isEmpty = db.prepare(`SELECT 1 FROM ${quote(type.table)} LIMIT 1`).get() === undefined
  if (isEmpty && (isRelaxed || missing.length > 0)) {
    return [{ name: `create ${type.table} again`, sql: `DROP TABLE ${quote(type.table)};\n${tableSql(type)}` }]
  }
  const added = missing.map((column) => addColumn(db, type, column))
  return isRelaxed ? [...added, relax(type, [...found.keys()])] : added
}

function addColumn(db: Database, type: AnyEntity, column: Column): Step {
  const standard = column.nullable ? null : standardOf(type, column)
  const fill = standard === null ? derivation(db, type, column) : undefined
  if (standard === null && fill === undefined && !column.nullable) {
    throw refused(`${type.table} has rows, and its new column ${column.name} has no default. Give the field a default, or let it be null`)
  }
  const placeholder = column.nullable ? null : typeOf(column) === 'TEXT' ? "''" : '0'
  const sql = `ALTER TABLE ${quote(type.table)} ADD COLUMN ${columnSql(column, standard ?? placeholder)}`
  return { name: `add ${type.table}.${column.name}`, sql, ...(fill === undefined ? {} : { fill }) }
}

/** What rows that exist get in a new column that may not be null: the schema's own default, or null when it has none. */
function standardOf(type: AnyEntity, column: Column): string | null {
  const parsed = type.fields[column.field]?.safeParse(undefined)
  if (parsed?.success !== true || parsed.data === undefined || parsed.data === null) return null
  const value: unknown = parsed.data
  if (column.kind === 'boolean') return value === true ? '1' : '0'
  if (column.kind === 'integer' || column.kind === 'real') return String(value)
  return `'${(column.kind === 'json' ? canonical(value as Json) : String(value)).replaceAll("'", "''")}'`
}

/** Fills a derived column in the rows that exist, or undefined when the entity does not derive it. */
function derivation(db: Database, type: AnyEntity, column: Column): (() => void) | undefined {
  const others = type.columns.filter((one) => db.prepare('SELECT 1 FROM pragma_table_info(?) WHERE name = ?').get(type.table, one.name))
  const revive = reviver(others)
  const select = db.prepare<unknown[], Row>(`SELECT tenant_id, ${named(others)} FROM ${quote(type.table)}`)
  const derive = (row: Row): unknown => (type.derive(revive(row)) as Row)[column.field]
  const first = select.get()
  if (first === undefined || derive(first) === undefined) return undefined
  return () => {
    const update = db.prepare(`UPDATE ${quote(type.table)} SET ${quote(column.name)} = ? WHERE tenant_id = ? AND id = ?`)
    for (const row of select.all()) update.run(toSql(column, derive({ ...row })), row.tenant_id, row.id)
  }
}

/** SQLite cannot take NOT NULL from a column: the table is written again. Its indexes go with the old one and are made again. */
function relax(type: AnyEntity, stored: readonly string[]): Step {
  const names = ['tenant_id', ...type.columns.map((column) => column.name)]
  const foreign = stored.filter((name) => !names.includes(name))
  if (foreign.length > 0)
    throw refused(`${type.table} has to be written again and would lose ${foreign.join(', ')}. Drop those columns first`)
  const [old, columns] = [quote(`${type.table} before`), names.map(quote).join(', ')]
  const sql = [
    `ALTER TABLE ${quote(type.table)} RENAME TO ${old}`,
    tableSql(type),
    `INSERT INTO ${quote(type.table)} (${columns}) SELECT ${columns} FROM ${old}`,
    `DROP TABLE ${old}`,
  ]
  return { name: `write ${type.table} again`, sql: sql.join(';\n') }
}

/** Indexes hold nothing that the rows do not: one that is declared otherwise is made again, one of ours that is declared no more is dropped. */
function indexSteps(db: Database, type: AnyEntity): Step[] {
  const rows = db
    .prepare<unknown[], { name: string; sql: string }>(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
    )
    .all(type.table)
  const found = new Map(rows.map(({ name, sql }) => [name, sql]))
  const declared = new Map(indexesOf(type).map((index) => [index.name, index]))
  const ours = ['unique', 'index', 'directory'].map((kind) => `${type.table}_${kind}_`)
  const stale = [...found].filter(([name, sql]) => declared.get(name)?.sql !== sql && ours.some((start) => name.startsWith(start)))
  const steps = stale.map(([name]) => ({ name: `drop ${name}`, sql: `DROP INDEX ${quote(name)}` }))
  const isMissing = ({ name, sql }: Index): boolean => found.get(name) !== sql
  return [...steps, ...[...declared.values()].filter(isMissing).map(({ name, sql }) => ({ name: `create ${name}`, sql }))]
}

const refused = (what: string, cause?: unknown): AppError =>
  new AppError('unavailable', 'schema_refused', `The database does not fit this version: ${what}.`, { cause })
