import { z } from 'zod'

/** What engines store a field as. `time` is RFC 3339 text, `uuid` lower-case text, `json` any nested value. */
export type ColumnKind = 'text' | 'uuid' | 'time' | 'integer' | 'real' | 'boolean' | 'json'

export type Column = { field: string; name: string; kind: ColumnKind; nullable: boolean }

export type Fields = Record<string, z.ZodType>

type Options<F extends Fields> = {
  /** Table name in SQL and, with a prefix, on DynamoDB. */
  table: string
  fields: F
  /** `uuid` (default, UUIDv7) or `text` for rows named by what they are about. */
  id?: 'uuid' | 'text'
  /** Keys that one tenant holds once. A row with a null in the key does not take part. The second name is the code of the refusal. */
  unique?: Record<string, readonly (keyof F & string)[]>
  /** Unique keys whose values make the row's id: who holds the id holds the key, so that an engine without unique indexes keeps nothing beside the row. */
  identity?: Record<string, (...values: string[]) => string>
  /** Access patterns within one tenant. A row whose value is null in a field that the list is ordered by is not in that list. `id` always ends the order. */
  indexes?: Record<string, readonly (keyof F & string)[]>
  /** Lookups over all tenants, for the platform scope alone. `unique` ones are held once over all tenants. */
  directory?: Record<string, { fields: readonly ((keyof F & string) | 'id')[]; unique?: boolean }>
  /** Fields that never leave: not in responses, not in the audit log (which carries their digest), not in errors. */
  secret?: readonly (keyof F & string)[]
  /** Secret fields that hold what `Sealer.seal` gave for the tenant, this entity's name, the row's id and the field: a new master key seals them anew. */
  sealed?: readonly (keyof F & string)[]
  /** Fields that are no secret but of no use outside. */
  internal?: readonly (keyof F & string)[]
  /** Fields computed from the others whenever a row is written: folded keys, search text, sort keys. Internal. */
  derived?: Partial<{ [K in keyof F]: (row: { [P in keyof F]: z.output<F[P]> }) => z.output<F[K]> }>
  /** Derived fields that people see all the same. */
  shown?: readonly (keyof F & string)[]
  /** Rows that come and go with sign-ins and requests: a restore brings them to what the log has now, not to what they were, so that it revives nothing that ended. */
  transient?: true
  /** Rows that never go back: a restore leaves them as they are now. */
  permanent?: true
  /** Fields that never go back, such as what ends old sessions: a restore leaves them as they are now. */
  onward?: readonly (keyof F & string)[]
  /** Whose this row is: fields that hold the id of a row of another entity. What belongs to a person is restored with them. */
  belongsTo?: Partial<Record<(keyof F & string) | 'id', string>>
  /**
   * What the erasure of a person does to rows that belong to them: `remove`, or the fields that are emptied and what they hold then. Absent: the rows stay as they are, because they tell nothing of the person
   * but an id (src/erasure).
   */
  erased?: 'remove' | { [K in keyof F]?: (id: string) => z.output<F[K]> }
  /** Whose a row is for an erasure alone, where it belongs to something else: `field` holds the person, and only rows that fit go. */
  erasedWith?: { field: keyof F & string; fits: (row: { [P in keyof F]: z.output<F[P]> }) => boolean }
  /** Fields of anybody's row that repeat a person's name, and the field that says whose: an erasure empties them too. */
  names?: { [K in keyof F]?: keyof F & string }
  /** A field that is not null when the row was deleted on purpose: a restore leaves it deleted unless asked. */
  deletedBy?: keyof F & string
  /** A field that takes the tenant's next number on insert. Engines keep the sequence above every number ever inserted. */
  sequence?: keyof F & string
}

const base = {
  id: z.string(),
  version: z.int().min(1),
  createdAt: z.iso.datetime({ precision: 3 }),
  updatedAt: z.iso.datetime({ precision: 3 }),
}

export type BaseRow = { id: string; version: number; createdAt: string; updatedAt: string }

export type EntityType<F extends Fields = Fields> = {
  name: string
  table: string
  fields: F
  columns: readonly Column[]
  unique: Readonly<Record<string, readonly string[]>>
  identity: Readonly<Record<string, (...values: string[]) => string>>
  indexes: Readonly<Record<string, readonly string[]>>
  directory: Readonly<Record<string, { fields: readonly string[]; unique: boolean }>>
  secret: ReadonlySet<string>
  sealed: readonly string[]
  internal: ReadonlySet<string>
  transient: boolean
  permanent: boolean
  onward: readonly string[]
  belongsTo: Readonly<Record<string, string>>
  erased: 'remove' | Readonly<Record<string, (id: string) => unknown>> | null
  erasedWith: { field: string; fits: (row: object) => boolean } | null
  names: Readonly<Record<string, string>>
  deletedBy: string | null
  sequence: string | null
  /** Schema of what may leave: the base fields and all that are neither secret nor internal. */
  public: z.ZodObject<typeof base & F>
  /** Fills the derived fields. */
  derive<R extends object>(row: R): R
}

