import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { entities } from '../entities.ts'
import { type DynamoServer, hasDynamo, startDynamo } from '../testing/dynamodb-server.ts'
import { freshFolder, holdfast, send, signIn, startServer } from './testing/process.ts'

let dynamo: DynamoServer
const place = freshFolder()

describe.runIf(hasDynamo())('on DynamoDB', () => {
  beforeAll(async () => {
    dynamo = await startDynamo()
  })
  afterAll(async () => {
    place.remove()
    await dynamo.stop()
  })

  const on = (prefix: string) => ({ HOLDFAST_STORAGE: `dynamodb://eu-central-1?prefix=${prefix}&endpoint=${dynamo.endpoint}` })

  test('dynamodb setup refuses a storage that is none', async () => {
    const { code, err } = await holdfast(place.data, ['dynamodb', 'setup'])
    expect(code).toBe(2)
    expect(err).toContain('Set it to dynamodb://region?prefix=name')
  })

  test('dynamodb setup says that nobody answers', async () => {
    const environment = { HOLDFAST_STORAGE: 'dynamodb://eu-central-1?endpoint=http://127.0.0.1:9' }
    const { code, json } = await holdfast(place.data, ['dynamodb', 'setup', '--json'], { environment })
    expect(code).not.toBe(0)
    expect(json).toMatchObject({ error: 'database_unreachable' })
  })

  test('dynamodb setup creates every table, named as the settings say, once, and makes no data folder', async () => {
    const environment = { ...on('setup'), USERS_TABLE_NAME: 'our-people' }
    const first = await holdfast(place.data, ['dynamodb', 'setup', '--json'], { environment })
    const again = await holdfast(place.data, ['dynamodb', 'setup'], { environment })

    expect(first.code).toBe(0)
    expect(first.json).toMatchObject({ region: 'eu-central-1', endpoint: dynamo.endpoint })
    const tables = first.json.tables as unknown as { table: string; outcome: string }[]
    expect(tables).toHaveLength(entities.length + 2)
    expect(tables).toContainEqual({ table: 'our-people', outcome: 'created' })
    expect(tables).toContainEqual({ table: 'setup-audit-log', outcome: 'created' })
    expect(again.out).toMatch(/our-people +there/)
    expect(again.out).not.toContain('created')
    expect(existsSync(place.data)).toBe(false)
  })

  test('a server that is killed has lost nobody whom it acknowledged, and its log is whole', async () => {
    const environment = on('killed')
    const server = await startServer(place.data, environment)
    const token = await signIn(server.url)
    const password = 'a passphrase that is long'
    for (const username of ['ada', 'bob', 'cleo'])
      expect((await send(server.url, '/v1/users', { username, password }, token)).status).toBe(201)
    server.kill('SIGKILL')
    await server.ended

    const next = await startServer(place.data, environment)
    for (const username of ['ada', 'bob', 'cleo']) expect(await signIn(next.url, username, password)).toMatch(/^ey/)
    const verified = await holdfast(place.data, ['audit', 'verify', '--json'], { environment })
    await next.stop()

    expect(verified.code).toBe(0)
    expect((await holdfast(place.data, ['users', 'show', 'bob', '--json'], { environment })).json).toMatchObject({ username: 'bob' })
  })
})
