import { join } from 'node:path'
import { type AttributeValue, DeleteItemCommand, DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import Database from 'better-sqlite3'
import pg from 'pg'
import { testEngine } from './engines.ts'
import type { TestServer } from './server.ts'

type Item = Record<string, AttributeValue>

/** The same damage on every engine: a statement, and on DynamoDB what becomes of each item of a table (null = it is deleted). */
export type Damage = { sql: string; table: string; change(item: Item): Item | null }

/** Changes the database behind the server's back, as someone with the disk, or the account, in hand could. */
export async function tamper({ folder, config }: TestServer, { sql, table, change }: Damage): Promise<void> {
  const { storage } = config
  if (storage.engine === 'sqlite') {
    const database = new Database(join(folder, 'holdfast.db'))
    database.exec(sql)
    database.close()
  }
  if (storage.engine === 'postgres') {
    const client = new pg.Client({ connectionString: storage.url })
    await client.connect()
    await client.query(sql)
    await client.end()
  }
  if (storage.engine === 'dynamodb') {
    const client = new DynamoDBClient({
      region: storage.region,
      endpoint: storage.endpoint ?? '',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    })
    const TableName = `${storage.prefix}-${table}`
    const { Items = [] } = await client.send(new ScanCommand({ TableName, ConsistentRead: true }))
    for (const item of Items) {
      const changed = change(structuredClone(item))
      if (changed === null) await client.send(new DeleteItemCommand({ TableName, Key: keyIn(table, item) }))
      else if (JSON.stringify(changed) !== JSON.stringify(item)) await client.send(new PutItemCommand({ TableName, Item: changed }))
    }
    client.destroy()
  }
}

const keyIn = (table: string, item: Item): Item => {
  const names = table === 'audit-log' ? ['stream', 'sequence'] : ['tenantId', 'id']
  return Object.fromEntries(names.map((name) => [name, item[name] as AttributeValue]))
}

/** Every entry of the log as it is stored, by stream and sequence. */
export async function storedLog({
  folder,
  config,
}: TestServer): Promise<{ stream: string; sequence: number; entry: string; hash: string }[]> {
  const { storage } = config
  const sql = 'SELECT stream, sequence, entry, hash FROM log ORDER BY stream, sequence'
  if (storage.engine === 'sqlite') {
    const database = new Database(join(folder, 'holdfast.db'), { readonly: true })
    const rows = database.prepare(sql).all()
    database.close()
    return rows as never
  }
  if (storage.engine === 'postgres') {
    const client = new pg.Client({ connectionString: storage.url })
    await client.connect()
    const { rows } = await client.query(sql)
    await client.end()
    return rows as never
  }
  const client = new DynamoDBClient({
    region: storage.region,
    endpoint: storage.endpoint ?? '',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })
  const { Items = [] } = await client.send(new ScanCommand({ TableName: `${storage.prefix}-audit-log`, ConsistentRead: true }))
  client.destroy()
  return Items.map((item) => ({
    stream: item.stream?.S ?? '',
    sequence: Number(item.sequence?.N),
    entry: item.entry?.S ?? '',
    hash: item.hash?.S ?? '',
  })).sort((a, b) => (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : a.sequence - b.sequence))
}

/** On DynamoDB the newest entry carries the head: a tail that is cut off is found only by the heads in the backups. */
export const keepsHeadsApart = testEngine !== 'dynamodb'
