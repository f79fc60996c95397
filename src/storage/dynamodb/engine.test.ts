import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe } from 'vitest'
import { type DynamoServer, hasDynamo, startDynamo } from '../../testing/dynamodb-server.ts'
import { entities, type Subject } from '../contract/harness.ts'
import { runContract } from '../contract/suite.ts'
import { dynamodb } from './engine.ts'

let server: DynamoServer

async function open(): Promise<Subject> {
  const options = { region: 'eu-central-1', prefix: `t-${randomUUID()}`, endpoint: server.endpoint, tables: {}, entities }
  let storage = dynamodb(options)
  await storage.open()
  return {
    storage,
    async reopen() {
      await storage.close()
      storage = dynamodb(options)
      await storage.open()
      return storage
    },
    close: () => storage.close(),
  }
}

describe.runIf(hasDynamo())('on DynamoDB', () => {
  beforeAll(async () => {
    server = await startDynamo()
  }, 60_000)
  afterAll(() => server.stop())

  runContract('dynamodb', open)
})
