import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { insert } from '../../kernel/change.ts'
import { type DynamoProxy, type DynamoServer, hasDynamo, startDynamo, startProxy } from '../../testing/dynamodb-server.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { aMember, entities, Member, meta, newId, newSigner } from '../contract/harness.ts'
import type { Storage } from '../port.ts'
import { dynamodb } from './engine.ts'

let dynamo: DynamoServer
let counter: DynamoProxy

const total = (calls: Record<string, number>): number => Object.values(calls).reduce((sum, n) => sum + n, 0)

describe.runIf(hasDynamo())('calls to DynamoDB', () => {
  beforeAll(async () => {
    dynamo = await startDynamo()
    counter = await startProxy(dynamo.endpoint)
  })
  afterAll(async () => {
    await counter.stop()
    await dynamo.stop()
  })

  describe('of a whole request', () => {
    const password = 'a passphrase that is long'
    let server: TestServer
    let token: string
    let made = 0

    beforeAll(async () => {
      const storage = `dynamodb://eu-central-1?prefix=t-${randomUUID()}&endpoint=${encodeURIComponent(counter.endpoint)}`
      server = await startTestServer({ HOLDFAST_STORAGE: storage })
      token = await server.signIn()
      await create()
      // what was read at the start is looked at for some seconds more (watch.ts)
      do {
        counter.take()
        await new Promise((resolve) => setTimeout(resolve, 700))
      } while (total(counter.take().calls) > 0)
    })
    afterAll(() => server.close())

    const create = (headers: Record<string, string> = {}) => {
      made += 1
      const body = { username: `user-${made}`, email: `user-${made}@example.org`, role: 'member', password }
      return server.send('POST', '/v1/users', { token, headers, body })
    }

    async function counted(work: () => Promise<{ status: number } | string>, expected: Record<string, number>): Promise<void> {
      counter.take()
      const answer = await work()
      if (typeof answer !== 'string') expect(answer.status).toBeLessThan(300)
      expect(counter.take().calls).toEqual(expected)
    }

    test('sign-in: four, by username and by address, the first of a day too', async () => {
      for (let n = 0; n < 2; n += 1)
        await counted(() => server.signIn('user-1', password), { Query: 1, GetItem: 1, BatchGetItem: 1, TransactWriteItems: 1 })
      await counted(() => server.signIn('user-1@example.org', password), { Query: 2, GetItem: 1, BatchGetItem: 1, TransactWriteItems: 1 })
    })

    test('reading one: two, one of which authenticates', async () => {
      const { body } = await create()
      await counted(() => server.send('GET', `/v1/users/${body.id}`, { token }), { BatchGetItem: 1, GetItem: 1 })
    })

    test('creating a user: two, one of which authenticates, and one more for an idempotency key', async () => {
      await counted(() => create(), { BatchGetItem: 1, TransactWriteItems: 1 })
      await counted(() => create({ 'idempotency-key': randomUUID() }), { BatchGetItem: 1, Query: 1, TransactWriteItems: 1 })
    })
  })

  test('no keyed request does more work as the table grows', async () => {
    const storage: Storage = dynamodb({
      region: 'eu-central-1',
      prefix: `t-${randomUUID()}`,
      endpoint: counter.endpoint,
      tables: {},
      entities,
    })
    await storage.open()
    await storage.setSigner(newSigner())
    const [ours, theirs] = [storage.tenant(newId()), storage.tenant(newId())]
    const member = aMember({ email: 'one@example.org', login: 'one' })
    await ours.commit([insert(Member, member)], meta)

    const costs = async () => {
      const works = [
        () => ours.get(Member, member.id),
        () => ours.find(Member, 'email', ['one@example.org']),
        () => storage.platform().lookup(Member, 'login', ['one']),
        () => ours.read([{ type: Member, id: member.id }]),
        () => ours.list(Member, { limit: 1 }),
        () => ours.head(),
        () => ours.commit([insert(Member, aMember({ email: `${newId()}@example.org` }))], meta),
      ]
      const all: { calls: number; bytes: number }[] = []
      for (const work of works) {
        counter.take()
        await work()
        const { calls, bytes } = counter.take()
        all.push({ calls: total(calls), bytes })
      }
      return all
    }
    const before = await costs()
    for (const tenant of [ours, theirs])
      await Promise.all(Array.from({ length: 150 }, () => tenant.commit([insert(Member, aMember({ note: 'x'.repeat(2_000) }))], meta)))

    const after = await costs()

    expect(after.map(({ calls }) => calls)).toEqual(before.map(({ calls }) => calls))
    for (const [position, { bytes }] of after.entries()) expect(bytes).toBeLessThan((before[position]?.bytes ?? 0) + 6_000)
    await storage.close()
  })
})
