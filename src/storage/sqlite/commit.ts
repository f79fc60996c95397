import { type Database, SqliteError, type Statement } from 'better-sqlite3'
import type { SqlValue, EncodedChange as WireChange } from '../encoded.ts'
import { type Told, tellAdd, teller } from '../entry.ts'
import { quote, type Shape } from './schema.ts'

/** A guard that missed. Plain data, not an error: losing a race is no exception, and a stack costs more than the commit. */
export type Refusal = readonly [reason: 'version' | 'exists' | 'unique' | 'bound', entity: string, id: string, key: string | null]

/** `told` in the order of the changes. `isClean`: a refused commit has left nothing to take back. */
export type Applied = { told: readonly Told[]; refusal: null } | { refusal: Refusal; isClean: boolean }

/** How many shapes of update keep their prepared statement. */
const statementsKept = 500

const row = 'WHERE tenant_id = ? AND id = ?'

/** Writes every change of a commit up to the first that is refused. Checks only read, so they go first. */
export function applier(db: Database, shapes: readonly Shape[]): (tenant: string, changes: readonly WireChange[]) => Applied {
  const writers = shapes.map((shape) => writer(db, shape))

  return (tenant, changes) => {
    for (const change of changes) {
      if (change[0] !== 'check') continue
      const refusal = writers[change[1]]?.check(tenant, change[2], change[3])
      if (refusal) return { refusal, isClean: true }
    }
    const told: Told[] = []
    for (const change of changes) {
      if (change[0] === 'check') continue
      const result = write(tenant, change)
      if (isRefusal(result)) return { refusal: result, isClean: told.length === 0 }
      told.push(result)
    }
    return { told, refusal: null }
  }

  function write(tenant: string, change: Exclude<WireChange, readonly ['check', ...unknown[]]>): Told | Refusal {
    const to = writers[change[1]]
    if (to === undefined) throw new Error(`There is no entity ${change[1]}`)
    switch (change[0]) {
      case 'insert':
        return to.insert(tenant, change[2], change[3])
      case 'update':
        return to.update(tenant, change)
      case 'remove':
        return to.remove(tenant, change[2], change[3])
      case 'add':
        return to.add(tenant, change)
    }
  }
}

const isRefusal = (result: Told | Refusal): result is Refusal => Array.isArray(result)

type Update = Extract<WireChange, readonly ['update', ...unknown[]]>
type Add = Extract<WireChange, readonly ['add', ...unknown[]]>

/** The writes of one entity. Each statement carries its own guard, so a change that is refused has changed nothing. */
function writer(db: Database, shape: Shape) {
  const { name, columns } = shape
  const table = quote(shape.table)
  const tell = teller(shape)
  const insert = db.prepare(
    `INSERT INTO ${table} (tenant_id, ${columns.map((column) => quote(column.name)).join(', ')}) VALUES (?${', ?'.repeat(columns.length)})`,
  )
  const remove = db.prepare(`DELETE FROM ${table} ${row} AND version = ?`)
  const version = db.prepare<unknown[], number>(`SELECT version FROM ${table} ${row}`).pluck()
  const counter = name === 'counter' ? counterOf(db, table) : null
  const updates = new Map<string, Statement>()

  const refuse = (reason: Refusal[0], id: string, key: string | null = null): Refusal => [reason, name, id, key]

  function updateOf(positions: readonly number[]): Statement {
    const key = positions.join()
    const known = updates.get(key)
    if (known !== undefined) return known
    const set = positions.map((position) => `${quote(columns[position]?.name ?? '')} = ?`).join(', ')
    const statement = db.prepare(`UPDATE ${table} SET ${set} ${row} AND version = ?`)
    if (updates.size >= statementsKept) updates.clear()
    updates.set(key, statement)
    return statement
  }

  /** Runs a statement and says how many rows it changed. What a unique index refuses is a refusal; everything else goes on. */
  function run(id: string, statement: Statement, values: readonly SqlValue[]): number | Refusal {
    try {
      return statement.run(values).changes
    } catch (error) {
      if (!(error instanceof SqliteError)) throw error
      if (error.code === 'SQLITE_CONSTRAINT_PRIMARYKEY') return refuse('exists', id)
      if (error.code === 'SQLITE_CONSTRAINT_UNIQUE') {
        return refuse('unique', id, shape.keys[error.message.slice(error.message.indexOf(': ') + 2)] ?? null)
      }
      throw error
    }
  }

  return {
    insert(tenant: string, id: string, values: readonly SqlValue[]): Told | Refusal {
      const changed = run(id, insert, [tenant, ...values])
      if (typeof changed === 'number') return tell.insert(id, values)
      return version.get(tenant, id) === undefined ? changed : refuse('exists', id)
    },
    update(tenant: string, [, , id, expect, positions, values]: Update): Told | Refusal {
      const changed = run(id, updateOf(positions), [...values, tenant, id, expect])
      if (typeof changed !== 'number') return changed
      return changed === 1 ? tell.update(id, positions, values) : refuse('version', id)
    },
    remove(tenant: string, id: string, expect: number): Told | Refusal {
      return remove.run(tenant, id, expect).changes === 1 ? tell.remove(id) : refuse('version', id)
    },
    check(tenant: string, id: string, expect: number | null): Refusal | null {
      if ((version.get(tenant, id) ?? null) === expect) return null
      return refuse(expect === null ? 'exists' : 'version', id)
    },
    add(tenant: string, [, , id, by, min, max, now]: Add): Told | Refusal {
      if (counter === null) throw new Error(`${name} is no counter`)
      const before = counter.read.get(tenant, id) ?? { value: 0, version: 0 }
      const value = before.value + by
      if ((min !== null && value < min) || (max !== null && value > max)) return refuse('bound', id)
      if (before.version === 0) counter.insert.run(tenant, id, value, now, now)
      else counter.update.run(value, now, tenant, id)
      return tellAdd(shape, { id, value, version: before.version + 1, now })
    },
  }
}

const counterOf = (db: Database, table: string) => ({
  read: db.prepare<unknown[], { value: number; version: number }>(`SELECT value, version FROM ${table} ${row}`),
  insert: db.prepare(`INSERT INTO ${table} (tenant_id, id, value, version, created_at, updated_at) VALUES (?, ?, ?, 1, ?, ?)`),
  update: db.prepare(`UPDATE ${table} SET value = ?, version = version + 1, updated_at = ? ${row}`),
})
