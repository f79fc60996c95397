import type { AnyEntity, Column, ColumnKind } from '../../kernel/entity.ts'

/** What the writer's thread has to know of an entity: plain data, because schemas cannot be posted. */
export type Shape = {
  name: string
  table: string
  columns: readonly Column[]
  secret: readonly string[]
  /** Position of the column that takes the tenant's next number, or null. */
  sequence: number | null
  /** SQLite names a unique index by its columns (`users.tenant_id, users.username`): from that to the key's name. */
  keys: Readonly<Record<string, string>>
}

export type Index = { name: string; sql: string }

export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

export const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

export function columnOf(type: AnyEntity, field: string): Column {
  const column = type.columns.find((candidate) => candidate.field === field)
  if (column === undefined) throw new Error(`${type.name} has no field ${field}`)
  return column
}

const namesOf = (type: AnyEntity, fields: readonly string[]): string[] => fields.map((field) => columnOf(type, field).name)

export function shapeOf(type: AnyEntity): Shape {
  const keys: Record<string, string> = {}
  const failing = (names: readonly string[]): string => names.map((name) => `${type.table}.${name}`).join(', ')
  for (const [key, fields] of Object.entries(type.unique)) keys[failing(['tenant_id', ...namesOf(type, fields)])] = key
  for (const [key, { fields, unique }] of Object.entries(type.directory)) if (unique) keys[failing(namesOf(type, fields))] = key
  const sequence = type.sequence === null ? null : type.columns.indexOf(columnOf(type, type.sequence))
  return { name: type.name, table: type.table, columns: type.columns, secret: [...type.secret], sequence, keys }
}

const sqlType: Record<ColumnKind, string> = {
  text: 'TEXT',
  uuid: 'TEXT',
  time: 'TEXT',
  json: 'TEXT',
  integer: 'INTEGER',
  boolean: 'INTEGER',
  real: 'REAL',
}

/** One column's definition. `standard` is the SQL default that a column added to rows needs. */
export function columnSql(column: Column, standard: string | null = null): string {
  const check = column.kind === 'boolean' ? ` CHECK (${quote(column.name)} IN (0, 1))` : ''
  return `${quote(column.name)} ${sqlType[column.kind]}${column.nullable ? '' : ' NOT NULL'}${standard === null ? '' : ` DEFAULT ${standard}`}${check}`
}

export const typeOf = (column: Column): string => sqlType[column.kind]

/** The primary key is the table (`WITHOUT ROWID`): a read by id is one descent, and ids in time order append to their tenant's end. */
export function tableSql(type: AnyEntity): string {
  const columns = ['"tenant_id" TEXT NOT NULL', ...type.columns.map((column) => columnSql(column)), 'PRIMARY KEY ("tenant_id", "id")']
  return `CREATE TABLE ${quote(type.table)} (\n  ${columns.join(',\n  ')}\n) STRICT, WITHOUT ROWID`
}

export const indexName = (type: AnyEntity, kind: 'unique' | 'index' | 'directory', name: string): string =>
  `${type.table}_${kind}_${snake(name)}`

/**
 * What the port's keys and lists go by. A row with a null in a key, or in the last field that a list is ordered by, takes no part in it, so it costs no place in its index either. An
 * index on exactly the fields of a unique key that cannot be null would be that key's index again, and is left out.
 */
export function indexesOf(type: AnyEntity): Index[] {
  const columns = (fields: readonly string[]): Column[] => fields.map((field) => columnOf(type, field))
  const index = (name: string, unique: boolean, names: readonly string[], fields: readonly string[]): Index => {
    const present = columns(fields).filter((column) => column.nullable)
    const where = present.length === 0 ? '' : ` WHERE ${present.map((column) => `${quote(column.name)} IS NOT NULL`).join(' AND ')}`
    return {
      name,
      sql: `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${quote(name)} ON ${quote(type.table)} (${names.map(quote).join(', ')})${where}`,
    }
  }
  const uniques = Object.entries(type.unique).map(([key, fields]) =>
    index(indexName(type, 'unique', key), true, ['tenant_id', ...namesOf(type, fields)], fields),
  )
  const plain = Object.entries(type.indexes)
    .filter(([, fields]) => keyOf(type, fields) === null)
    .map(([name, fields]) => index(indexName(type, 'index', name), false, ['tenant_id', ...namesOf(type, fields), 'id'], fields.slice(-1)))
  const directories = Object.entries(type.directory).map(([name, { fields, unique }]) =>
    index(indexName(type, 'directory', name), unique, [...namesOf(type, fields), ...(unique ? [] : ['tenant_id', 'id'])], fields),
  )
  return [...uniques, ...plain, ...directories]
}

/** The unique key, never null, whose index serves an index on just these fields too; or null. */
function keyOf(type: AnyEntity, fields: readonly string[]): string | null {
  if (fields.some((field) => columnOf(type, field).nullable)) return null
  return Object.keys(type.unique).find((key) => type.unique[key]?.join() === fields.join()) ?? null
}

/** The name of the index in SQL that serves a declared one. */
export function servingIndex(type: AnyEntity, index: string): string {
  const key = keyOf(type, type.indexes[index] ?? [])
  return key === null ? indexName(type, 'index', index) : indexName(type, 'unique', key)
}

/** What every database has beside the entities' tables. Outside tools rely on the names in `log` (native-api.md section 5). */
export const systemTables: Readonly<Record<string, string>> = {
  log: `CREATE TABLE "log" (
  "stream" TEXT NOT NULL,
  "sequence" INTEGER NOT NULL,
  "tenant_id" TEXT NOT NULL,
  "time" TEXT NOT NULL,
  "entry" TEXT NOT NULL,
  "hash" TEXT NOT NULL,
  "secrets" TEXT,
  PRIMARY KEY ("stream", "sequence")
) STRICT`,
  heads: `CREATE TABLE "heads" (
  "stream" TEXT NOT NULL PRIMARY KEY,
  "tenant_id" TEXT NOT NULL,
  "sequence" INTEGER NOT NULL,
  "hash" TEXT NOT NULL,
  "time" TEXT NOT NULL,
  "leaves" TEXT NOT NULL,
  "kid" TEXT NOT NULL,
  "signature" TEXT NOT NULL
) STRICT`,
  sequences: `CREATE TABLE "sequences" (
  "tenant_id" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "value" INTEGER NOT NULL,
  PRIMARY KEY ("tenant_id", "name")
) STRICT, WITHOUT ROWID`,
  loads: `CREATE TABLE "loads" (
  "id" INTEGER PRIMARY KEY CHECK ("id" = 1),
  "state" TEXT NOT NULL CHECK ("state" IN ('loading', 'finished')),
  "mark" TEXT
) STRICT`,
}
