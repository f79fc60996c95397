import type { AnyEntity } from '../../kernel/entity.ts'

/** One attribute of a key. `N` is a number, `S` a text. */
export type KeyPart = { attribute: string; type: 'S' | 'N' }

export type IndexDefinition = { name: string; hash: KeyPart; range: KeyPart | null }

/** A table as it has to be, whoever makes it: `bin/holdfast dynamodb setup`, or the CloudFormation template. Every one is on demand, encrypted, protected from deletion and recoverable to any second. */
export type TableDefinition = {
  /** What a setting names it by: the entity's table with hyphens, `audit-log`, `keys`. */
  key: string
  name: string
  purpose: string
  hash: KeyPart
  range: KeyPart | null
  /** Projection of all attributes. They serve people and tools that query the table; the engine reads base tables alone. */
  indexes: readonly IndexDefinition[]
  /** Rows expire: TTL is on, on the attribute `ttl` (epoch seconds). */
  ttl: boolean
  entity: AnyEntity | null
  /** What a running server calls on it, as IAM names it: transactions count as the writes they hold. */
  actions: readonly string[]
}

export type TableNames = { prefix: string; tables: Readonly<Record<string, string>> }

export const ttlAttribute = 'ttl'

/** The log: one item an entry. */
export const logKey = 'audit-log'
/** Unique keys, directories, sequences, the list of streams: what is found by value, in the commit that writes the row. */
export const keysKey = 'keys'
export const tenantsKey = 'tenants'

const checked = ['DescribeTable', 'DescribeTimeToLive', 'DescribeContinuousBackups']
const kept = [...checked, 'GetItem', 'BatchGetItem', 'Query', 'PutItem', 'UpdateItem', 'ConditionCheckItem'].map(action)
const written = [...kept, action('DeleteItem')]

function action(name: string): string {
  return `dynamodb:${name}`
}

const text = (attribute: string): KeyPart => ({ attribute, type: 'S' })

/** Tables whose form the outside relies on (contracts/fsm.md sections 2, 7, 8). */
const special: Readonly<Record<string, { range?: KeyPart | null; indexes?: readonly IndexDefinition[]; isKept?: boolean }>> = {
  // a tenant's row has the tenant's id, so its own id is all of its key
  [tenantsKey]: { range: null, indexes: [{ name: 'GSI1', hash: text('gsi1pk'), range: text('gsi1sk') }], isKept: true },
  appointments: { range: text('instanceId'), indexes: [{ name: 'TokenIndex', hash: text('customerAccessToken'), range: null }] },
}

export const tableKeyOf = (type: Pick<AnyEntity, 'table'>): string => type.table.replaceAll('_', '-')

/** Where the TTL of a row comes from: a field `ttl` as it is, or the `expiresAt` of an entity that is pruned by it. */
export function ttlSource(type: AnyEntity): 'ttl' | 'expiresAt' | null {
  if (type.columns.some((column) => column.field === ttlAttribute)) return 'ttl'
  return Object.values(type.indexes).some((fields) => fields.join() === 'expiresAt') ? 'expiresAt' : null
}

/** Every table of these entities, in the order of their keys' names; the log and the keys last. */
export function tableDefinitions(entities: readonly AnyEntity[], { prefix, tables }: TableNames): TableDefinition[] {
  const named = (key: string) => ({ key, name: tables[key] ?? `${prefix}-${key}` })
  const own = entities.map((type): TableDefinition => {
    const { range = text('id'), indexes = [], isKept = false } = special[tableKeyOf(type)] ?? {}
    return {
      ...named(tableKeyOf(type)),
      purpose: `Rows of ${type.name}`,
      hash: text('tenantId'),
      range,
      indexes,
      ttl: ttlSource(type) !== null,
      entity: type,
      actions: isKept ? kept : written,
    }
  })
  return [
    ...own.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    {
      ...named(logKey),
      purpose: 'The log: every change, chained and signed',
      hash: text('stream'),
      range: { attribute: 'sequence', type: 'N' },
      indexes: [],
      ttl: false,
      entity: null,
      actions: [...checked, 'Query', 'PutItem'].map(action),
    },
    {
      ...named(keysKey),
      purpose: 'Unique keys, directories, sequences and the list of streams',
      hash: text('pk'),
      range: text('sk'),
      indexes: [],
      ttl: true,
      entity: null,
      actions: written,
    },
  ]
}
