import type { ClientBase } from 'pg'
import type { AnyEntity } from '../../kernel/entity.ts'
import { AppError } from '../../kernel/errors.ts'
import { type Catalogue, expression, type FoundConstraint, type FoundPolicy, type FoundTable, schemaName } from './catalogue.ts'
import {
  entityTable,
  type grantSql,
  indexesOf,
  isText,
  type Policy,
  policiesOf,
  policySql,
  quote,
  type Roles,
  type Table,
} from './schema.ts'
import { sqlFunctions, sqlTriggers } from './sql-functions.ts'
import { parents, sqlTableOf } from './sql-tables.ts'
import { plainTables, systemTables } from './system-tables.ts'

/** The oldest server whose roles and policies work as this engine needs. */
const oldest = { number: 150_000, name: '15' }

/** Settings of the server, as it tells them. */
export async function readSettings(client: ClientBase): Promise<ReadonlyMap<string, string>> {
  const names = ['fsync', 'full_page_writes', 'synchronous_commit', 'server_encoding', 'server_version_num']
  const { rows } = await client.query<{ name: string; setting: string }>('SELECT name, setting FROM pg_settings WHERE name = ANY($1)', [
    names,
  ])
  return new Map(rows.map(({ name, setting }) => [name, setting]))
}

/** Settings without which an acknowledged commit may be lost: problems in words, each with the remedy. */
export function settingProblems(settings: ReadonlyMap<string, string>): string[] {
  const problems: string[] = []
  if (Number(settings.get('server_version_num')) < oldest.number)
    problems.push(`the server is older than PostgreSQL ${oldest.name}; upgrade it`)
  for (const name of ['fsync', 'full_page_writes', 'synchronous_commit'])
    if (settings.get(name) === 'off')
      problems.push(`${name} is off, so a crash loses what was acknowledged; set ${name} = on and reload the server`)
  const encoding = settings.get('server_encoding')
  if (encoding !== 'UTF8') problems.push(`the database is encoded in ${encoding}; create one with ENCODING 'UTF8' TEMPLATE template0`)
  return problems
}

/** What of the schema would let tenants meet or facts get lost, each naming the table and the remedy. Nothing here changes anything. */
export function schemaProblems(
  { tables, roles: known, functions, triggers, views }: Catalogue,
  entities: readonly AnyEntity[],
  roles: Roles,
): string[] {
  const problems = roleProblems(known, roles)
  for (const table of [...systemTables, ...entities.map(entityTable)]) {
    const found = tables.get(table.name)
    if (found === undefined) problems.push(`table ${table.name} is missing; run the migration: bin/holdfast postgres setup`)
    else problems.push(...tableProblems(table, found, roles))
  }
  for (const { name, grants } of plainTables) {
    const found = tables.get(name)
    if (found !== undefined) problems.push(...lossProblems(found, roles), ...grantProblems({ name, grants }, found, roles))
  }
  for (const view of views)
    problems.push(
      `the view ${view.name} shows everybody's rows of ${view.tables.join(', ')}; run: ALTER VIEW ${quote(view.name)} SET (security_invoker = true), or drop it`,
    )
  for (const type of entities) problems.push(...indexProblems(type, tables.get(type.table)), ...sharedProblems(type, tables))
  const wanted = sqlFunctions(entities)
  for (const { name } of wanted)
    if (!functions.has(name)) problems.push(`the function ${name} is missing; run the migration: bin/holdfast postgres setup`)
  for (const { table, name, sql } of wanted.length === 0 ? [] : sqlTriggers(roles))
    if (!triggers.has(`${table} ${name}`))
      problems.push(
        `table ${table}: the trigger ${name} is missing or switched off; run: DROP TRIGGER IF EXISTS ${name} ON ${table}; ${sql}`,
      )
  return problems
}

function roleProblems(known: Catalogue['roles'], roles: Roles): string[] {
  const problems: string[] = []
  for (const name of Object.values(roles)) {
    const role = known.get(name)
    if (role === undefined) problems.push(`role ${name} is missing; run: bin/holdfast postgres setup`)
    else if (role.isSuperuser) problems.push(`role ${name} is a superuser; run: ALTER ROLE ${quote(name)} NOSUPERUSER`)
    else if (role.bypasses) problems.push(`role ${name} bypasses row level security; run: ALTER ROLE ${quote(name)} NOBYPASSRLS`)
    if (role?.canSignIn) problems.push(`role ${name} can sign in; run: ALTER ROLE ${quote(name)} NOLOGIN, and bin/holdfast postgres setup`)
    for (const other of role?.memberOf ?? [])
      problems.push(`role ${name} is a member of ${other}; run: REVOKE ${quote(other)} FROM ${quote(name)}`)
  }
  return problems
}

