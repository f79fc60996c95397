import { randomUUID } from 'node:crypto'
import {
  CreateTableCommand,
  DeleteTableCommand,
  DynamoDBClient,
  GetItemCommand,
  type Projection,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { create, insert } from '../../kernel/change.ts'
import { noAccount, Tenant } from '../../tenant/entity.ts'
import { type DynamoProxy, type DynamoServer, hasDynamo, startDynamo, startProxy } from '../../testing/dynamodb-server.ts'
import { aNote, entities, Member, meta, Note, newId, newSigner } from '../contract/harness.ts'
import { dynamodb, setUpTables } from './engine.ts'
import { tableDefinitions } from './tables.ts'

let server: DynamoServer
let proxy: DynamoProxy
let prefix: string

const at = (endpoint: string, more: object = {}) => ({ region: 'eu-central-1', prefix, endpoint, tables: {}, entities, ...more })
/** The same server by an address that is not called loopback, as AWS's own is not. */
const away = () => proxy.endpoint.replace('127.0.0.1', '0.0.0.0')

const opening = (endpoint: string, more: object = {}) => dynamodb(at(endpoint, more)).open()

/** Tables as AWS describes them when all is well, but for what a test takes away. */
function describeAs(change: (table: { name: string }) => object = () => ({})): void {
  const tables = tableDefinitions(entities, at(proxy.endpoint))
  proxy.say('DescribeTable', ({ TableName }) => {
    const table = tables.find(({ name }) => name === TableName)
    if (table === undefined) return null
    const element = (attribute: string, KeyType: string) => ({ AttributeName: attribute, KeyType })
    const parts = [table.hash, ...(table.range === null ? [] : [table.range])]
    return {
      body: {
        Table: {
          TableName,
          TableStatus: 'ACTIVE',
          KeySchema: parts.map(({ attribute }, n) => element(attribute, n === 0 ? 'HASH' : 'RANGE')),
          AttributeDefinitions: parts.map(({ attribute, type }) => ({ AttributeName: attribute, AttributeType: type })),
          DeletionProtectionEnabled: true,
          SSEDescription: { Status: 'ENABLED' },
          ...change(table),
        },
      },
    }
  })
  proxy.say('DescribeTimeToLive', () => ({ body: { TimeToLiveDescription: { TimeToLiveStatus: 'ENABLED', AttributeName: 'ttl' } } }))
  recoverable('ENABLED')
}

const recoverable = (status: string) =>
  proxy.say('DescribeContinuousBackups', () => ({
    body: { ContinuousBackupsDescription: { PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: status } } },
  }))

