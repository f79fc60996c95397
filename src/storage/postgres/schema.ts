import type { AnyEntity, Column, ColumnKind } from '../../kernel/entity.ts'
import { type SqlColumn, type SqlTable, sqlTableOf } from './sql-tables.ts'

export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** A column as this engine stores it; `sql` where SQL clients use it too. */
export type StoredColumn = Column & { sql?: SqlColumn }

const known = new WeakMap<readonly Column[], readonly StoredColumn[]>()

/** The columns of an entity, in its own order. */
export function columnsOf({ table, columns }: Pick<AnyEntity, 'table' | 'columns'>): readonly StoredColumn[] {
  const spec = sqlTableOf(table)
  if (spec === null) return columns
  const found = known.get(columns)
  if (found !== undefined) return found
  const made = columns.map((column): StoredColumn => {
    const sql = spec.columns[column.name]
    return sql === undefined ? column : { ...column, sql }
  })
  known.set(columns, made)
  return made
}

export function columnOf(type: AnyEntity, field: string): StoredColumn {
  const column = columnsOf(type).find((candidate) => candidate.field === field)
  if (column === undefined) throw new Error(`${type.name} has no field ${field}`)
  return column
}

const namesOf = (type: AnyEntity, fields: readonly string[]): string[] => fields.map((field) => columnOf(type, field).name)

/** Who may what (docs/decisions/0006-postgres-engine.md). None of them owns a table or passes by row level security. */
export type Roles = {
  /** Serves, and stands for SQL clients, who are its members: one tenant at a time, the one that `app.tenant` names. One for all databases of a server (contracts/salesbrain.md, section 9). */
  app: string
  /** Reads what a platform looks up over all tenants: tables with a declared directory, and heads. */
  directory: string
  /** Moves whole storages. */
  transfer: string
}

/** Roles belong to a whole server, so what reaches over all tenants is each database's own. A role's name has at most 63 bytes. */
export function rolesOf(database: string): Roles {
  const base = baseOf(database)
  return { app: appRole, directory: `${base}_directory`, transfer: `${base}_transfer` }
}

export const appRole = 'holdfast_app'

/** Whom a server signs in as that may not own the tables: it takes on the other roles. */
export const serverRole = (database: string): string => `${baseOf(database)}_server`

const baseOf = (database: string): string =>
  Buffer.from(database)
    .subarray(0, 50)
    .toString()
    .replace(/\uFFFD+$/, '')

/** Texts compare by code point, whatever the database's language; nested values stay the text that was hashed. */
const sqlType: Record<ColumnKind, string> = {
  text: 'text',
  uuid: 'text',
  time: 'text',
  json: 'json',
  integer: 'bigint',
  boolean: 'boolean',
  real: 'double precision',
}

export const typeOf = (column: StoredColumn): string => column.sql?.type ?? sqlType[column.kind]

/** What an array of a column's values is cast to. */
export const arrayOf = (column: StoredColumn): string => `${typeOf(column)}[]`

/** What a tenant's id and a row's are cast to in a table. */
export const idType = (type: Pick<AnyEntity, 'table'>): 'uuid' | 'text' => (sqlTableOf(type.table) === null ? 'text' : 'uuid')

const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)

/** A tenant as it is compared with: the platform has no rows in tables of UUIDs. */
export const tenantOf = (type: Pick<AnyEntity, 'table'>, tenant: string): string | null =>
  idType(type) === 'uuid' && !isUuid(tenant) ? null : tenant

/** A text that is no value of the column's type is equal to none. */
export const fitting = ({ sql }: StoredColumn, text: string | null): string | null => {
  if (sql === undefined || text === null) return text
  if (sql.type === 'uuid') return isUuid(text) ? text : null
  if (sql.precision !== undefined) return Number.isNaN(Date.parse(text)) ? null : text
  return text
}

export const textColumn = 'text COLLATE "C"'

export const isText = (type: string): boolean => /^(text|character)\b/.test(type)

/** One column's definition. `standard` is the SQL default that a column added to rows needs. */
export function columnSql(column: StoredColumn, given: string | null = null): string {
  const type = isText(typeOf(column)) ? `${typeOf(column)} COLLATE "C"` : typeOf(column)
  const standard = given ?? column.sql?.standard ?? null
  return `${quote(column.name)} ${type}${column.nullable ? '' : ' NOT NULL'}${standard === null ? '' : ` DEFAULT ${standard}`}`
}