export type RowOf<F extends Fields> = BaseRow & { [K in keyof F]: z.output<F[K]> }
// biome-ignore lint/suspicious/noExplicitAny: a bound that accepts every entity; fields are invariant because of `derive`
export type AnyEntity = EntityType<any>
/** The stored row of an entity. */
export type Entity<E extends AnyEntity> = E extends EntityType<infer F> ? RowOf<F> : never

/** Declares an entity once: engines, inputs, the API description and forms derive from it (DESIGN.md section 6). */
export function entity<F extends Fields>(name: string, options: Options<F>): EntityType<F> {
  const derived = Object.entries(options.derived ?? {}) as [string, (row: object) => unknown][]
  const secret = new Set<string>(options.secret)
  const hidden = derived.map(([field]) => field).filter((field) => options.shown?.includes(field) !== true)
  const internal = new Set<string>([...(options.internal ?? []), ...hidden])
  const columns: Column[] = [
    { field: 'id', name: 'id', kind: options.id === 'text' ? 'text' : 'uuid', nullable: false },
    ...Object.entries(options.fields).map(([field, schema]) => column(field, schema)),
    { field: 'version', name: 'version', kind: 'integer', nullable: false },
    { field: 'createdAt', name: 'created_at', kind: 'time', nullable: false },
    { field: 'updatedAt', name: 'updated_at', kind: 'time', nullable: false },
  ]
  const shown = Object.fromEntries(Object.entries(options.fields).filter(([field]) => !secret.has(field) && !internal.has(field)))
  return {
    name,
    table: options.table,
    fields: options.fields,
    columns,
    unique: options.unique ?? {},
    identity: options.identity ?? {},
    indexes: options.indexes ?? {},
    directory: Object.fromEntries(
      Object.entries(options.directory ?? {}).map(([key, d]) => [key, { fields: d.fields, unique: d.unique ?? false }]),
    ),
    secret,
    sealed: options.sealed ?? [],
    internal,
    transient: options.transient ?? false,
    permanent: options.permanent ?? false,
    onward: options.onward ?? [],
    belongsTo: (options.belongsTo ?? {}) as Record<string, string>,
    erased: (options.erased ?? null) as EntityType['erased'],
    erasedWith: (options.erasedWith ?? null) as EntityType['erasedWith'],
    names: (options.names ?? {}) as Record<string, string>,
    deletedBy: options.deletedBy ?? null,
    sequence: options.sequence ?? null,
    // the type promises the secret fields too; callers hand in whole rows, and what is not in the schema is stripped
    public: z.object({
      id: base.id,
      ...shown,
      createdAt: base.createdAt,
      updatedAt: base.updatedAt,
      version: base.version,
    }) as unknown as z.ZodObject<typeof base & F>,
    derive(row) {
      const full = { ...row } as Record<string, unknown>
      for (const [field, compute] of derived) full[field] = compute(full)
      return full as typeof row
    },
  }
}

/** Case is no difference between two logins: NFC, then lower case. */
export const fold = (text: string): string => text.normalize('NFC').toLowerCase()

function column(field: string, schema: z.ZodType): Column {
  let nullable = false
  let inner = schema
  for (;;) {
    const def = inner.def as unknown as { type: string; innerType?: z.ZodType; in?: z.ZodType; format?: string; entries?: unknown }
    if (def.type === 'nullable' || def.type === 'optional') nullable = true
    if (def.innerType !== undefined) inner = def.innerType
    else if (def.type === 'pipe' && def.in !== undefined) inner = def.in
    else return { field, name: snake(field), kind: kindOf(inner, def), nullable }
  }
}

function kindOf(schema: z.ZodType, def: { type: string; format?: string; values?: unknown }): ColumnKind {
  switch (def.type) {
    case 'string':
      return def.format === 'datetime' ? 'time' : def.format === 'uuid' || def.format === 'guid' ? 'uuid' : 'text'
    case 'enum':
    case 'literal':
    case 'template_literal':
      return 'text'
    case 'boolean':
      return 'boolean'
    case 'number':
      return schema instanceof z.ZodNumber && schema.isInt ? 'integer' : 'real'
    default:
      return 'json'
  }
}

const snake = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