function tableProblems(table: Table, found: FoundTable, roles: Roles): string[] {
  const name = quote(table.name)
  const problems: string[] = []
  const told = (what: string, remedy: string): void => void problems.push(`table ${table.name}: ${what}; run: ${remedy}`)
  if (!found.isSecured) told('row level security is off', `ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY`)
  if (!found.isForced) told('row level security is not forced on its owner', `ALTER TABLE ${name} FORCE ROW LEVEL SECURITY`)
  problems.push(...lossProblems(found, roles))
  if (Object.values(roles).includes(found.owner))
    told(`it belongs to the role ${found.owner}, which serves`, `ALTER TABLE ${name} OWNER TO …`)
  const expected = policiesOf(table)
  for (const policy of expected) {
    const there = found.policies.find((one) => one.name === policy.name)
    const what = policyProblem(policy, there, roles)
    const drop = there === undefined ? '' : `DROP POLICY ${quote(policy.name)} ON ${name}; `
    if (what !== null) told(what, drop + policySql(table.name, policy, roles))
  }
  for (const { name: policy, permissive } of found.policies)
    if (!expected.some((one) => one.name === policy))
      told(
        `policy ${policy} is not ours and ${permissive ? 'lets more rows through' : 'hides rows'}`,
        `DROP POLICY ${quote(policy)} ON ${name}`,
      )
  if (found.key.join() !== table.key.join())
    told(`its primary key is (${found.key.join(', ')})`, `ALTER TABLE ${name} ADD PRIMARY KEY (${table.key.map(quote).join(', ')})`)
  for (const constraint of table.constraints) {
    const wanted = constraintSql(table, constraint)
    const there = found.constraints.find((one) => one.name === constraint)
    const add = `ALTER TABLE ${name} ADD CONSTRAINT ${quote(constraint)} ${wanted}`
    if (there === undefined) told(`the constraint ${constraint} is missing or not validated`, add)
    else if (!isSameConstraint(there, wanted))
      told(`the constraint ${constraint} is another one`, `ALTER TABLE ${name} DROP CONSTRAINT ${quote(constraint)}; ${add}`)
  }
  for (const column of found.columns)
    if (isText(column.type) && column.collation !== 'C')
      told(
        `column ${column.name} does not compare by code point`,
        `ALTER TABLE ${name} ALTER COLUMN ${quote(column.name)} TYPE ${column.type} COLLATE "C"`,
      )
  return [...problems, ...grantProblems(table, found, roles)]
}

/** What follows a constraint's name where its table is made. */
function constraintSql({ create }: Table, constraint: string): string {
  const start = `CONSTRAINT ${quote(constraint)} `
  const line = create.split('\n').find((one) => one.trim().startsWith(start))
  return line?.trim().slice(start.length).replace(/,$/, '') ?? ''
}

/** The server writes conditions back in words of its own, so of a CHECK only the kind is compared. */
function isSameConstraint({ kind, definition }: FoundConstraint, wanted: string): boolean {
  if (wanted.startsWith('CHECK')) return kind === 'c'
  return expression(definition) === expression(wanted)
}

/** What would let a crash or somebody else's code lose or change what is written. */
function lossProblems({ name, isLogged, rules, before }: FoundTable, roles: Roles): string[] {
  const ours = sqlTriggers(roles).filter(({ table }) => table === name)
  const foreign = before.filter((trigger) => !ours.some((one) => one.name === trigger))
  return [
    ...(isLogged ? [] : [`table ${name}: it is unlogged, so a crash empties it; run: ALTER TABLE ${quote(name)} SET LOGGED`]),
    ...foreign.map(
      (trigger) =>
        `table ${name}: the trigger ${trigger} is not ours and may change or drop what is written; run: DROP TRIGGER ${quote(trigger)} ON ${quote(name)}`,
    ),
    ...rules.map((rule) => `table ${name}: the rule ${rule} rewrites statements; run: DROP RULE ${quote(rule)} ON ${quote(name)}`),
  ]
}

const commands: Readonly<Record<string, string>> = { '*': 'ALL', r: 'SELECT', a: 'INSERT', w: 'UPDATE', d: 'DELETE' }