/** A table of tenants' rows, and everything that keeps tenants apart in it. */
export type Table = {
  name: string
  columns: readonly { name: string; type: string; nullable: boolean }[]
  /** Names of the primary key's columns. */
  key: readonly string[]
  create: string
  grants: { app: readonly Privilege[]; directory: readonly Privilege[]; transfer: readonly Privilege[] }
  /** Constraints beside the primary key, by name. */
  constraints: readonly string[]
  /** Tenants are UUIDs here. */
  isShared?: true
}

export type Privilege = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE'

const all: readonly Privilege[] = ['SELECT', 'INSERT', 'UPDATE', 'DELETE']

export const tenantColumn = `"tenant_id" ${textColumn} NOT NULL CHECK ("tenant_id" <> '')`

export function entityTable(type: AnyEntity): Table {
  const spec = sqlTableOf(type.table)
  if (spec !== null) return sharedTable(type, spec)
  const columns = [tenantColumn, ...type.columns.map((column) => columnSql(column)), 'PRIMARY KEY ("tenant_id", "id")']
  return {
    name: type.table,
    columns: [
      { name: 'tenant_id', type: 'text', nullable: false },
      ...type.columns.map((column) => ({ name: column.name, type: typeOf(column), nullable: column.nullable })),
    ],
    key: ['tenant_id', 'id'],
    create: `CREATE TABLE ${quote(type.table)} (\n  ${columns.join(',\n  ')}\n)`,
    grants: { app: all, directory: Object.keys(type.directory).length > 0 ? ['SELECT'] : [], transfer: all },
    constraints: [],
  }
}

/** A table that SQL clients use too. Foreign keys wait for the end of a commit where the server asks for that: it writes the rows of a commit in an order of its own. */
function sharedTable(type: AnyEntity, spec: SqlTable): Table {
  const columns = columnsOf(type)
  const present = new Set(columns.map(({ name }) => name))
  const isHere = (condition: string): boolean =>
    (condition.match(/[a-z_]+/g) ?? []).every((word) => !(word in spec.columns) || present.has(word))
  const checks = spec.checks.filter(({ condition }) => isHere(condition))
  const references = spec.references.filter(({ column }) => present.has(column))
  const lines = [
    `"tenant_id" uuid NOT NULL DEFAULT ${tenantSetting}::uuid`,
    ...columns.map((column) => columnSql(column)),
    '"organization_id" uuid GENERATED ALWAYS AS ("tenant_id") STORED',
    'PRIMARY KEY ("tenant_id", "id")',
    ...checks.map(({ name, condition }) => `CONSTRAINT ${quote(name)} CHECK (${condition})`),
    ...references.map(({ name, column, to }) => {
      const keys = sqlTableOf(to) === null ? '"tenant_ref", "ref"' : '"tenant_id", "id"'
      return `CONSTRAINT ${quote(name)} FOREIGN KEY ("tenant_id", ${quote(column)}) REFERENCES ${quote(to)} (${keys}) ON DELETE CASCADE DEFERRABLE`
    }),
  ]
  return {
    name: type.table,
    columns: [
      { name: 'tenant_id', type: 'uuid', nullable: false },
      ...columns.map((column) => ({ name: column.name, type: typeOf(column), nullable: column.nullable })),
    ],
    key: ['tenant_id', 'id'],
    create: `CREATE TABLE ${quote(type.table)} (\n  ${lines.join(',\n  ')}\n)`,
    grants: { app: all, directory: Object.keys(type.directory).length > 0 ? ['SELECT'] : [], transfer: all },
    constraints: [...checks, ...references].map(({ name }) => name),
    isShared: true,
  }
}

/** The tenant that the transaction or the session named, or null. */
const tenantSetting = "nullif(current_setting('app.tenant', true), '')"

/** One tenant's rows and no other's. The subselect is worked out once a statement, not once a row. */
const tenantCondition = `tenant_id = (SELECT ${tenantSetting})`
const sharedCondition = `tenant_id = (SELECT ${tenantSetting}::uuid)`

/** What reaches over all tenants says so in its transaction, and is of the role that may. */
const scopeCondition = (scope: 'directory' | 'transfer'): string => `(SELECT current_setting('app.scope', true)) = '${scope}'`

