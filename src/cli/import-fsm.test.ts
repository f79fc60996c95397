import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshFolder, holdfast, type Server, startServer } from './testing/process.ts'

const { folder, data, remove } = freshFolder()
let server: Server
beforeAll(async () => {
  server = await startServer(data)
})
afterAll(async () => {
  await server.stop()
  remove()
})

const secret = 'hush-hush-Geheimnis-42'
const tenant = (companyId: string, more: object = {}) => ({
  accountId: 'A-1',
  companyId,
  accountName: 'Example Field Service',
  companyName: 'Example Ltd',
  cluster: 'eu',
  contactCompanyName: 'Example Ltd',
  contactFullName: 'Ada Example',
  contactEmailAddress: 'ada@example.org',
  clientId: 'client-1',
  clientSecret: secret,
  validFrom: '2024-01-01T00:00:00.000Z',
  validTo: '2024-06-30T00:00:00.000Z',
  createdAt: '2023-12-24T18:00:00.000Z',
  updatedAt: '2024-02-01T00:00:00.000Z',
  isActive: true,
  ...more,
})
const keyOf = (companyId: string) => `fsm_tenant_A-1_${companyId}`
const storage = (companies: Record<string, object>) =>
  Object.fromEntries(Object.entries(companies).map(([id, value]) => [keyOf(id), JSON.stringify(value)]))

let count = 0
function fileOf(content: unknown): string {
  const path = join(folder, `storage${++count}.json`)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}
const importing = (file: string, ...more: string[]) => holdfast(data, ['import', 'fsm-localstorage', file, ...more])

test.each<[string, unknown]>([
  ['no JSON', `{"${secret}`],
  ['a text', '"x"'],
  ['a number', 7],
  ['null', null],
  ['a list of texts', ['x']],
  ['a list with an entry without a key', [{ key: 'a', value: '' }, { value: '' }]],
  ['entries with a key that is no text', { entries: [{ key: 1 }] }],
])('%s is no import: exit code 2', async (_what, content) => {
  const { code, out, err } = await importing(fileOf(content), '--json')
  expect([code, JSON.parse(out).error]).toEqual([2, 'import_file'])
  expect(out + err).not.toContain(secret)
})

test('a file that is not there, and no file at all, are 2', async () => {
  expect((await importing(join(folder, 'none.json'))).code).toBe(2)
  expect((await importing(folder)).code).toBe(2)
  expect((await holdfast(data, ['import', 'fsm-localstorage'])).code).toBe(2)
})

