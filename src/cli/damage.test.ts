import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { freshFolder, holdfast } from './testing/process.ts'

const { folder, remove } = freshFolder()
afterAll(remove)
let data = ''
let rounds = 0

beforeEach(async () => {
  data = join(folder, String(rounds++))
  await holdfast(data, ['users', 'create', '--username', 'ann'])
})

function plant(sql: string): void {
  const db = new Database(join(data, 'holdfast.db'))
  db.exec(sql)
  db.close()
}

const verify = () => holdfast(data, ['audit', 'verify', '--json'])

test.each([
  ['a changed entry', "UPDATE log SET entry = replace(entry, 'ann', 'eve') WHERE sequence = 2", 'changed'],
  ['a missing entry', "DELETE FROM log WHERE sequence = 1 AND stream <> 'platform'", 'missing'],
  ['a cut tail', 'DELETE FROM log WHERE sequence = 2', 'tail_missing'],
  ['a forged head', "UPDATE heads SET hash = replace(hash, 'a', 'b')", 'head_invalid'],
])('audit verify names %s and ends with 3', async (_what, sql, code) => {
  plant(sql)
  const { code: exit, json } = await verify()
  expect(exit).toBe(3)
  expect(json.ok).toBe(false)
  expect((json.problems as unknown as { code: string }[]).map((problem) => problem.code)).toContain(code)
})

test('the doctor finds a forged head', async () => {
  plant("UPDATE heads SET signature = 'AAAA'")
  const { code, json } = await holdfast(data, ['doctor', '--json'])
  expect(code).toBe(3)
  expect((json.checks as unknown as { name: string; ok: boolean }[]).filter(({ ok }) => !ok)).toMatchObject([{ name: 'log-heads' }])
})