export type Policy = { name: string; role: keyof Roles; command: 'ALL' | 'SELECT'; using: string; check: string | null }

export function policiesOf({ grants, isShared }: Table): Policy[] {
  const ofTenant = isShared === true ? sharedCondition : tenantCondition
  const policies: Policy[] = [
    { name: 'tenant', role: 'app', command: 'ALL', using: ofTenant, check: ofTenant },
    { name: 'transfer', role: 'transfer', command: 'ALL', using: scopeCondition('transfer'), check: scopeCondition('transfer') },
  ]
  if (grants.directory.length > 0)
    policies.push({ name: 'directory', role: 'directory', command: 'SELECT', using: scopeCondition('directory'), check: null })
  return policies
}

/** What makes a table one of tenants' rows, for the roles of this database. */
export function guardSql(table: Table, roles: Roles): string[] {
  const name = quote(table.name)
  return [
    `ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY`,
    `ALTER TABLE ${name} FORCE ROW LEVEL SECURITY`,
    ...policiesOf(table).map((policy) => policySql(table.name, policy, roles)),
    ...grantSql(table, roles),
  ]
}

export const policySql = (table: string, { name, role, command, using, check }: Policy, roles: Roles): string =>
  `CREATE POLICY ${quote(name)} ON ${quote(table)} FOR ${command} TO ${quote(roles[role])} USING (${using})${check === null ? '' : ` WITH CHECK (${check})`}`

export function grantSql({ name, grants }: { name: string; grants: Partial<Record<keyof Roles, readonly Privilege[]>> }, roles: Roles) {
  return (Object.entries(grants) as [keyof Roles, readonly Privilege[]][])
    .filter(([, privileges]) => privileges.length > 0)
    .map(([role, privileges]) => `GRANT ${privileges.join(', ')} ON ${quote(name)} TO ${quote(roles[role])}`)
}

export type Index = {
  name: string
  table: string
  unique: boolean
  columns: readonly string[]
  /** Columns that must hold a value for a row to be in it. */
  present: readonly string[]
  sql: string
}

export const indexName = (type: AnyEntity, kind: 'unique' | 'index' | 'directory', name: string): string =>
  `${type.table}_${kind}_${snake(name)}`

/**
 * What the port's keys and lists go by. A row with a null in a key, or in the last field that a list is ordered by, takes no part in it, so it costs no place in its index either. An
 * index on exactly the fields of a unique key that cannot be null would be that key's index again, and is left out.
 */
export function indexesOf(type: AnyEntity): Index[] {
  const index = (name: string, unique: boolean, columns: readonly string[], fields: readonly string[]): Index => {
    const present = fields
      .map((field) => columnOf(type, field))
      .filter((column) => column.nullable)
      .map((column) => column.name)
    const where = present.length === 0 ? '' : ` WHERE ${present.map((column) => `${quote(column)} IS NOT NULL`).join(' AND ')}`
    const sql = `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${quote(name)} ON ${quote(type.table)} (${columns.map(quote).join(', ')})${where}`
    return { name, table: type.table, unique, columns, present, sql }
  }
  const uniques = Object.entries(type.unique).map(([key, fields]) =>
    index(indexName(type, 'unique', key), true, ['tenant_id', ...namesOf(type, fields)], fields),
  )
  const plain = Object.entries(type.indexes)
    .filter(([name, fields]) => !isUnique(type, fields) && sqlTableOf(type.table)?.covered.includes(name) !== true)
    .map(([name, fields]) => index(indexName(type, 'index', name), false, ['tenant_id', ...namesOf(type, fields), 'id'], fields.slice(-1)))
  const directories = Object.entries(type.directory).map(([name, { fields, unique }]) => {
    const columns = namesOf(type, fields)
    const rest = unique ? [] : ['tenant_id', 'id'].filter((column) => !columns.includes(column))
    return index(indexName(type, 'directory', name), unique, [...columns, ...rest], fields)
  })
  return [...uniques, ...plain, ...directories]
}

/** Whether a unique key, never null, has just these fields. */
function isUnique(type: AnyEntity, fields: readonly string[]): boolean {
  if (fields.some((field) => columnOf(type, field).nullable)) return false
  return Object.values(type.unique).some((key) => key.join() === fields.join())
}