function policyProblem(policy: Policy, found: FoundPolicy | undefined, roles: Roles): string | null {
  if (found === undefined) return `policy ${policy.name} is missing`
  if (!found.permissive || commands[found.command] !== policy.command) return `policy ${policy.name} is not for ${policy.command}`
  if (found.roles.join() !== roles[policy.role]) return `policy ${policy.name} is for ${found.roles.join(', ')}`
  if (expression(found.using) !== expression(policy.using)) return `policy ${policy.name} has another USING`
  if (policy.check !== null && found.check === null) return `policy ${policy.name} has no WITH CHECK`
  if (expression(found.check) !== expression(policy.check)) return `policy ${policy.name} has another WITH CHECK`
  return null
}

/** The roles that serve have what they need and nothing else, and everybody has nothing. */
function grantProblems(table: Parameters<typeof grantSql>[0], found: FoundTable, roles: Roles): string[] {
  const problems: string[] = []
  const name = quote(table.name)
  const everybody = found.grants.PUBLIC ?? []
  if (everybody.length > 0)
    problems.push(`table ${table.name}: everybody may ${everybody.join(', ')}; run: REVOKE ALL ON ${name} FROM PUBLIC`)
  for (const { role, column, privilege } of found.columnGrants)
    if (role === 'PUBLIC' || Object.values(roles).includes(role))
      problems.push(
        `table ${table.name}: ${role} may ${privilege} its column ${column}; run: REVOKE ${privilege} (${quote(column)}) ON ${name} FROM ${role === 'PUBLIC' ? role : quote(role)}`,
      )
  for (const [key, role] of Object.entries(roles) as [keyof Roles, string][]) {
    const wanted: readonly string[] = table.grants[key] ?? []
    const given = found.grants[role] ?? []
    const extra = given.filter((privilege) => !wanted.includes(privilege))
    const missing = wanted.filter((privilege) => !given.includes(privilege))
    if (extra.length > 0 && found.owner !== role)
      problems.push(`table ${table.name}: ${role} may ${extra.join(', ')}; run: REVOKE ${extra.join(', ')} ON ${name} FROM ${quote(role)}`)
    if (missing.length > 0 && found.owner !== role)
      problems.push(
        `table ${table.name}: ${role} may not ${missing.join(', ')}; run: GRANT ${missing.join(', ')} ON ${name} TO ${quote(role)}`,
      )
  }
  return problems
}

function indexProblems(type: AnyEntity, found: FoundTable | undefined): string[] {
  const problems: string[] = []
  for (const index of indexesOf(type)) {
    const there = found?.indexes.find((one) => one.name === index.name)
    if (there === undefined) problems.push(`table ${type.table}: the index ${index.name} is missing; run: ${index.sql}`)
    else if (!there.valid)
      problems.push(`table ${type.table}: the index ${index.name} is not valid; run: REINDEX INDEX ${quote(index.name)}`)
    else if (there.unique !== index.unique)
      problems.push(`table ${type.table}: the index ${index.name} is not unique; run: DROP INDEX ${quote(index.name)}; ${index.sql}`)
    else if (there.collations.some((collation) => collation !== null && collation !== 'C'))
      problems.push(
        `table ${type.table}: the index ${index.name} does not go by code point; run: DROP INDEX ${quote(index.name)}; ${index.sql}`,
      )
  }
  return problems
}

/** What SQL clients rely on beside the columns. */
function sharedProblems({ table }: AnyEntity, tables: Catalogue['tables']): string[] {
  const { indexes = [], references = [] } = sqlTableOf(table) ?? {}
  const found = tables.get(table)
  return [
    ...indexes
      .filter(({ name }) => found?.indexes.some((one) => one.name === name && one.valid) !== true)
      .map(({ name, sql }) => `table ${table}: the index ${name} is missing; run: ${sql}`),
    ...references
      .filter(({ to }) => parents.includes(to) && tables.get(to)?.constraints.some(({ name }) => name === `${to}_ref`) !== true)
      .map(({ to }) => `table ${to}: the constraint ${to}_ref is missing; run the migration: bin/holdfast postgres setup`),
  ]
}

export const refuseProblems = (problems: readonly string[]): void => {
  if (problems.length === 0) return
  const shown = problems.slice(0, 20)
  const rest = problems.length - shown.length
  throw new AppError(
    'unavailable',
    'database_unsafe',
    `The PostgreSQL database (schema ${schemaName}) is not safe to use: ${shown.join('. ')}${rest > 0 ? `. And ${rest} more` : ''}.`,
  )
}
