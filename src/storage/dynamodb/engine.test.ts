import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { copiedView } from '../../backup/copied-view.ts'
import { type DynamoServer, hasDynamo, startDynamo } from '../../testing/dynamodb-server.ts'
import { entities, type Subject } from '../contract/harness.ts'
import { runContract } from '../contract/suite.ts'
import { sqlite } from '../sqlite/engine.ts'
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
    async openView() {
      const folder = mkdtempSync(join(tmpdir(), 'holdfast-view-'))
      const scratch = sqlite({ folder, entities })
      const source = dynamodb(options)
      await Promise.all([scratch.open(), source.open()])
      const release = async (): Promise<void> => {
        await Promise.all([scratch.close(), source.close()])
        rmSync(folder, { recursive: true })
      }
      return copiedView({ source, scratch, entities, release })
    },
    close: () => storage.close(),
  }
}

describe.runIf(hasDynamo())('on DynamoDB', () => {
  beforeAll(async () => {
    server = await startDynamo()
  })
  afterAll(() => server.stop())

  runContract('dynamodb', open)
})
