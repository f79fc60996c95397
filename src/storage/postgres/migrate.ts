import type { ClientBase } from 'pg'
import { canonical, type Json } from '../../kernel/canonical.ts'
import type { AnyEntity, Column } from '../../kernel/entity.ts'
import { AppError } from '../../kernel/errors.ts'
import { toSql } from '../encoded.ts'
import { type Catalogue, expression, type FoundTable, readCatalogue } from './catalogue.ts'
import { textOf } from './failures.ts'
import {
  columnSql,
  columnsOf,
  entityTable,
  grantSql,
  guardSql,
  type Index,
  indexesOf,
  literal,
  type Privilege,
  policiesOf,
  policySql,
  quote,
  type Roles,
  type StoredColumn,
  type Table,
  typeOf,
} from './schema.ts'
import { functionSql, sqlFunctions, sqlTriggers } from './sql-functions.ts'
import { parentSql, parents, sqlTableOf, sqlTables } from './sql-tables.ts'
import { plainTables, systemTables } from './system-tables.ts'
import { bound, named, type Row, reviver } from './values.ts'

/** One step of a migration, as the table `migrations` records it. `fill` writes what an added column holds in rows that exist. */
export type Step = { name: string; sql: string; fill?: (client: ClientBase) => Promise<void> }

/** Any two processes that migrate one database take this lock first. Advisory locks are per database. */
export const migrationLock = '7205759403792793601'

/**
 * What has to be done so that the database is what the entities declare: what is missing is added, indexes are kept as declared, and what would lose or reinterpret data is refused with
 * advice. Nothing where nothing is missing.
 */
export function stepsOf({ tables, functions, triggers }: Catalogue, entities: readonly AnyEntity[], roles: Roles): Step[] {
  const steps: Step[] = []
  const create = (name: string, sql: readonly string[]): void => {
    steps.push({ name: `create ${name}`, sql: sql.join(';\n') })
  }
  for (const table of plainTables) if (!tables.has(table.name)) create(table.name, [table.create, ...grantSql(table, roles)])
  for (const table of systemTables) if (!tables.has(table.name)) create(table.name, [table.create, ...guardSql(table, roles)])
  for (const table of [...plainTables, ...systemTables]) steps.push(...grantSteps(table, tables.get(table.name), roles))
  for (const table of [...systemTables, ...entities.map(entityTable)]) steps.push(...policySteps(table, tables.get(table.name), roles))
  for (const table of [...plainTables, ...systemTables, ...entities.map(entityTable)])
    steps.push(...formerRoleSteps(table, tables.get(table.name), roles))
  for (const type of childrenLast(entities)) {
    const found = tables.get(type.table)
    const table = entityTable(type)
    steps.push(...parentSteps(type, entities, tables))
    if (found === undefined) create(type.table, [table.create, ...guardSql(table, roles)])
    else steps.push(...columnSteps(type, found))
    steps.push(...indexSteps(type, found), ...sharedIndexSteps(type, found))
  }
  const wanted = sqlFunctions(entities)
  for (const one of wanted)
    if (functions.get(one.name) !== `holdfast ${one.digest}`)
      steps.push({ name: `function ${one.name} ${one.digest}`, sql: functionSql(one, roles) })
  for (const { table, name, sql } of wanted.length === 0 ? [] : sqlTriggers(roles))
    if (!triggers.has(`${table} ${name}`))
      steps.push({ name: `trigger ${table} ${name}`, sql: `DROP TRIGGER IF EXISTS ${name} ON ${table};\n${sql}` })
  return steps
}

