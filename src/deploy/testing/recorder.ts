import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { buffer } from 'node:stream/consumers'

/** One permission that a call needs, as IAM names it: `dynamodb:PutItem` on a table, or on one of its indexes. */
export type Needed = { action: string; table: string; index: string | null }

export type Recorder = {
  /** Stands in front of a DynamoDB: address for `endpoint=`. */
  endpoint: string
  /** What was asked for since the last call. */
  take(): Needed[]
  close(): Promise<void>
}

type Item = Record<string, { TableName: string }>
type Body = { TableName?: string; IndexName?: string; RequestItems?: object; TransactItems?: Item[] }

const inTransactions: Readonly<Record<string, string>> = {
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  ConditionCheck: 'ConditionCheckItem',
  Get: 'GetItem',
}

/** "Using IAM with DynamoDB transactions": a transaction needs what each of its items would need by itself. */
function needed(operation: string, body: Body): Needed[] {
  const on = (action: string, table: string, index: string | null = null): Needed => ({ action: `dynamodb:${action}`, table, index })
  if (body.TransactItems !== undefined)
    return body.TransactItems.flatMap((item) =>
      Object.entries(item).map(([kind, { TableName }]) => on(inTransactions[kind] ?? kind, TableName)),
    )
  if (body.RequestItems !== undefined) return Object.keys(body.RequestItems).map((table) => on(operation, table))
  return [on(operation, body.TableName ?? '', body.IndexName ?? null)]
}

/** Passes every call on, and keeps which permissions it needs. */
export async function startRecorder(target: string): Promise<Recorder> {
  let found: Needed[] = []
  const server = createServer(async (incoming, outgoing) => {
    const body = await buffer(incoming)
    const operation = String(incoming.headers['x-amz-target'] ?? '').split('.')[1] ?? ''
    if (operation !== '') found.push(...needed(operation, JSON.parse(body.toString())))
    const passed = request(target, { method: incoming.method, path: incoming.url, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    passed.end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no address')
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    take() {
      const taken = found
      found = []
      return taken
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
