import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Tenant } from '../../tenant/entity.ts'
import { actionsOf } from '../../testing/log.ts'
import { found, hire, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { aCompany, aSecret, createdBy, lastEntry, peopled, said } from './testing/tenants.ts'

let server: TestServer
let staff: Person

beforeAll(async () => {
  server = await startTestServer()
  staff = await hire(server)
})
afterAll(() => server.close())

type Stored = Record<string, unknown>
const old = (more: Stored = {}): Stored => ({
  ...aCompany(),
  validFrom: '2024-01-01T00:00:00.000Z',
  validTo: '2024-06-30T00:00:00.000Z',
  createdAt: '2023-12-24T18:00:00.000Z',
  updatedAt: '2024-02-01T00:00:00.000Z',
  isActive: true,
  ...more,
})
const keyFor = ({ accountId, companyId }: Stored) => `fsm_tenant_${accountId}_${companyId}`
const entryOf = (value: Stored, key = keyFor(value)) => ({ key, value: JSON.stringify(value) as unknown })
const bring = (entries: unknown, more: object = {}) =>
  server.send('POST', '/fsm/import', { token: staff.token, body: { entries, ...more } })
const outcomes = async (entries: unknown, more: object = {}) =>
  (await bring(entries, more)).body.results?.map(({ outcome, code }) => [outcome, code])

describe('an import is refused', () => {
  test('to all but platform_admin', async () => {
    const owner = await found(server)
    for (const by of [owner, await hire(server, 'platform_operator')])
      expect(said(await server.send('POST', '/fsm/import', { token: by.token, body: { entries: [] } }))).toEqual([403, 'Forbidden'])
  })

  test.each<[string, unknown]>([
    ['without entries', undefined],
    ['of no list', { key: 'a', value: 'b' }],
    ['of more than a thousand', Array.from({ length: 1001 }, () => ({ key: 'a', value: 'b' }))],
    ['with an entry without a key', [entryOf(old()), { value: '{}' }]],
    ['with a key that is no text', [entryOf(old()), { key: 7, value: '{}' }]],
    ['with an entry that is no object', [entryOf(old()), 'x']],
    ['with an entry that is null', [entryOf(old()), null]],
  ])('%s, whole', async (_what, entries) => {
    expect(await actionsOf(server, async () => expect((await bring(entries)).status).toBe(400))).toEqual([])
  })

  test('with fields that it does not know', async () => {
    expect((await bring([], { force: true })).status).toBe(400)
    expect((await bring([], { dryRun: 'yes' })).status).toBe(400)
  })
})

test('a thousand entries are taken', async () => {
  const { status, body } = await bring(Array.from({ length: 1000 }, (_, at) => ({ key: `other_${at}`, value: 'x' })))
  expect([status, body.totals]).toEqual([200, { created: 0, skipped: 0, conflict: 0, invalid: 0, ignored: 1000 }])
})

describe('an entry', () => {
  test('makes a tenant that is as it was, expired and inactive too, with its secret sealed', async () => {
    const value = old({ isActive: false, contactPhone: '5', validTo: '2024-06-30T02:00:00+02:00' })
    const { body } = await bring([entryOf(value)])
    const tenantId = `${value.accountId}_${value.companyId}`
    expect(body).toEqual({
      dryRun: false,
      results: [{ key: keyFor(value), outcome: 'created', tenantId }],
      totals: { created: 1, skipped: 0, conflict: 0, invalid: 0, ignored: 0 },
    })
    const { clientSecret: _, updatedAt: __, ...kept } = value
    const shown = await server.send('GET', `/fsm/tenant/${tenantId}`, { token: staff.token })
    expect(shown.body.tenant).toEqual({
      ...kept,
      tenantId,
      validTo: '2024-06-30T00:00:00.000Z',
      updatedAt: expect.any(String),
      version: 1,
      secretVersion: 1,
    })
    expect(Date.parse(String(shown.body.tenant?.updatedAt))).toBeGreaterThan(Date.parse('2026-01-01T00:00:00Z'))
    const { body: native } = await server.send('GET', `/v1/tenants/${tenantId}`, { token: staff.token })
    const id = String(native.id)
    const row = await server.holdfast.runtime.storage.tenant(id).get(Tenant, id)
    expect(row?.clientSecret).toMatch(/^hfs1\./)
    const place = { tenant: id, entity: 'tenant', id, field: 'clientSecret' }
    expect(server.holdfast.runtime.services.sealer.open(String(row?.clientSecret), place)).toBe(aSecret)
  })

  test('may be an object instead of a text, and may lack cluster and phone', async () => {
    const { cluster: _, ...value } = old()
    expect((await bring([{ key: keyFor(value), value }])).body.results?.[0]?.outcome).toBe('created')
  })

  test.each<[string, unknown]>([
    ['no JSON', '{"accountId"'],
    ['a list', '[]'],
    ['a text', '"x"'],
    ['null', 'null'],
    ['a number', 7],
    ['nothing', undefined],
    ['a list that is no text', []],
    ['null that is no text', null],
    ['true', true],
  ])('whose value is %s is BAD_JSON', async (_what, value) => {
    expect(await outcomes([{ key: 'fsm_tenant_a_b', value }])).toEqual([['invalid', 'BAD_JSON']])
  })

  test('under another key is KEY_MISMATCH', async () => {
    const value = old()
    for (const key of [`${keyFor(value)}x`, 'fsm_tenant_', `fsm_tenant_${value.companyId}_${value.accountId}`])
      expect(await outcomes([entryOf(value, key)])).toEqual([['invalid', 'KEY_MISMATCH']])
  })

  test('with an id "unknown" is UNKNOWN_CONTEXT', async () => {
    for (const ids of [{ accountId: 'unknown', companyId: 'unknown' }, { companyId: 'Unknown' }, { accountId: 'UNKNOWN' }])
      expect(await outcomes([entryOf(old(ids))])).toEqual([['invalid', 'UNKNOWN_CONTEXT']])
  })

  test('that lacks fields is MISSING_FIELDS, and lists them', async () => {
    for (const value of [null, '', '  ', undefined]) {
      const { body } = await bring([entryOf(old({ clientSecret: value, contactFullName: value, validTo: value }))])
      expect(body.results?.[0]).toMatchObject({
        outcome: 'invalid',
        code: 'MISSING_FIELDS',
        message: 'Missing: contactFullName, clientSecret, validTo',
      })
    }
    expect(await outcomes([entryOf(old({ accountId: undefined }), 'fsm_tenant_undefined_x')])).toEqual([['invalid', 'MISSING_FIELDS']])
  })

  test.each<[Stored]>([
    [{ accountName: 7 }],
    [{ accountName: 'x'.repeat(257) }],
    [{ accountId: 'a b' }],
    [{ companyId: 'x'.repeat(65) }],
    [{ contactEmailAddress: 'nobody' }],
    [{ clientSecret: 'x'.repeat(1025) }],
    [{ clientSecret: { a: aSecret } }],
    [{ clientId: 'a\u0000b' }],
    [{ clientId: 'a\ud800b' }],
    [{ cluster: 'EU' }],
    [{ contactPhone: 7 }],
    [{ isActive: 'true' }],
    [{ validFrom: 'yesterday' }],
    [{ validTo: 1_700_000_000_000 }],
    [{ createdAt: '2024-01-01' }],
    [{ updatedAt: 'x' }],
    [{ validTo: '2023-01-01T00:00:00Z' }],
  ])('with %j is BAD_VALUE', async (more) => {
    const { body, text } = await bring([entryOf(old(more))])
    expect(body.results?.[0]).toMatchObject({ outcome: 'invalid', code: 'BAD_VALUE' })
    const [field] = Object.keys(more)
    expect(body.results?.[0]?.message).toContain(field)
    expect(text).not.toContain(aSecret)
  })

  test.each(['theme', 'fsm_tenant', 'FSM_TENANT_a_b', 'fsm_appointment_1', '', ' fsm_tenant_a_b'])(
    'under the key %j is ignored',
    async (key) => {
      expect(await outcomes([{ key, value: 'x' }, { key }])).toEqual([
        ['ignored', undefined],
        ['ignored', undefined],
      ])
    },
  )
})

describe('a tenant that is there', () => {
  test('is skipped when all is the same, the secret included, whenever it was last written', async () => {
    const value = old()
    await bring([entryOf(value)])
    expect(
      await actionsOf(server, async () => {
        const again = {
          ...value,
          updatedAt: '2025-05-05T00:00:00Z',
          accountName: ` ${value.accountName} `,
          validTo: '2024-06-30T01:00:00+01:00',
        }
        expect(await outcomes([entryOf(value), entryOf(again)])).toEqual([
          ['skipped', undefined],
          ['skipped', undefined],
        ])
      }),
    ).toEqual([])
  })

  test.each<[Stored, string]>([
    [{ clientSecret: 'another secret' }, 'clientSecret'],
    [{ isActive: false }, 'isActive'],
    [{ validTo: '2024-06-30T00:00:00.001Z' }, 'validTo'],
    [{ validFrom: '2024-01-01T00:00:00.001Z' }, 'validFrom'],
    [{ createdAt: '2023-12-24T18:00:00.001Z' }, 'createdAt'],
    [{ contactPhone: '1' }, 'contactPhone'],
    [{ cluster: 'us', clientId: 'another' }, 'clientId, cluster'],
  ])('otherwise is a conflict that names what differs, and stays as it is: %j', async (more, names) => {
    const value = old()
    await bring([entryOf(value)])
    expect(
      await actionsOf(server, async () => {
        const { body, text } = await bring([entryOf({ ...value, ...more })])
        const [result] = body.results
        expect(result).toMatchObject({ outcome: 'conflict', code: 'DIFFERENT', tenantId: `${value.accountId}_${value.companyId}` })
        for (const name of names.split(', ')) expect(result?.message).toContain(name)
        expect(text).not.toMatch(/another secret|hush/)
      }),
    ).toEqual([])
  })

  test('under the same key by other ids, or made otherwise, is a conflict', async () => {
    const made = await createdBy(server, staff, { companyId: 'x_y' })
    const [accountId, companyId] = [`${made.accountId}_x`, 'y']
    expect(await outcomes([entryOf(old({ accountId, companyId }))])).toEqual([['conflict', 'DIFFERENT']])
    const owner = await found(server, 'other_wise')
    expect(await outcomes([entryOf(old({ accountId: 'other', companyId: 'wise' }))])).toEqual([['conflict', 'DIFFERENT']])
    expect(owner.key).toBe('other_wise')
  })
})

test('entries stand alone; a dry run says the same and writes nothing; a second run skips', async () => {
  const [one, two] = [old(), old()]
  const entries = [
    entryOf(one),
    { key: 'theme', value: 'dark' },
    { key: 'fsm_tenant_x_y', value: '{' },
    entryOf(one),
    entryOf({ ...one, isActive: false }),
    entryOf(two),
  ]
  const expected = ['created', 'ignored', 'invalid', 'skipped', 'conflict', 'created']
  const reports: Awaited<ReturnType<typeof bring>>[] = []
  expect(await actionsOf(server, async () => reports.push(await bring(entries, { dryRun: true })))).toEqual([])
  expect(
    await actionsOf(server, async () => {
      const wet = await bring(entries)
      expect(wet.body.results?.map(({ outcome }) => outcome)).toEqual(expected)
      expect(wet.body.totals).toEqual({ created: 2, skipped: 1, conflict: 1, invalid: 1, ignored: 1 })
      expect({ ...wet.body, dryRun: true }).toEqual(reports[0]?.body)
      expect(wet.body.results?.map(({ key }) => key)).toEqual(entries.map(({ key }) => key))
    }),
  ).toEqual(['tenant.import', 'tenant.import'])
  expect((await outcomes(entries))?.map(([outcome]) => outcome)).toEqual([
    'skipped',
    'ignored',
    'invalid',
    'skipped',
    'conflict',
    'skipped',
  ])
})

test('two imports at once make each tenant once', async () => {
  const values = Array.from({ length: 10 }, () => old())
  const answers = await Promise.all([0, 1, 2].map(() => bring(values.map((value) => entryOf(value)))))
  const totals = answers.map(({ body }) => body.totals)
  expect(totals.reduce((sum, { created }) => sum + Number(created), 0)).toBe(10)
  expect(totals.reduce((sum, { skipped }) => sum + Number(skipped), 0)).toBe(20)
})

test('each import is in its tenant’s log, with who and what, and without the secret', async () => {
  const value = old({ validTo: '2099-01-01T00:00:00.000Z' })
  await bring([entryOf(value)])
  const company = { tenantId: `${value.accountId}_${value.companyId}` }
  const owner = await peopled(server, staff, company, 'owner')
  const entry = await lastEntry(server, owner, 'tenant.import')
  expect(entry).toMatchObject({
    actor: { kind: 'platform', id: staff.id },
    detail: { before: null, after: { validTo: value.validTo, createdAt: value.createdAt } },
  })
  expect(JSON.stringify(entry)).not.toMatch(/hush|hfs1/)
})
