import { type KeyPart, type TableDefinition, ttlAttribute } from '../storage/dynamodb/tables.ts'
import { type Environment, kept, type Resource, type Resources, tagsFor, type Value } from './template.ts'

/** `audit-log` → `AuditLogTable`. */
export const tableId = (key: string): string => `${key.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())}Table`

export const tableResources = (tables: readonly TableDefinition[], environment: Environment): Resources =>
  Object.fromEntries(tables.map((table) => [tableId(table.key), tableResource(table, environment)]))

function tableResource({ name, purpose, hash, range, indexes, ttl }: TableDefinition, environment: Environment): Resource {
  const parts = [hash, range, ...indexes.flatMap((index) => [index.hash, index.range])].filter((part) => part !== null)
  const types = new Map(parts.map(({ attribute, type }) => [attribute, type]))
  return {
    Type: 'AWS::DynamoDB::Table',
    ...kept,
    Properties: {
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [...types].map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
      KeySchema: keySchema(hash, range),
      ...(indexes.length === 0
        ? {}
        : {
            GlobalSecondaryIndexes: indexes.map((index) => ({
              IndexName: index.name,
              KeySchema: keySchema(index.hash, index.range),
              Projection: { ProjectionType: 'ALL' },
            })),
          }),
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      DeletionProtectionEnabled: true,
      SSESpecification: { SSEEnabled: true },
      ...(ttl ? { TimeToLiveSpecification: { AttributeName: ttlAttribute, Enabled: true } } : {}),
      Tags: tagsFor(environment, purpose),
    },
  }
}

const keySchema = (hash: KeyPart, range: KeyPart | null): Value => [
  { AttributeName: hash.attribute, KeyType: 'HASH' },
  ...(range === null ? [] : [{ AttributeName: range.attribute, KeyType: 'RANGE' }]),
]
