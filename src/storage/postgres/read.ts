import type { AnyEntity } from '../../kernel/entity.ts'
import type { Reference, Value } from '../port.ts'
import type { Result, Statement } from './batch.ts'
import { isOutage, readFailed, Severed } from './failures.ts'
import type { Pool } from './pool.ts'
import { setRole, setTenant } from './questions.ts'
import { columnOf, columnsOf, idType, quote, type Roles, tenantOf } from './schema.ts'
import { arrayText, boundValue, boundValues, equal, keyFields, named, type Row, reviver } from './values.ts'

/** How reads reach the database: as one tenant, or as the role that looks over all of them. */
export type Reads = {
  tenant(tenant: string, statement: Statement): Promise<Result>
  directory(statement: Statement): Promise<Result>
  /** Throws for an entity that the engine was not told of. */
  of(type: AnyEntity): Compiled
}

type Compiled = {
  table: string
  columns: string
  get: string
  some: string
  revive: (values: readonly (string | null)[]) => Row
  /** Of a row whose first value is its tenant's id. */
  reviveOwned: (values: readonly (string | null)[]) => { tenantId: string; row: Row }
}

/** More than a pool has connections. */
const attempts = 12

export function openReads(
  pool: Pool,
  { entities, roles, onProblem }: { entities: readonly AnyEntity[]; roles: Roles; onProblem: (error: Error) => void },
): Reads {
  const known = new Map(entities.map((type) => [type.name, compile(type)]))

  /** A read is safe to repeat: connections that had died unnoticed, be it all of them, are no reason to bother anyone. */
  async function run(scope: Statement, statement: Statement): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await pool.run([scope, statement]))[1] as Result
      } catch (error) {
        if (isOutage(error) && attempt < (error instanceof Severed ? attempts : 2)) continue
        if (error instanceof Error && !isOutage(error)) onProblem(error)
        throw readFailed(error)
      }
    }
  }

  return {
    // a tenant that has no rows there is none for the table's policy either, which could not read its name
    tenant: (tenant, statement) => run(setTenant(statement.values?.[0] === null ? '' : tenant), statement),
    directory: (statement) => run(setRole(roles, 'directory'), statement),
    of(type) {
      const found = known.get(type.name)
      if (found === undefined) throw new Error(`The engine was not told of the entity ${type.name}`)
      return found
    },
  }
}

function compile(type: AnyEntity): Compiled {
  const [columns, table] = [named(type.columns), quote(type.table)]
  const owned = reviver(columnsOf(type), 1)
  return {
    table,
    columns,
    get: `SELECT ${columns} FROM ${table} WHERE tenant_id = $1 AND id = $2`,
    some: `SELECT ${columns} FROM ${table} WHERE tenant_id = $1 AND id = ANY($2::${idType(type)}[])`,
    revive: reviver(columnsOf(type)),
    reviveOwned: (values) => ({ tenantId: values[0] as string, row: owned(values) }),
  }
}

/** Rows by id or by a key. */
export function reader({ tenant: ask, directory: askAll, of }: Reads) {
  return {
    async get(tenant: string, type: AnyEntity, id: string): Promise<Row | null> {
      const { get, revive } = of(type)
      const { rows } = await ask(tenant, { text: get, values: [tenantOf(type, tenant), boundValue(columnOf(type, 'id'), id)] })
      return rows[0] === undefined ? null : revive(rows[0])
    },
    async find(tenant: string, type: AnyEntity, key: string, values: readonly Value[]): Promise<Row | null> {
      const { columns, table, revive } = of(type)
      const fields = keyFields(type, type.unique[key], key, values)
      const text = `SELECT ${columns} FROM ${table} WHERE tenant_id = $1 AND ${equal(fields, 2)}`
      const { rows } = await ask(tenant, { text, values: [tenantOf(type, tenant), ...boundValues(fields, values)] })
      return rows[0] === undefined ? null : revive(rows[0])
    },
    /** One statement an entity, whatever the number of rows. */
    async read(tenant: string, references: readonly Reference[]): Promise<(Row | null)[]> {
      const types = new Map(references.map(({ type }) => [type.name, type]))
      const found = new Map<string, Row>()
      await Promise.all(
        [...types.values()].map(async (type) => {
          const { some, revive } = of(type)
          const ids = new Set(references.filter((one) => one.type.name === type.name).map(({ id }) => boundValue(columnOf(type, 'id'), id)))
          const { rows } = await ask(tenant, { text: some, values: [tenantOf(type, tenant), arrayText([...ids])] })
          for (const row of rows.map(revive)) found.set(`${type.name} ${row.id}`, row)
        }),
      )
      return references.map(({ type, id }) => found.get(`${type.name} ${id}`) ?? null)
    },
    /** Rows of all tenants under a directory key. */
    async lookup(type: AnyEntity, directory: string, values: readonly Value[], limit: number): Promise<{ tenantId: string; row: Row }[]> {
      const { columns, table, reviveOwned } = of(type)
      const fields = keyFields(type, type.directory[directory]?.fields, directory, values)
      const text = `SELECT tenant_id, ${columns} FROM ${table} WHERE ${equal(fields, 1)} ORDER BY tenant_id, id LIMIT $${fields.length + 1}`
      const { rows } = await askAll({ text, values: [...boundValues(fields, values), String(limit)] })
      return rows.map(reviveOwned)
    },
  }
}

export type Reader = ReturnType<typeof reader>
