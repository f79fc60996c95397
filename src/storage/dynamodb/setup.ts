import {
  CreateTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  type KeySchemaElement,
  type TableDescription,
  UpdateContinuousBackupsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { database, pause } from './db.ts'
import { openingFailed, tableMissing, tableRefused } from './failures.ts'
import { type Counted, refuseFilled, refuseForeign } from './foreign.ts'
import { type IndexDefinition, type KeyPart, keysKey, type TableDefinition, ttlAttribute } from './tables.ts'

type At = { client: DynamoDBClient; region: string; endpoint: string | null }

export type SetupResult = { table: string; outcome: 'created' | 'mended' | 'there' }

/** A new table is there within so many looks at it, the later ones a second apart. */
const looks = 120

const setupAdvice = 'Run bin/holdfast dynamodb setup, or deploy the template of bin/holdfast aws template.'

const schemaOf = (hash: KeyPart, range: KeyPart | null): KeySchemaElement[] => [
  { AttributeName: hash.attribute, KeyType: 'HASH' },
  ...(range === null ? [] : [{ AttributeName: range.attribute, KeyType: 'RANGE' as const }]),
]

const shown = (schema: readonly KeySchemaElement[] = []): string =>
  schema.map(({ AttributeName, KeyType }) => `${KeyType} ${AttributeName}`).join(', ')

const partsOf = ({ hash, range, indexes }: TableDefinition): KeyPart[] => {
  const all = [hash, range, ...indexes.flatMap((index) => [index.hash, index.range])].filter((part) => part !== null)
  return [...new Map(all.map((part) => [part.attribute, part])).values()]
}

async function described({ client, ...at }: At, table: TableDefinition): Promise<TableDescription | null> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table.name }))
    return Table ?? null
  } catch (error) {
    if ((error as Error).name === 'ResourceNotFoundException') return null
    throw openingFailed(error, { ...at, table: table.name })
  }
}

/** Refuses a table whose keys or indexes are not those that the rows need: written to it, they would not be found again. */
function assertKeys(table: TableDefinition, found: TableDescription): void {
  const wanted = schemaOf(table.hash, table.range)
  const remedy = 'Give the table another name or prefix, so that a right one can be made.'
  if (shown(found.KeySchema) !== shown(wanted))
    throw tableRefused(table.name, `has the key ${shown(found.KeySchema)}, but must have ${shown(wanted)}.`, remedy)
  for (const { attribute, type } of [table.hash, ...(table.range === null ? [] : [table.range])]) {
    const is = found.AttributeDefinitions?.find(({ AttributeName }) => AttributeName === attribute)?.AttributeType
    if (is !== type) throw tableRefused(table.name, `has a key attribute ${attribute} of type ${is}, but it must be ${type}.`, remedy)
  }
  for (const index of table.indexes) assertIndex(table, index, found)
}

function assertIndex(table: TableDefinition, { name, hash, range }: IndexDefinition, found: TableDescription): void {
  const index = found.GlobalSecondaryIndexes?.find(({ IndexName }) => IndexName === name)
  const wanted = shown(schemaOf(hash, range))
  const remedy = 'Add it, projecting all attributes, or let bin/holdfast dynamodb setup make the table under another name.'
  if (index === undefined || shown(index.KeySchema) !== wanted)
    throw tableRefused(table.name, `lacks the index ${name} (${wanted}).`, remedy)
  const projection = index.Projection?.ProjectionType
  if (projection !== 'ALL')
    throw tableRefused(
      table.name,
      `has an index ${name} that projects ${projection}, but whoever reads it must find all attributes.`,
      `Remove it. ${remedy}`,
    )
}

/** What protects a table, as problems in words; of an emulator nobody expects any of it. */
async function problemsOf({ client, ...at }: At, table: TableDefinition, found: TableDescription): Promise<string[]> {
  const problems: string[] = []
  if (found.DeletionProtectionEnabled !== true) problems.push('can be deleted: deletion protection is off')
  const encryption = found.SSEDescription?.Status
  if (encryption === undefined || encryption.startsWith('DISABL')) problems.push('has no encryption with a key of yours: SSE is off')
  try {
    const { ContinuousBackupsDescription: backups } = await client.send(new DescribeContinuousBackupsCommand({ TableName: table.name }))
    if (backups?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus !== 'ENABLED') problems.push('has no point-in-time recovery')
  } catch (error) {
    // ten such questions a second are allowed to a whole account: of many processes that start at once, not all can ask
    if ((error as Error).name !== 'ThrottlingException') throw openingFailed(error, { ...at, table: table.name })
  }
  return problems
}

async function isTtlOn({ client, ...at }: At, table: TableDefinition): Promise<boolean> {
  try {
    const { TimeToLiveDescription: ttl } = await client.send(new DescribeTimeToLiveCommand({ TableName: table.name }))
    return ttl?.AttributeName === ttlAttribute && (ttl.TimeToLiveStatus === 'ENABLED' || ttl.TimeToLiveStatus === 'ENABLING')
  } catch (error) {
    throw openingFailed(error, { ...at, table: table.name })
  }
}

