import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { User } from '../user/entity.ts'
import { run, storeOf, userNamed } from './testing/run.ts'
import { importUsers } from './users.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const importText = (text: string, options: object = {}) => run(server, importUsers, { text, format: 'csv', ...options })

/** The username of a user's manager. */
async function managerOf(username: string): Promise<string | null> {
  const { managerId } = await userNamed(server, username)
  return managerId === null ? null : ((await (await storeOf(server)).get(User, managerId))?.username ?? 'nobody')
}

test('refuses a manager who is nowhere, who was refused, oneself, and a circle', async () => {
  const text = [
    'username,manager,manager_id,role',
    'a1,ghost,,',
    'a2,,01890a5d-ac96-774b-bcce-b302099a8057,',
    'a3,bad,,',
    'bad,,,king',
    'a4,A4,,',
    'a5,a6,,',
    'a6,a7,,',
    'a7,a5,,',
    'a8,a5,,',
    'a9,owner,,',
  ].join('\n')
  const report = await importText(text)
  expect(report).toMatchObject({ rows: 10, created: 1, invalid: 9, conflict: 0 })
  expect(report.refused.map(({ row, field, message }) => [row, field, message])).toEqual([
    [1, 'manager', 'is no user of this tenant or of this file'],
    [2, 'managerId', 'is no user of this tenant or of this file'],
    [3, 'manager', 'is no user of this tenant or of this file'],
    [4, 'role', expect.anything()],
    [5, 'manager', 'is the row itself'],
    [6, 'manager', 'is the user of row 7, who was not imported: refused, or one of a circle of managers'],
    [7, 'manager', 'is the user of row 8, who was not imported: refused, or one of a circle of managers'],
    [8, 'manager', 'is the user of row 6, who was not imported: refused, or one of a circle of managers'],
    [9, 'manager', 'is the user of row 6, who was not imported: refused, or one of a circle of managers'],
  ])
  expect(await importText(text, { dryRun: true })).toMatchObject({ created: 0, existing: 1, refused: report.refused })
})

test('finds managers above, below, in the tenant, by name in any case and by id', async () => {
  const { id } = await userNamed(server, 'owner')
  await importText(['username,manager,managerId', `b1,,${id}`, 'b2,B1,', 'b3,b5,', 'b4,b3,', 'b5,OWNER,', `b6,ghost,${id}`].join('\n'))
  const above = await Promise.all(['b1', 'b2', 'b3', 'b4', 'b5', 'b6'].map(managerOf))
  expect(above).toEqual(['owner', 'b1', 'b5', 'b3', 'owner', 'owner'])
})

test('takes a manager who left: the people below are no less there', async () => {
  expect(await importText('username,manager,is_active\nc1,,no\nc2,c1,\n')).toMatchObject({ created: 2, refused: [] })
  expect(await managerOf('c2')).toBe('c1')
})

test('builds a tree that stands upside down in the file, over many batches', async () => {
  const crowd = Array.from({ length: 700 }, (_, at) => `d${at},chief`)
  const chain = Array.from({ length: 60 }, (_, at) => `e${at},e${at + 1}`)
  const text = ['username,manager', ...crowd, ...chain, 'e60,chief', 'chief,'].join('\n')
  const dry = await importText(text, { dryRun: true })
  const report = await importText(text)
  expect(report).toMatchObject({ rows: 762, created: 762, refused: [] })
  expect(dry).toEqual({ ...report, dryRun: true })
  const { id } = await userNamed(server, 'chief')
  expect(await (await storeOf(server)).count(User, { index: 'byManager', where: { managerId: id } })).toBe(701)
  expect(await managerOf('e0')).toBe('e1')
})

test('refuses all below a row that was refused, and takes them when it is mended', async () => {
  expect(await importText('username,manager,email\nf1,,broken\nf2,f1,\nf3,f2,\n')).toMatchObject({ created: 0, invalid: 3 })
  expect(await importText('username,manager,email\nf1,,f1@x.org\nf2,f1,\nf3,f2,\n')).toMatchObject({ created: 3, invalid: 0 })
})