describe.runIf(hasDynamo())('opening DynamoDB', () => {
  beforeAll(async () => {
    server = await startDynamo()
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    prefix = `t-${randomUUID()}`
    proxy = await startProxy(server.endpoint)
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'example')
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await proxy.stop()
  })

  test('makes missing tables on this machine, and refuses to start without them elsewhere, naming them and the command', async () => {
    await expect(opening(away())).rejects.toMatchObject({ kind: 'unavailable', code: 'table_missing' })
    await expect(opening(away())).rejects.toThrow(new RegExp(`eu-central-1.*${prefix}-members.*${prefix}-keys.*holdfast dynamodb setup`))

    await expect(opening(proxy.endpoint)).resolves.toBeUndefined()
    expect((await setUpTables(at(proxy.endpoint))).every(({ outcome }) => outcome === 'there')).toBe(true)
  })

  test('lets several processes make the tables at the same moment', async () => {
    await Promise.all([1, 2, 3].map(() => opening(proxy.endpoint)))
    expect((await setUpTables(at(proxy.endpoint))).every(({ outcome }) => outcome === 'there')).toBe(true)
  })

  test('refuses a table with another key, and says which', async () => {
    const client = new DynamoDBClient({ region: 'eu-central-1', endpoint: server.endpoint })
    await client.send(
      new CreateTableCommand({
        TableName: `${prefix}-notes`,
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    )
    client.destroy()

    const refused = {
      code: 'table_refused',
      message: expect.stringContaining(`${prefix}-notes has the key HASH id, but must have HASH tenantId, RANGE id`),
    }
    await expect(opening(proxy.endpoint)).rejects.toMatchObject(refused)
    await expect(setUpTables(at(proxy.endpoint))).rejects.toMatchObject(refused)
  })

  describe('a table of tenants that is there', () => {
    const old = () => `${prefix}-old`
    const named = () => ({ entities: [Tenant], tables: { tenants: old() } })
    const client = () => new DynamoDBClient({ region: 'eu-central-1', endpoint: server.endpoint })
    const key = (AttributeName: string, KeyType: 'HASH' | 'RANGE') => ({ AttributeName, KeyType })

    const make = (projection: Projection = { ProjectionType: 'ALL' }) =>
      client().send(
        new CreateTableCommand({
          TableName: old(),
          KeySchema: [key('tenantId', 'HASH')],
          AttributeDefinitions: ['tenantId', 'gsi1pk', 'gsi1sk'].map((name) => ({ AttributeName: name, AttributeType: 'S' as const })),
          GlobalSecondaryIndexes: [
            { IndexName: 'GSI1', KeySchema: [key('gsi1pk', 'HASH'), key('gsi1sk', 'RANGE')], Projection: projection },
          ],
          BillingMode: 'PAY_PER_REQUEST',
        }),
      )

    test('is refused when another system filled it, with the remedy, and is left as it is', async () => {
      await make()
      const Item = { tenantId: { S: 'A-1_C-1' }, accountId: { S: 'A-1' }, clientSecret: { S: 'in the clear' } }
      await client().send(new PutItemCommand({ TableName: old(), Item }))

      const refused = { code: 'table_refused', message: expect.stringMatching(`${old()} holds items .*import fsm-table`) }
      await expect(setUpTables(at(proxy.endpoint, named()))).rejects.toMatchObject(refused)
      await expect(opening(proxy.endpoint, named())).rejects.toMatchObject(refused)
      await expect(opening(proxy.endpoint, named())).rejects.toMatchObject(refused)

      expect(proxy.take().calls).not.toHaveProperty('Scan')
      const there = await client().send(new GetItemCommand({ TableName: old(), Key: { tenantId: { S: 'A-1_C-1' } } }))
      expect(there.Item).toEqual(Item)
    })

    test('is refused when the tenants of this store stand in another one, and taken when they stand in it', async () => {
      const first = dynamodb(at(proxy.endpoint, { entities: [Tenant] }))
      await first.open()
      await first.setSigner(newSigner())
      const fields = { ...noAccount, key: null, name: 'Ours', isActive: true, validFrom: null, validTo: null }
      const ours = create(Tenant, newId(), fields, meta.time)
      await first.tenant(ours.id).commit([insert(Tenant, ours)], meta)
      await first.close()
      await make()

      await expect(opening(proxy.endpoint, named())).rejects.toMatchObject({
        code: 'table_refused',
        message: expect.stringMatching(`${old()} does not hold the tenants that ${prefix}-keys leads to`),
      })

      const right = { entities: [Tenant], tables: { tenants: `${prefix}-tenants` } }
      await expect(opening(proxy.endpoint, right)).resolves.toBeUndefined()
      expect((await setUpTables(at(proxy.endpoint, right))).every(({ outcome }) => outcome === 'there')).toBe(true)
    })

    test('of a store of ours that lost its keys is left to a recovery', async () => {
      const first = dynamodb(at(proxy.endpoint, { entities: [Tenant, Note] }))
      await first.open()
      await first.setSigner(newSigner())
      await first.tenant(newId()).commit([insert(Note, aNote('n'))], meta)
      await first.close()
      await client().send(new DeleteTableCommand({ TableName: `${prefix}-keys` }))

      const again = dynamodb(at(proxy.endpoint, { entities: [Tenant, Note] }))
      await again.open()
      expect(await again.transfer().state()).toBe('empty')
      await again.close()
    })

    test.each<[string, Projection]>([
      ['its keys alone', { ProjectionType: 'KEYS_ONLY' }],
      ['some attributes', { ProjectionType: 'INCLUDE', NonKeyAttributes: ['accountName'] }],
    ])('is refused when its index has %s', async (_, projection) => {
      await make(projection)
      const refused = {
        code: 'table_refused',
        message: expect.stringContaining(`${old()} has an index GSI1 that projects ${projection.ProjectionType}`),
      }
      await expect(opening(proxy.endpoint, named())).rejects.toMatchObject(refused)
      await expect(setUpTables(at(proxy.endpoint, named()))).rejects.toMatchObject(refused)
    })
  })

  test('takes tables that are protected', async () => {
    await opening(proxy.endpoint)
    describeAs()
    await expect(opening(away())).resolves.toBeUndefined()
  })

  test.each([
    ['deletion protection', { DeletionProtectionEnabled: false }, 'deletion protection is off'],
    ['encryption', { SSEDescription: undefined }, 'SSE is off'],
    [
      'the sort key that the rows need',
      { KeySchema: [{ AttributeName: 'tenantId', KeyType: 'HASH' }] },
      'must have HASH tenantId, RANGE id',
    ],
    ['a key of the right type', { AttributeDefinitions: [{ AttributeName: 'tenantId', AttributeType: 'N' }] }, 'must be S'],
  ])('refuses a table without %s, with the remedy', async (_, missing, says) => {
    await opening(proxy.endpoint)
    describeAs(({ name }) => (name.endsWith('-members') ? missing : {}))

    await expect(opening(away())).rejects.toMatchObject({ code: 'table_refused', message: expect.stringMatching(`-members .*${says}`) })
  })

  test('refuses tables without point-in-time recovery, and without TTL where rows expire', async () => {
    await opening(proxy.endpoint)
    describeAs()
    recoverable('DISABLED')
    await expect(opening(away())).rejects.toThrow('no point-in-time recovery')
    recoverable('ENABLED')
    proxy.say('DescribeTimeToLive', () => ({ body: { TimeToLiveDescription: { TimeToLiveStatus: 'DISABLED' } } }))
    await expect(opening(away())).rejects.toThrow('TTL on ttl is off')
  })

  test.each([
    ['UnrecognizedClientException', 'database_credentials', 'not accepted'],
    ['InvalidSignatureException', 'database_credentials', 'not accepted'],
    ['ExpiredTokenException', 'database_credentials', 'its end'],
    ['AccessDeniedException', 'database_credentials', 'may not use DynamoDB'],
  ])('says what %s means', async (name, code, says) => {
    proxy.say('DescribeTable', () => ({ status: 400, body: { __type: `com.amazon.coral.service#${name}`, message: 'no' } }))
    await expect(opening(away())).rejects.toMatchObject({ kind: 'unavailable', code, message: expect.stringContaining(says) })
  })

  test('says that nobody answers, and where', async () => {
    await expect(opening('http://127.0.0.1:9')).rejects.toMatchObject({
      code: 'database_unreachable',
      message: expect.stringContaining('http://127.0.0.1:9'),
    })
  })

  test('says that there are no credentials', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined)
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    vi.stubEnv('HOME', '/nonexistent')
    await expect(opening(away())).rejects.toMatchObject({ code: 'database_credentials', message: expect.stringContaining('AWS_PROFILE') })
  })

  test('answers an outage as such, never as if nothing were there, and goes on when it is over', async () => {
    const storage = dynamodb(at(proxy.endpoint))
    await storage.open()
    await storage.setSigner(newSigner())
    const tenant = storage.tenant(newId())
    await tenant.commit([insert(Note, aNote('n'))], meta)
    const calls = ['GetItem', 'BatchGetItem', 'Query', 'UpdateItem', 'TransactWriteItems']
    for (const call of calls) proxy.say(call, () => ({ status: 500, body: { __type: 'InternalServerError', message: 'outage' } }))

    const asked = [
      () => tenant.get(Note, 'n'),
      () => tenant.find(Member, 'email', ['x']),
      () => tenant.list(Note, {}),
      () => tenant.count(Note, {}),
      () => tenant.log(null, 0, 1),
      () => tenant.head(),
      () => tenant.next('member'),
      () => storage.platform().lookup(Member, 'login', ['x']),
      () => tenant.commit([insert(Note, aNote('m'))], meta),
    ]
    const outcomes = await Promise.allSettled(asked.map((ask) => ask()))
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { kind: 'unavailable', code: 'storage_failed', retryAfterSeconds: 2 } })

    for (const call of calls) proxy.say(call, () => null)
    expect(await tenant.get(Note, 'n')).toMatchObject({ id: 'n' })
    expect((await tenant.commit([insert(Note, aNote('m'))], meta)).sequence).toBe(2)
    await storage.close()
  })

  test('repeats what was throttled', async () => {
    const storage = dynamodb(at(proxy.endpoint))
    await storage.open()
    await storage.setSigner(newSigner())
    let refusals = 0
    proxy.say('TransactWriteItems', () => {
      refusals += 1
      return refusals > 3 ? null : { status: 400, body: { __type: 'ThrottlingException', message: 'slow down' } }
    })

    await storage.tenant(newId()).commit([insert(Note, aNote('n'))], meta)

    expect(refusals).toBe(4)
    await storage.close()
  })
})
