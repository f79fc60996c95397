import { expect, test } from 'vitest'
import { entities } from '../../entities.ts'
import { tableDefinitions } from './tables.ts'

const names = { prefix: 'holdfast-prod', tables: { users: 'people', 'audit-log': 'history' } }
const tables = tableDefinitions(entities, names)
const of = (key: string) => tables.find((table) => table.key === key)

test('derives a table for each entity, and two more, named by prefix and plural unless told otherwise', () => {
  expect(tables).toHaveLength(entities.length + 2)
  expect(of('users')?.name).toBe('people')
  expect(of('audit-log')?.name).toBe('history')
  expect(of('refresh-tokens')?.name).toBe('holdfast-prod-refresh-tokens')
  expect(of('keys')?.name).toBe('holdfast-prod-keys')
  expect(tableDefinitions(entities.toReversed(), names)).toEqual(tables)
})

test('gives tenants the key and the index that the contract names', () => {
  expect(of('tenants')).toMatchObject({
    hash: { attribute: 'tenantId', type: 'S' },
    range: null,
    indexes: [{ name: 'GSI1', hash: { attribute: 'gsi1pk', type: 'S' }, range: { attribute: 'gsi1sk', type: 'S' } }],
  })
  expect(of('users')).toMatchObject({ hash: { attribute: 'tenantId' }, range: { attribute: 'id' }, indexes: [] })
})

test('lets rows expire where the entity says when, and nowhere else', () => {
  const expiring = tables.filter((table) => table.ttl).map((table) => table.key)
  for (const key of ['sessions', 'refresh-tokens', 'throttles', 'keys', 'idempotency-keys', 'password-resets'])
    expect(expiring).toContain(key)
  for (const key of ['users', 'tenants', 'audit-log', 'api-keys', 'contacts']) expect(expiring).not.toContain(key)
})

test('never needs a scan, a removal from tenants or log, or more than a look at a table', () => {
  for (const { key, actions } of tables) {
    expect(actions.filter((action) => /Scan|\*|(Create|Delete|Update)Table|UpdateContinuous|UpdateTimeToLive/.test(action))).toEqual([])
    if (key === 'tenants' || key === 'audit-log') expect(actions).not.toContain('dynamodb:DeleteItem')
  }
})