/** Applies the steps in one transaction: all or nothing. The caller holds the lock, so that it happens once. Returns their names. */
export async function migrate(client: ClientBase, entities: readonly AnyEntity[], roles: Roles): Promise<string[]> {
  await client.query('BEGIN')
  try {
    const steps = stepsOf(await readCatalogue(client, Object.values(roles)), entities, roles)
    for (const step of steps) await apply(client, step)
    await client.query('COMMIT')
    return steps.map(({ name }) => name)
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

async function apply(client: ClientBase, { name, sql, fill }: Step): Promise<void> {
  try {
    await client.query(sql)
    await fill?.(client)
    await client.query('INSERT INTO migrations (name, sql) VALUES ($1, $2)', [name, sql])
  } catch (error) {
    if (error instanceof AppError) throw error
    throw refused(`step "${name}" failed (${textOf(error)}). Mend the data or go back to the version that wrote it`, error)
  }
}

/** Tables that refer to others come after them. */
function childrenLast(entities: readonly AnyEntity[]): AnyEntity[] {
  const place = ({ table }: AnyEntity): number => sqlTables.findIndex(({ name }) => name === table)
  return [...entities].sort((a, b) => place(a) - place(b))
}

/** What the tables that this one refers to lack for it. */
function parentSteps({ table }: AnyEntity, entities: readonly AnyEntity[], tables: Catalogue['tables']): Step[] {
  const wanted = (sqlTableOf(table)?.references ?? []).map(({ to }) => to)
  const lacking = (to: string): boolean => tables.get(to)?.constraints.some(({ name }) => name === `${to}_ref`) !== true
  const isFirst = (to: string): boolean =>
    sqlTables.find(({ name, references }) => entities.some((one) => one.table === name) && references.some((one) => one.to === to))
      ?.name === table
  return [...new Set(wanted)]
    .filter((to) => parents.includes(to) && lacking(to) && isFirst(to))
    .map((to) => ({ name: `ids of ${to}`, sql: parentSql(to) }))
}

/** The indexes that SQL clients know by name. */
function sharedIndexSteps({ table }: AnyEntity, found: FoundTable | undefined): Step[] {
  const wanted = sqlTableOf(table)?.indexes ?? []
  return wanted
    .filter(({ name }) => !found?.indexes.some((one) => one.name === name))
    .map(({ name, sql }) => ({ name: `create ${name}`, sql }))
}

/** Rights that a table of an older version lacks. */
function grantSteps(table: Parameters<typeof grantSql>[0], found: FoundTable | undefined, roles: Roles): Step[] {
  const missing = Object.fromEntries(
    (Object.entries(table.grants) as [keyof Roles, readonly Privilege[]][]).map(([key, wanted]) => [
      key,
      wanted.filter((privilege) => found?.grants[roles[key]]?.includes(privilege) === false),
    ]),
  )
  const sql = grantSql({ name: table.name, grants: missing }, roles)
  return sql.length === 0 ? [] : [{ name: `grant ${table.name}`, sql: sql.join(';\n') }]
}

/** Until each database's own roles had a setting beside them, and one role served all databases, policies were these. Any other form is for a person to look at. */
function policySteps(table: Table, found: FoundTable | undefined, roles: Roles): Step[] {
  return policiesOf(table).flatMap((policy) => {
    const there = found?.policies.find(({ name }) => name === policy.name)
    if (there === undefined) return []
    const isFormer =
      policy.role === 'app'
        ? there.roles.join() === formerApp(roles) && roles.app !== formerApp(roles) && expression(there.using) === expression(policy.using)
        : there.roles.join() === roles[policy.role] && expression(there.using) === 'true'
    if (!isFormer) return []
    const drop = `DROP POLICY ${quote(policy.name)} ON ${quote(table.name)}`
    return [{ name: `policy ${table.name}.${policy.name}`, sql: `${drop};\n${policySql(table.name, policy, roles)}` }]
  })
}

const formerApp = ({ directory }: Roles): string => directory.replace(/_directory$/, '_app')

/** Rights of the role that served before, which are the serving role's now. */
function formerRoleSteps(table: Parameters<typeof grantSql>[0], found: FoundTable | undefined, roles: Roles): Step[] {
  const former = formerApp(roles)
  if (former === roles.app || found?.grants[former] === undefined) return []
  const sql = [
    `REVOKE ALL ON ${quote(table.name)} FROM ${quote(former)}`,
    ...grantSql({ name: table.name, grants: { app: table.grants.app ?? [] } }, roles),
  ]
  return [{ name: `role of ${table.name}`, sql: sql.join(';\n') }]
}

function columnSteps(type: AnyEntity, found: FoundTable): Step[] {
  const there = new Map(found.columns.map((column) => [column.name, column]))
  const declared = new Map(type.columns.map((column) => [column.name, column]))
  for (const { name, notNull, standard } of found.columns) {
    if (name !== 'tenant_id' && !declared.has(name) && notNull && standard === null) {
      throw refused(`${type.table} has a column ${name} that this version does not know. It was written by a newer version: use that one`)
    }
  }
  const steps: Step[] = []
  for (const column of columnsOf(type)) {
    const name = `${type.table}.${column.name}`
    const stored = there.get(column.name)
    if (stored === undefined) steps.push(addColumn(type, column, found))
    else if (stored.type !== typeOf(column)) {
      throw refused(`${name} is stored as ${stored.type} and declared as ${typeOf(column)}. Give the new kind a new name`)
    } else if (!stored.notNull && !column.nullable) {
      throw refused(`${name} may not be null now, and may be null where it is stored. Give it a new name`)
    } else if (stored.notNull && column.nullable) {
      const sql = `ALTER TABLE ${quote(type.table)} ALTER COLUMN ${quote(column.name)} DROP NOT NULL`
      steps.push({ name: `relax ${name}`, sql })
    }
  }
  return steps
}

function addColumn(type: AnyEntity, column: StoredColumn, found: FoundTable): Step {
  const table = quote(type.table)
  const step = { name: `add ${type.table}.${column.name}` }
  const standard = column.nullable ? null : standardOf(type, column)
  const add = (kind: StoredColumn, value: string | null): string => `ALTER TABLE ${table} ADD COLUMN ${columnSql(kind, value)}`
  if (column.nullable || standard !== null) return { ...step, sql: add(column, standard) }
  return {
    ...step,
    sql: add({ ...column, nullable: true }, null),
    fill: async (client) => {
      // row level security binds the owner too, who has no policy; the transaction holds the table alone
      await client.query(`ALTER TABLE ${table} NO FORCE ROW LEVEL SECURITY`)
      await derive(client, type, column, found)
      await client.query(
        `ALTER TABLE ${table} ALTER COLUMN ${quote(column.name)} SET NOT NULL; ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`,
      )
    },
  }
}

/** What rows that exist get in a new column that may not be null: the schema's own default, or null when it has none. */
function standardOf(type: AnyEntity, column: Column): string | null {
  const parsed = type.fields[column.field]?.safeParse(undefined)
  if (parsed?.success !== true || parsed.data === undefined || parsed.data === null) return null
  const value: unknown = parsed.data
  if (column.kind === 'boolean' || column.kind === 'integer' || column.kind === 'real') return String(value)
  return literal(column.kind === 'json' ? canonical(value as Json) : String(value))
}

/** Fills a derived column in the rows that exist. */
async function derive(client: ClientBase, type: AnyEntity, column: Column, found: FoundTable): Promise<void> {
  const others = type.columns.filter((one) => found.columns.some(({ name }) => name === one.name))
  const revive = reviver(others, 1)
  const texts = others.map((one) => `${quote(one.name)}::text`).join(', ')
  const { rows } = await client.query<(string | null)[]>({ text: `SELECT tenant_id, ${texts} FROM ${quote(type.table)}`, rowMode: 'array' })
  for (const values of rows) {
    const row = revive(
      values.map((value, position) => (others[position - 1]?.kind === 'boolean' && value !== null ? (value[0] ?? null) : value)),
    )
    const derived = (type.derive(row) as Row)[column.field]
    if (derived === undefined || derived === null)
      throw refused(`${type.table} has rows, and its new column ${column.name} has no default. Give the field a default, or let it be null`)
    const text = `UPDATE ${quote(type.table)} SET ${named([column])} = $1 WHERE tenant_id = $2 AND id = $3`
    await client.query(text, [bound(column, toSql(column, derived)), values[0], row.id])
  }
}

/** Indexes hold nothing that the rows do not: one that is declared otherwise is made again, one of ours that is declared no more is dropped. */
function indexSteps(type: AnyEntity, table: FoundTable | undefined): Step[] {
  const declared = new Map(indexesOf(type).map((index) => [index.name, index]))
  const found = new Map((table?.indexes ?? []).map((index) => [index.name, index]))
  const isKept = (index: Index): boolean => {
    const there = found.get(index.name)
    return (
      there !== undefined &&
      there.unique === index.unique &&
      there.columns.map((column) => column.replaceAll('"', '')).join() === index.columns.join() &&
      expression(there.present) === expression(index.present.map((column) => `${column} IS NOT NULL`).join(' AND '))
    )
  }
  const ours = ['unique', 'index', 'directory'].map((kind) => `${type.table}_${kind}_`)
  const stale = [...found.keys()].filter((name) => {
    const index = declared.get(name)
    return index === undefined ? ours.some((start) => name.startsWith(start)) : !isKept(index)
  })
  return [
    ...stale.map((name) => ({ name: `drop ${name}`, sql: `DROP INDEX ${quote(name)}` })),
    ...[...declared.values()].filter((index) => !isKept(index)).map(({ name, sql }) => ({ name: `create ${name}`, sql })),
  ]
}

const refused = (what: string, cause?: unknown): AppError =>
  new AppError('unavailable', 'schema_refused', `The database does not fit this version: ${what}.`, { cause })
