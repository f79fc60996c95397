import { type AttributeValue, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import { chainProblems, versionProblems } from './offline.ts'
import type { World } from './world.ts'

type Item = Record<string, AttributeValue>

/** The tables themselves, item by item: the chain computed anew, and every acknowledged user by id and version. */
export async function checkDynamo({ endpoint, prefix }: { endpoint: string; prefix: string }, world: World): Promise<string[]> {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  const client = new DynamoDBClient({ region: 'eu-central-1', endpoint, credentials })
  try {
    const entries = (await scan(client, `${prefix}-audit-log`)).map((item) => ({
      stream: item.stream?.S ?? '',
      sequence: Number(item.sequence?.N),
      entry: item.entry?.S ?? '',
      hash: item.hash?.S ?? '',
    }))
    entries.sort((a, b) => (a.stream === b.stream ? a.sequence - b.sequence : a.stream < b.stream ? -1 : 1))
    const users = (await scan(client, `${prefix}-users`)).map((item): [string, number] => [item.id?.S ?? '', Number(item.version?.N)])
    // what is too long for one item lies beside it, under a name of its own
    return [...chainProblems(entries.filter(({ stream }) => !stream.startsWith('parts '))), ...versionProblems(new Map(users), world)]
  } finally {
    client.destroy()
  }
}

async function scan(client: DynamoDBClient, table: string): Promise<Item[]> {
  const items: Item[] = []
  let start: Item | undefined
  do {
    const page = await client.send(new ScanCommand({ TableName: table, ConsistentRead: true, ExclusiveStartKey: start }))
    items.push(...(page.Items ?? []))
    start = page.LastEvaluatedKey
  } while (start !== undefined)
  return items
}
