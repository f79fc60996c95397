import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { Counter, create, insert } from '../kernel/change.ts'
import { system } from '../kernel/context.ts'
import type { AnyEntity, Column } from '../kernel/entity.ts'
import type { Sealer } from '../kernel/services.ts'
import type { TenantStore } from '../storage/port.ts'

type Schema = { [key: string]: unknown }

/** A place in an operation's input that takes a text or a whole number. */
export type Slot = { path: string; kind: 'text' | 'number'; isNeeded: boolean }

/** What an input needs to be accepted, and every place in it, required or not, in which an id could be smuggled. */
export type Probe = {
  slots: Slot[] /** An input with what is required and the given places filled. */
  input(values: ReadonlyMap<string, unknown>): unknown
}

/** Reads the input schema of an operation, so that new operations are probed without being known here. */
export function probeOf(input: z.ZodType): Probe {
  const root = z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' }) as Schema
  const slots: Omit<Slot, 'isNeeded'>[] = []
  const visited = new Set<string>()

  function walk(given: Schema, path: string, values: ReadonlyMap<string, unknown> | null): unknown {
    const schema = resolve(given)
    if (Array.isArray(schema.enum)) return schema.enum[0]
    if ('const' in schema) return schema.const
    const choices = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined
    if (choices !== undefined) return walk(choices.find(({ type }) => type !== 'null') ?? {}, path, values)
    const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== 'null') : schema.type
    if (type === 'boolean') return true
    if (type === 'null') return null
    if (type === 'array') return [walk((schema.items ?? {}) as Schema, `${path}[]`, values)]
    if (type === 'object') return object(schema, path, values)
    const kind = type === 'integer' || type === 'number' ? 'number' : 'text'
    if (values === null) slots.push({ path, kind })
    visited.add(path)
    return values?.get(path) ?? usual(path, schema, kind)
  }

  function object(schema: Schema, path: string, values: ReadonlyMap<string, unknown> | null): unknown {
    const required = new Set(schema.required as string[] | undefined)
    const wanted = (inner: string) =>
      [...(values?.keys() ?? [])].some((key) => key === inner || key.startsWith(`${inner}.`) || key.startsWith(`${inner}[`))
    const built: Record<string, unknown> = {}
    for (const [name, member] of Object.entries((schema.properties ?? {}) as Record<string, Schema>)) {
      const inner = path === '' ? name : `${path}.${name}`
      if (values === null || required.has(name) || wanted(inner)) built[name] = walk(member, inner, values)
    }
    return built
  }

  const resolve = (schema: Schema): Schema => {
    if (typeof schema.$ref !== 'string') return schema
    if (schema.$ref === '#') return root
    const definitions = (root.$defs ?? {}) as Record<string, Schema>
    return definitions[schema.$ref.split('/').at(-1) ?? ''] ?? {}
  }

  walk(root, '', null)
  visited.clear()
  walk(root, '', new Map())
  const needed = new Set(visited)
  return { slots: slots.map((slot) => ({ ...slot, isNeeded: needed.has(slot.path) })), input: (values) => walk(root, '', values) }
}

/** What a person would write there. */
function usual(path: string, schema: Schema, kind: Slot['kind']): unknown {
  if (kind === 'number') return Math.max(1, Number(schema.minimum ?? 1))
  if (schema.format === 'date-time') return '2099-01-01T00:00:00.000Z'
  if (/password/i.test(path)) return 'a passphrase that is long'
  if (/email/i.test(path)) return 'probe@example.org'
  return 'probe'
}

export const isIdSlot = ({ path }: Slot): boolean => /(^|[.\]]|[a-z])(id|login|number|manager)(\[\])?$/i.test(path)

/** A row that a tenant holds, by the names under which it can be asked for. */
export type Thing = { entity: string; id: string; number: number | null }

/** Puts one row of every entity into a tenant, each text in it holding the canary, and returns what can be asked for. `except` are entities that cannot be planted. */
export async function plant(
  store: TenantStore,
  entities: readonly AnyEntity[],
  { canary, userId, number, sealer }: { canary: string; userId: string; number: number; sealer: Sealer },
): Promise<Thing[]> {
  const now = new Date().toISOString()
  const things: Thing[] = []
  for (const type of entities) {
    if (type === Counter) continue
    const id = type.columns.find(({ field }) => field === 'id')?.kind === 'uuid' ? randomUUID() : `${canary}-${type.name}`
    const fields = Object.fromEntries(
      type.columns
        .filter(({ field }) => field in type.fields)
        .map((column) => {
          const value = planted(type, column, { canary, userId, number, now })
          const place = { tenant: store.tenantId, entity: type.name, id, field: column.field }
          return [column.field, column.field.startsWith('sealed') ? sealer.seal(String(value), place) : value]
        }),
    )
    const row = create(type, id, fields as never, now)
    await store.commit([insert(type, row)], { actor: system, action: 'test.plant', entity: null, requestId: null, time: now })
    things.push({ entity: type.name, id, number: 'number' in type.fields ? number : null })
  }
  return things
}

type Filling = { canary: string; userId: string; number: number; now: string }

function planted(type: AnyEntity, { field, kind }: Column, { canary, userId, number, now }: Filling): unknown {
  const schema = z.toJSONSchema(type.fields[field] as z.ZodType, { unrepresentable: 'any' }) as Schema
  const inner = ((schema.anyOf as Schema[] | undefined)?.find((one) => one.type !== 'null') ?? schema) as Schema
  if (Array.isArray(inner.enum)) return inner.enum.at(-1)
  switch (kind) {
    case 'text':
      return `${canary}-${type.name}-${field}`
    case 'uuid':
      return userId
    case 'time':
      return now
    case 'integer':
    case 'real':
      return field === 'number' ? number : 1
    case 'boolean':
      return true
    case 'json':
      return filled(inner, `${canary}-${type.name}-${field}`, now)
  }
}

/** A nested value, its texts holding the canary. */
function filled(schema: Schema, text: string, now: string): unknown {
  if (Array.isArray(schema.enum)) return schema.enum.at(-1)
  const choices = schema.anyOf as Schema[] | undefined
  if (choices !== undefined) return filled(choices.find((one) => one.type !== 'null') ?? {}, text, now)
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== 'null') : schema.type
  if (type === 'array') return []
  if (type === 'string') return schema.format === 'date-time' ? now : text
  if (type === 'boolean') return true
  if (type === 'number' || type === 'integer') return 1
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Schema>)
  return Object.fromEntries(properties.map(([name, member]) => [name, filled(member, text, now)]))
}