async function enableTtl(client: DynamoDBClient, table: TableDefinition): Promise<void> {
  const TimeToLiveSpecification = { Enabled: true, AttributeName: ttlAttribute }
  await client.send(new UpdateTimeToLiveCommand({ TableName: table.name, TimeToLiveSpecification })).catch((error: Error) => {
    // another process was quicker
    if (!/already enabled/.test(error.message)) throw error
  })
}

async function create({ client }: At, table: TableDefinition): Promise<void> {
  await client
    .send(
      new CreateTableCommand({
        TableName: table.name,
        KeySchema: schemaOf(table.hash, table.range),
        AttributeDefinitions: partsOf(table).map(({ attribute, type }) => ({ AttributeName: attribute, AttributeType: type })),
        BillingMode: 'PAY_PER_REQUEST',
        DeletionProtectionEnabled: true,
        SSESpecification: { Enabled: true },
        ...(table.indexes.length === 0
          ? {}
          : {
              GlobalSecondaryIndexes: table.indexes.map(({ name, hash, range }) => ({
                IndexName: name,
                KeySchema: schemaOf(hash, range),
                Projection: { ProjectionType: 'ALL' as const },
              })),
            }),
      }),
    )
    .catch((error: Error) => {
      // another process was quicker
      if (error.name !== 'ResourceInUseException') throw error
    })
  for (let look = 1; ; look += 1) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table.name }))
    if (Table?.TableStatus === 'ACTIVE') return
    if (look === looks) throw tableRefused(table.name, 'does not become active.', 'Look at it in the AWS console.')
    await pause(look)
  }
}

/**
 * Looks at every table before anything is written. On an emulator of this machine missing ones are made; elsewhere a missing or unprotected one is refused, with the command that mends it.
 * Resolves to how many items each had when they were last counted. Errors: `table_missing`, `table_refused`, `database_credentials`, `database_unreachable`.
 */
export async function assertTables(at: At, tables: readonly TableDefinition[], isLocal: boolean): Promise<Counted[]> {
  const found = await Promise.all(tables.map((table) => described(at, table)))
  const missing = tables.filter((_, position) => found[position] === null)
  if (!isLocal && missing.length > 0)
    throw tableMissing(
      missing.map(({ name }) => name),
      at.region,
    )
  for (const table of missing) await create(at, table)
  await Promise.all(
    tables.map(async (table, position) => {
      const is = found[position]
      if (is) assertKeys(table, is)
      if (table.ttl && !(await isTtlOn(at, table))) {
        if (!isLocal) throw tableRefused(table.name, `never forgets what has expired: TTL on ${ttlAttribute} is off.`, setupAdvice)
        await enableTtl(at.client, table)
      }
      const problems = isLocal || !is ? [] : await problemsOf(at, table, is)
      if (problems.length > 0) throw tableRefused(table.name, `${problems.join(', and ')}.`, setupAdvice)
    }),
  )
  return countedOf(tables, found)
}

const countedOf = (tables: readonly TableDefinition[], found: readonly (TableDescription | null)[]): Counted[] =>
  tables.map((table, position) => ({ table, items: found[position]?.ItemCount ?? 0 }))

/** Makes what is missing and switches on what protects it. Refuses tables with other keys or another system's items before it makes any, and touches none of their rows. */
export async function setUp(at: At, tables: readonly TableDefinition[], isLocal: boolean): Promise<SetupResult[]> {
  const results: SetupResult[] = []
  const all = await Promise.all(tables.map((table) => described(at, table)))
  for (const [position, table] of tables.entries()) {
    const found = all[position]
    if (found) assertKeys(table, found)
  }
  const counted = countedOf(tables, all)
  // where there are no keys there is no history
  if (all[tables.findIndex(({ key }) => key === keysKey)] == null) refuseFilled(counted)
  else await refuseForeign(database(at.client, tables), counted, false)
  for (const [position, table] of tables.entries()) {
    const found = all[position] ?? null
    if (found === null) await create(at, table)
    let isMended = false
    if (table.ttl && !(await isTtlOn(at, table))) {
      await enableTtl(at.client, table)
      isMended = true
    }
    if (!isLocal) isMended = (await protect(at, table)) || isMended
    results.push({ table: table.name, outcome: found === null ? 'created' : isMended ? 'mended' : 'there' })
  }
  return results
}

async function protect(at: At, table: TableDefinition): Promise<boolean> {
  const { client } = at
  const found = (await described(at, table)) as TableDescription
  const problems = await problemsOf(at, table, found)
  const TableName = table.name
  if (found.DeletionProtectionEnabled !== true) await client.send(new UpdateTableCommand({ TableName, DeletionProtectionEnabled: true }))
  if (problems.some((problem) => problem.includes('recovery')))
    await client.send(
      new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } }),
    )
  if (problems.some((problem) => problem.includes('SSE')))
    await client.send(new UpdateTableCommand({ TableName, SSESpecification: { Enabled: true } }))
  return problems.length > 0
}
