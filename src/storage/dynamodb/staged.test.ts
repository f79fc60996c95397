import { randomUUID } from 'node:crypto'
import { DynamoDBClient, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { insert, patched, update } from '../../kernel/change.ts'
import { type DynamoServer, hasDynamo, startDynamo, startProxy } from '../../testing/dynamodb-server.ts'
import { aMember, aNote, entities, Member, meta, Note, newId, newSigner, now } from '../contract/harness.ts'
import type { Storage } from '../port.ts'
import { dynamodb } from './engine.ts'

let server: DynamoServer
let client: DynamoDBClient
let prefix: string
let survivor: Storage

async function open(endpoint: string): Promise<Storage> {
  const engine = dynamodb({ region: 'eu-central-1', prefix, endpoint, tables: {}, entities })
  await engine.open()
  await engine.setSigner(newSigner())
  return engine
}

const many = (text: string, length = 30) => Array.from({ length }, (_, n) => aNote(`${text} ${n}`, text))

/** The emulator takes fewer items a transaction than AWS, and says so when it is first asked for more. */
async function learnLimit(engine: Storage): Promise<void> {
  const notes = many('limit', 12)
  await engine.tenant(newId()).commit(
    notes.map((note) => insert(Note, note)),
    meta,
  )
}

/** Items that a commit still holds. */
async function heldItems(table: string): Promise<number> {
  const { Items = [] } = await client.send(new ScanCommand({ TableName: `${prefix}-${table}`, ConsistentRead: true }))
  return Items.filter((item) => item._commit !== undefined).length
}

/** A commit whose process dies right after a call. */
async function dying(tenantId: string, call: string, notes: readonly Note[]): Promise<void> {
  const proxy = await startProxy(server.endpoint)
  const engine = await open(proxy.endpoint)
  await learnLimit(engine)
  await engine.tenant(tenantId).commit([insert(Note, aNote('first'))], meta)
  proxy.dieAfter(call)
  const commit = engine.tenant(tenantId).commit(
    notes.map((note) => insert(Note, note)),
    meta,
  )
  await expect(commit).rejects.toMatchObject({ kind: 'unavailable' })
  await engine.close()
  await proxy.stop()
}

describe.runIf(hasDynamo())('a commit that does not fit one transaction', () => {
  beforeAll(async () => {
    server = await startDynamo()
    prefix = `t-${randomUUID()}`
    client = new DynamoDBClient({
      region: 'eu-central-1',
      endpoint: server.endpoint,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    })
    survivor = await open(server.endpoint)
  })
  afterAll(async () => {
    await survivor.close()
    client.destroy()
    await server.stop()
  })

  test('leaves nothing held when it is done, and nothing at all when it is refused', async () => {
    const tenant = survivor.tenant(newId())
    const taken = aMember({ email: 'taken@example.org' })
    await tenant.commit([insert(Member, taken)], meta)
    const notes = many('refused')
    const changes = [...notes.map((note) => insert(Note, note)), insert(Member, aMember({ email: 'taken@example.org' }))]
    await expect(tenant.commit(changes, meta)).rejects.toMatchObject({ reason: 'unique', key: 'email' })
    expect(await tenant.count(Note, {})).toBe(0)

    await tenant.commit(
      notes.map((note) => insert(Note, note)),
      meta,
    )

    expect(await tenant.count(Note, {})).toBe(30)
    expect(await tenant.log(null, 0, 10)).toHaveLength(2)
    for (const table of ['notes', 'members', 'keys']) expect(await heldItems(table)).toBe(0)
  })

  test('is there whole when its process died after the decision, and goes on from there', async () => {
    const tenantId = newId()
    const notes = many('decided')
    await dying(tenantId, 'TransactWriteItems', notes)
    const tenant = survivor.tenant(tenantId)

    expect(await heldItems('notes')).toBeGreaterThan(0)
    expect(await tenant.count(Note, {})).toBe(31)
    expect(await tenant.get(Note, 'decided 7')).toEqual(notes[7])
    const first = notes[0] as Note
    await tenant.commit([update(Note, first, patched(Note, first, { text: 'after' }, now))], meta)
    expect((await tenant.get(Note, first.id))?.text).toBe('after')
    expect((await tenant.log(null, 0, 10)).map(({ entry }) => entry.sequence)).toEqual([1, 2, 3])
  })

  test('never was when its process died before the decision, and stands in nobody’s way', async () => {
    const tenantId = newId()
    const notes = many('undecided')
    const tenant = survivor.tenant(tenantId)
    await dyingBeforeDecision(tenantId, notes)
    expect(await heldItems('notes')).toBeGreaterThan(0)
    expect(await tenant.get(Note, 'undecided 7')).toBeNull()

    // a minute later nobody believes in it any more
    await age()
    await tenant.commit(
      notes.map((note) => insert(Note, note)),
      meta,
    )
    expect(await tenant.count(Note, { filter: [{ field: 'text', op: 'eq', value: 'undecided' }] })).toBe(30)
  })

  test('keeps an entry of any length', async () => {
    const tenant = survivor.tenant(newId())
    const members = Array.from({ length: 12 }, (_, n) => aMember({ note: `😀${'ä'.repeat(60_000)}`, password: `p-${n}` }))
    await tenant.commit(
      members.map((member) => insert(Member, member)),
      meta,
    )

    const [logged] = await tenant.log(null, 0, 1)
    expect(logged?.entry.changes.map(({ fields }) => fields.note)).toEqual(members.map(({ note }) => note))
    expect(JSON.parse(logged?.secrets ?? '{}').changes[11]).toMatchObject({ password: 'p-11' })
  })

  test.each([
    ['a row', () => [insert(Note, aNote('big', 'x'.repeat(410_000)))], 'row_too_large'],
    ['a key', () => [insert(Member, aMember({ login: 'x'.repeat(1_100) }))], 'key_too_long'],
  ])('refuses %s that DynamoDB does not take, before anything is sent', async (_, changes, code) => {
    const tenant = survivor.tenant(newId())
    await expect(tenant.commit(changes(), meta)).rejects.toMatchObject({ kind: 'too_large', code })
    expect(await tenant.log(null, 0, 1)).toEqual([])
  })

  test('is done once though the answer is lost on the way', async () => {
    const proxy = await startProxy(server.endpoint)
    const engine = await open(proxy.endpoint)
    const tenant = engine.tenant(newId())
    for (let round = 0; round < 10; round += 1) {
      proxy.cut('TransactWriteItems')
      await tenant.commit([insert(Note, aNote(`n ${round}`))], meta)
    }
    for (const [round, call] of ['PutItem', 'PutItem', 'UpdateItem', 'TransactWriteItems'].entries()) {
      const writes = many(`lost ${round}`).map((note) => insert(Note, note))
      const commit = tenant.commit(writes, meta)
      if (round > 0) await new Promise((resolve) => setTimeout(resolve, 10))
      proxy.cut(call)
      await commit
    }

    expect(await tenant.count(Note, {})).toBe(130)
    expect(await tenant.log(null, 0, 100)).toHaveLength(14)
    await engine.close()
    await proxy.stop()
  })
})

describe.runIf(hasDynamo())('a transaction whose answer is lost while it is still at work', () => {
  /** As AWS answers a repetition that comes too soon. */
  const busy = (items: number) => ({
    status: 400,
    body: {
      __type: 'com.amazonaws.dynamodb.v20120810#TransactionCanceledException',
      message: 'Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]',
      CancellationReasons: Array.from({ length: items }, () => ({
        Code: 'TransactionConflict',
        Message: 'Transaction is ongoing for the item',
      })),
    },
  })

  test.each([
    ['in one transaction', 1],
    ['held item by item', 30],
  ])(
    "is met again as its own work, and not as somebody else's (%s)",
    async (_, size) => {
      const own = await startDynamo()
      const proxy = await startProxy(own.endpoint)
      const engine = dynamodb({ region: 'eu-central-1', prefix, endpoint: proxy.endpoint, tables: {}, entities })
      await engine.open()
      await engine.setSigner(newSigner())
      await learnLimit(engine)
      const tenant = engine.tenant(newId())
      await tenant.commit([insert(Note, aNote('first'))], meta)
      // with a secret, whose salt makes every attempt's entry another one
      const members = Array.from({ length: size }, () => aMember({ password: 'hash' }))
      let calls = 0
      proxy.say('TransactWriteItems', (request) => {
        calls += 1
        if (calls === 1) proxy.cut('TransactWriteItems')
        return calls === 2 ? busy((request as { TransactItems?: unknown[] }).TransactItems?.length ?? 0) : null
      })

      await expect(
        tenant.commit(
          members.map((member) => insert(Member, member)),
          meta,
        ),
      ).resolves.toMatchObject({ sequence: 2 })

      expect(calls).toBeGreaterThanOrEqual(2)
      expect(await tenant.count(Member, {})).toBe(size)
      expect(await tenant.log(null, 0, 100)).toHaveLength(2)
      await engine.close()
      await proxy.stop()
      await own.stop()
    },
    600_000,
  )
})

/** Dies when everything is held and nothing is decided. */
async function dyingBeforeDecision(tenantId: string, notes: readonly Note[]): Promise<void> {
  const proxy = await startProxy(server.endpoint)
  const engine = await open(proxy.endpoint)
  await learnLimit(engine)
  proxy.say('TransactWriteItems', () => ({ status: 500, body: { __type: 'InternalServerError' } }))
  proxy.say('UpdateItem', () => ({ status: 500, body: { __type: 'InternalServerError' } }))
  const changes = notes.map((note) => insert(Note, note))
  await expect(engine.tenant(tenantId).commit(changes, meta)).rejects.toMatchObject({ kind: 'unavailable' })
  await engine.close()
  await proxy.stop()
}

/** Makes every pending commit two minutes old. */
async function age(): Promise<void> {
  const TableName = `${prefix}-keys`
  const { Items = [] } = await client.send(new ScanCommand({ TableName, ConsistentRead: true }))
  const pending = Items.filter((item) => item.state?.S === 'pending')
  expect(pending.length).toBeGreaterThan(0)
  for (const { pk, sk } of pending)
    await client.send(
      new UpdateItemCommand({
        TableName,
        Key: { pk: pk as { S: string }, sk: sk as { S: string } },
        UpdateExpression: 'SET #a = :a',
        ExpressionAttributeNames: { '#a': 'at' },
        ExpressionAttributeValues: { ':a': { N: String(Date.now() - 120_000) } },
      }),
    )
}
