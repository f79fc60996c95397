import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { anonymous, type Principal } from '../kernel/context.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { batchSize } from './flow.ts'
import { run, storedPassword, storeOf, userNamed, usersIn } from './testing/run.ts'
import { importUsers } from './users.ts'

const hex = '5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8'
const pbkdf2 = `pbkdf2_sha256$1000$salt$${Buffer.alloc(32, 1).toString('base64')}`

let server: TestServer
let folder: string
let files = 0

beforeAll(async () => {
  server = await startTestServer()
  folder = mkdtempSync(join(tmpdir(), 'holdfast-import-'))
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

function fileOf(text: string, ending = '.csv'): string {
  files += 1
  const file = join(folder, `${files}${ending}`)
  writeFileSync(file, text)
  return file
}

const importText = (text: string, options: object = {}) => run(server, importUsers, { text, format: 'csv', ...options })
const headOf = async () => (await (await storeOf(server)).head())?.sequence
const some = (role: Principal['role'], kind: Principal['kind'] = 'user'): Principal => ({ ...anonymous, kind, role, name: 'someone' })

test('lets nobody but the operator name a file on the disk of the server', async () => {
  const file = fileOf('username\na\n')
  const { tenantId } = await storeOf(server)
  await expect(run(server, importUsers, { file }, { ...some('admin'), tenantId })).rejects.toMatchObject({ code: 'forbidden' })
  await expect(run(server, importUsers, { text: 'username\na', format: 'csv' }, { ...some('manager'), tenantId })).rejects.toMatchObject({
    code: 'forbidden',
  })
})

test.each<[RegExp, () => object]>([
  [/one of the two/, () => ({})],
  [/one of the two/, () => ({ file: fileOf(''), text: '' })],
  [/absolute/, () => ({ file: 'users.csv' })],
  [/cannot be read/, () => ({ file: join(folder, 'absent.csv') })],
  [/not a file/, () => ({ file: folder })],
  [/end in \.csv or \.ndjson/, () => ({ file: fileOf('', '.xlsx') })],
  [/csv or ndjson/, () => ({ text: 'username' })],
])('refuses a source: %s', async (message, input) => {
  await expect(run(server, importUsers, input())).rejects.toMatchObject({ code: 'import_source', message: expect.stringMatching(message) })
})

test('refuses bad rows by row, field and reason, and imports all others', async () => {
  const before = await usersIn(server)
  const file = fileOf(
    [
      '\ufeffUsername,E-Mail,full_name,role,password_hash,is_active,created_at,shoe',
      'ann,ann@x.org,"Ann, ""A"" Archer",manager,,true,2020-01-02,41',
      'bob,bob@x.org,Bob,king,,true,,',
      'cleo,nowhere,Cleo,,,true,,',
      `dora,dora@x.org,Dora,,${hex.slice(1)},true,,`,
      `Emil,,,,${hex},no,2020-01-02T03:04:05+02:00,`,
      'short,row',
      `fay,ann@X.org,Fay,,,,,`,
      'ANN,,,,,,,',
      `gus,,,auditor,${pbkdf2},,,`,
      'owner,,,,,,,',
    ].join('\r\n'),
  )
  expect(await run(server, importUsers, { file })).toEqual({
    dryRun: false,
    rows: 10,
    created: 3,
    existing: 1,
    conflict: 2,
    invalid: 4,
    refused: [
      { row: 2, line: 3, field: 'role', message: expect.stringContaining('must be one of') },
      { row: 3, line: 4, field: 'email', message: expect.stringContaining('must look like') },
      { row: 4, line: 5, field: 'passwordHash', message: expect.stringContaining('form') },
      { row: 6, line: 7, field: 'row', message: 'has 2 fields where the first line names 8' },
      { row: 7, line: 8, field: 'email', message: 'is also that of row 1' },
      { row: 8, line: 9, field: 'username', message: 'is also that of row 1' },
    ],
    ignored: ['shoe'],
    outcomeFile: null,
  })
  expect(await usersIn(server)).toBe(before + 3)
  expect(await userNamed(server, 'ann')).toMatchObject({
    username: 'ann',
    email: 'ann@x.org',
    fullName: 'Ann, "A" Archer',
    role: 'manager',
    isActive: true,
    createdAt: '2020-01-02T00:00:00.000Z',
  })
  expect(await userNamed(server, 'emil')).toMatchObject({ username: 'Emil', isActive: false, createdAt: '2020-01-02T01:04:05.000Z' })
  expect([await storedPassword(server, 'ann'), await storedPassword(server, 'emil'), await storedPassword(server, 'gus')]).toEqual([
    null,
    hex,
    pbkdf2,
  ])
})

test('changes nothing when the same file comes again, and nobody who was there before', async () => {
  const text = `username,email,full_name,role,password_hash\nhal,hal@x.org,Hal,manager,${hex}\nida,ida@x.org,Ida,,${pbkdf2}\nowner,o@x.org,Other,member,${hex}\n`
  const owner = await userNamed(server, 'owner')
  expect(await importText(text)).toMatchObject({ created: 2, existing: 1, refused: [] })
  const head = await headOf()
  expect(await importText(text)).toMatchObject({ rows: 3, created: 0, existing: 3, refused: [] })
  expect(await importText(text.replace('Hal,manager', 'New Name,admin'))).toMatchObject({ created: 0, existing: 3 })
  expect(await headOf()).toBe(head)
  expect(await userNamed(server, 'owner')).toEqual(owner)
  expect(await storedPassword(server, 'owner')).toMatch(/^\$argon2id/)
  expect(await userNamed(server, 'hal')).toMatchObject({ fullName: 'Hal', role: 'manager' })
})

test('tells in a dry run what would become of every row, and writes nothing', async () => {
  const text = `username,email,manager,number,password_hash\njan,jan@x.org,kim,,${hex}\nkim,kim@x.org,,4001,\nlea,jan@X.org,,,\nann,,,,\nmax,,nobody,,\nned,ann@x.org,,,\n`
  const head = await headOf()
  const dry = await importText(text, { dryRun: true })
  expect(await headOf()).toBe(head)
  const real = await importText(text)
  expect({ ...dry, dryRun: false }).toEqual(real)
  expect(real).toMatchObject({ rows: 6, created: 2, existing: 1, conflict: 2, invalid: 1 })
})

test('refuses what another user of the tenant holds', async () => {
  await importText('username,email,number\nold1,taken@x.org,5001\n')
  expect(await importText('username,email,number\nnew1,Taken@x.org,\nnew2,,5001\nnew3,new3@x.org,5002\n')).toMatchObject({
    created: 1,
    conflict: 2,
    refused: [
      { row: 1, field: 'email', message: 'is that of another user of this tenant' },
      { row: 2, field: 'number', message: 'is that of another user of this tenant' },
    ],
  })
})

test('keeps numbers, and gives none of them to a row that has none', async () => {
  const store = await storeOf(server)
  const next = (await store.next('user')) + 1
  const crowd = Array.from({ length: 2 * batchSize }, (_, at) => `num${at},`)
  const text = ['username,number', ...crowd, `low,${next + 1}`, `high,${next + 400}`, 'last,'].join('\n')
  expect(await importText(text)).toMatchObject({ created: crowd.length + 3, refused: [] })
  const numberOf = async (name: string) => (await userNamed(server, name)).number
  expect([await numberOf('low'), await numberOf('high')]).toEqual([next + 1, next + 400])
  expect(await numberOf('num0')).toBeGreaterThan(next + 400)
  expect(await numberOf('last')).toBe((await numberOf('num0')) + crowd.length)
  expect(await store.next('user')).toBeGreaterThan(await numberOf('last'))
})

test('writes the outcome of every row, and no secret, to a file for its owner alone', async () => {
  const file = fileOf('username,password,role\nout1,very secret words,\nout2,,king\nann,,\nout3,x,\nOUT3,y,\n')
  const victim = fileOf('precious')
  for (const name of [`${file}.outcomes.ndjson`, `${file}.outcomes.ndjson.tmp`]) symlinkSync(victim, name)
  const report = await run(server, importUsers, { file, outcomes: true })
  expect(report).toMatchObject({ rows: 5, created: 2, existing: 1, conflict: 1, invalid: 1, outcomeFile: `${file}.outcomes.ndjson` })
  const text = readFileSync(`${file}.outcomes.ndjson`, 'utf8')
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const outcomes = lines.toSorted((a, b) => a.row - b.row).map(({ row, line, outcome }) => [row, line, outcome])
  expect(outcomes).toEqual([
    [1, 2, 'created'],
    [2, 3, 'invalid'],
    [3, 4, 'existing'],
    [4, 5, 'created'],
    [5, 6, 'conflict'],
  ])
  expect(lines.find(({ row }) => row === 1).id).toBe((await userNamed(server, 'out1')).id)
  expect(text).not.toContain('secret')
  expect(statSync(`${file}.outcomes.ndjson`).mode & 0o777).toBe(0o600)
  expect(readFileSync(victim, 'utf8')).toBe('precious')
})

test('lets an administrator import up to their own role', async () => {
  const { tenantId } = await storeOf(server)
  const text = 'username,role\nadm1,owner\nadm2,admin\nadm3,member\n'
  expect(await run(server, importUsers, { text, format: 'csv' }, { ...some('admin'), tenantId })).toMatchObject({
    created: 2,
    refused: [{ row: 1, field: 'role', message: 'is above your own' }],
  })
})

test('counts imported owners, so that the last active one cannot go', async () => {
  await importText('username,role,is_active,password\nowner2,owner,true,correct horse battery\nowner3,owner,false,\n')
  const token = await server.signIn('owner2', 'correct horse battery')
  const remove = async (name: string) => (await server.send('DELETE', `/v1/users/${(await userNamed(server, name)).id}`, { token })).status
  expect(await remove('owner')).toBe(204)
  expect(await remove('owner2')).toBe(409)
})

test('leaves entries of its own in the audit log, without a secret', async () => {
  const store = await storeOf(server)
  const head = (await store.head())?.sequence ?? 0
  await importText(`username,password_hash\naud1,${pbkdf2}\n`)
  const [logged] = await store.log(null, head, 10)
  expect(logged?.entry).toMatchObject({ action: 'user.import', actor: { kind: 'system' }, detail: { users: 1 } })
  expect(logged?.text).not.toContain('pbkdf2')
})

test('tells how far it is, and at last that all is done', async () => {
  const told: [number, number][] = []
  const rows = Array.from({ length: 350 }, (_, at) => `far${at},"Far\nAway"`)
  await importText(`username,full_name\n${rows.join('\n')}\n`, { onProgress: (done: number, total: number) => told.push([done, total]) })
  expect(told.at(-1)).toEqual([350, 350])
  expect(told.length).toBeGreaterThan(2)
  expect(told.every(([done, total]) => done <= total)).toBe(true)
})