test('a dry run, a run and another run; 1 for anything in conflict or invalid', async () => {
  const file = fileOf({ theme: 'dark', ...storage({ one: tenant('one'), two: tenant('two') }) })
  const totals = { created: 2, skipped: 0, conflict: 0, invalid: 0, ignored: 1 }
  const dry = await importing(file, '--dry-run', '--json')
  expect(dry).toMatchObject({ code: 0, json: { dryRun: true, totals } })
  const wet = await importing(file, '--json')
  expect(wet).toMatchObject({ code: 0, json: { ...dry.json, dryRun: false } })
  expect(wet.json.results?.map(({ key, outcome, tenantId }) => [key, outcome, tenantId])).toEqual([
    ['theme', 'ignored', undefined],
    [keyOf('one'), 'created', 'A-1_one'],
    [keyOf('two'), 'created', 'A-1_two'],
  ])
  expect(await importing(file, '--json')).toMatchObject({ code: 0, json: { totals: { created: 0, skipped: 2 } } })

  const other = fileOf(storage({ one: tenant('one', { clientSecret: 'another' }) }))
  const conflict = await importing(other, '--json')
  expect(conflict).toMatchObject({ code: 1, json: { results: [{ outcome: 'conflict', code: 'DIFFERENT' }] } })
  const invalid = await importing(fileOf([{ key: keyOf('x'), value: `{"${secret}` }]))
  expect([invalid.code, invalid.out]).toEqual([
    1,
    `invalid   ${keyOf('x')}  (BAD_JSON) The value is not a JSON object.\n0 created, 0 skipped, 0 conflict, 1 invalid, 0 ignored.\n`,
  ])
  for (const { out, err } of [dry, wet, conflict, invalid]) expect(out + err).not.toMatch(/hush|another"/)
})

test('lists are taken too; without --json there is a line a key and one of totals', async () => {
  const entries = [
    { key: keyOf('three'), value: tenant('three') },
    { key: keyOf('three'), value: JSON.stringify(tenant('three')) },
    { key: 'a\u001b[2Jb', value: '' },
  ]
  const expected = [
    `created   ${keyOf('three')}`,
    `skipped   ${keyOf('three')}`,
    'ignored   "a\\u001b[2Jb"',
    '1 created, 1 skipped, 0 conflict, 0 invalid, 1 ignored. A dry run: nothing was written.\n',
  ]
  for (const content of [entries, { entries }]) {
    const { code, out } = await importing(fileOf(content), '--dry-run')
    expect([code, out]).toEqual([0, expected.join('\n')])
  }
})

describe('a table of DynamoDB', () => {
  const typed = (value: unknown) => (typeof value === 'boolean' ? { BOOL: value } : { S: value })
  /** As a scan shows an item of the old table, whose attributes were all in the clear. */
  const item = (companyId: string, more: object = {}) => {
    const value = tenant(companyId, { companyId, ...more })
    const keys = { tenantId: `A-1_${companyId}`, gsi1pk: 'ACCOUNT#A-1', gsi1sk: `TENANT#A-1_${companyId}` }
    return Object.fromEntries(Object.entries({ ...keys, ...value }).map(([name, one]) => [name, typed(one)]))
  }
  const reading = (file: string, ...more: string[]) => holdfast(data, ['import', 'fsm-table', file, ...more])

  test.each<[string, unknown]>([
    ['no JSON', secret],
    ['a document that was cut off', `{"Items": [{"${secret}`],
    ['a text', '"x"'],
    ['one page of several', { Items: [item('page')], LastEvaluatedKey: { tenantId: { S: 'A-1_page' } } }],
  ])('%s is no import: exit code 2, and nothing is imported', async (_what, content) => {
    const { code, out, err } = await reading(fileOf(content), '--json')
    expect([code, JSON.parse(out).error]).toEqual([2, 'import_file'])
    expect(out + err).not.toContain(secret)
  })

  test('a scan, a list and an export to S3 are the same; broken lines, other keys and items of something else are told, and stop no other', async () => {
    const items = [item('t1'), item('t2', { contactPhone: '+49 1' })]
    const totals = { created: 2, skipped: 0, conflict: 0, invalid: 0, ignored: 0 }
    for (const content of [{ Items: items, Count: 2 }, items, items.map((Item) => JSON.stringify({ Item })).join('\n')])
      expect(await reading(fileOf(content), '--dry-run', '--json')).toMatchObject({ code: 0, json: { totals } })
    const bad = [{ ...item('t3'), tenantId: { S: 'A-1_other' } }, { pk: { S: 'x' } }]
    const lines = [...items, ...bad].map((Item) => JSON.stringify({ Item })).join('\n')
    const wet = await reading(fileOf(`${lines}\n{"Item":{"${secret}\n`), '--json')
    expect(wet.code).toBe(1)
    expect(wet.json.results?.map(({ key, outcome, code }) => [key, outcome, code])).toEqual([
      [keyOf('t1'), 'created', undefined],
      [keyOf('t2'), 'created', undefined],
      ['fsm_tenant_A-1_other', 'invalid', 'KEY_MISMATCH'],
      ['fsm_tenant_undefined_undefined', 'invalid', 'MISSING_FIELDS'],
      ['fsm_tenant_(item 5)', 'invalid', 'BAD_JSON'],
    ])
    expect(await reading(fileOf(items))).toMatchObject({ code: 0, out: expect.stringContaining('0 created, 2 skipped') })
    expect(wet.out + wet.err).not.toContain(secret)
    // and a browser that kept the same tenant has nothing to add
    expect(await importing(fileOf(storage({ t1: tenant('t1') })), '--json')).toMatchObject({ code: 0, json: { totals: { skipped: 1 } } })
  })
})

test('without a running server it is the same; more entries than HTTP takes, and more bytes than one request through the socket', async () => {
  const companies = Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`c${at}`, tenant(`c${at}`)]))
  const file = fileOf({ ...storage(companies), ...Object.fromEntries(['x', 'y', 'z'].map((key) => [key, 'v'.repeat(7_000_000)])) })
  const totals = { created: 1001, skipped: 0, conflict: 0, invalid: 0, ignored: 3 }
  expect(await importing(file, '--json')).toMatchObject({ code: 0, json: { totals } })
  const alone = await holdfast(join(folder, 'alone'), ['import', 'fsm-localstorage', file, '--json'])
  expect(alone).toMatchObject({ code: 0, json: { totals } })
  expect(alone.json.results?.map(({ key }) => key)).toEqual([...Object.keys(companies).map(keyOf), 'x', 'y', 'z'])
})
