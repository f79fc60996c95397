import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CallCounter, countCalls, type DynamoServer, hasDynamo, startDynamo } from '../../testing/dynamodb-server.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let dynamo: DynamoServer
let counter: CallCounter
let server: TestServer

describe.runIf(hasDynamo())('calls to DynamoDB', () => {
  beforeAll(async () => {
    dynamo = await startDynamo()
    counter = await countCalls(dynamo.endpoint)
    const storage = `dynamodb://eu-central-1?prefix=t-${randomUUID()}&endpoint=${encodeURIComponent(counter.endpoint)}`
    server = await startTestServer({ HOLDFAST_STORAGE: storage })
  }, 60_000)
  afterAll(async () => {
    await server.close()
    await counter.stop()
    await dynamo.stop()
  })

  test('probe', async () => {
    const token = await server.signIn()
    await server.send('POST', '/v1/users', { token, body: { username: 'first', role: 'member', password: 'a passphrase that is long' } })
    counter.take()
    await server.signIn()
    console.log('sign-in', counter.take())
    await server.signIn('first', 'a passphrase that is long')
    console.log('sign-in member', counter.take())
    const made = await server.send('POST', '/v1/users', {
      token,
      body: { username: 'second', email: 'a@example.org', role: 'member', password: 'a passphrase that is long' },
      headers: { 'idempotency-key': 'x' },
    })
    console.log('create user', made.status, counter.take())
    const got = await server.send('GET', `/v1/users/${made.body.id}`, { token })
    console.log('read one', got.status, counter.take())
    await server.send('GET', `/v1/users`, { token })
    console.log('list', counter.take())
    await server.send('PATCH', `/v1/users/${made.body.id}`, { token, body: { fullName: 'X' } })
    console.log('patch', counter.take())
    expect(1).toBe(1)
  })
})
