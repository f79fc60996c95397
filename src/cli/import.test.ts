import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshFolder, holdfast, type Server, signIn, startServer } from './testing/process.ts'

const { folder, data, remove } = freshFolder()
let server: Server
beforeAll(async () => {
  server = await startServer(data)
})
afterAll(async () => {
  await server.stop()
  remove()
})

function fileOf(name: string, lines: readonly string[]): string {
  const path = join(folder, name)
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

const importing = (data: string, file: string, ...more: string[]) => holdfast(data, ['users', 'import', file, '--json', ...more])
const digest = createHash('sha256').update('an old password').digest('hex')

test('a file that is not there is 4, and one of another kind 5', async () => {
  expect(await importing(data, join(folder, 'none.csv'))).toMatchObject({ code: 4, json: { error: 'file_not_found' } })
  expect(await importing(data, fileOf('people.txt', ['username', 'a']))).toMatchObject({ code: 5, json: { error: 'import_source' } })
})

test('refused rows are named and end with 5; the others are imported, once, and may sign in', async () => {
  const file = fileOf('people.csv', ['username,password_hash', `ann,${digest}`, 'not a name,', 'ben,'])
  const dry = await importing(data, file, '--dry-run')
  const first = await importing(data, file, '--wrap', '--outcomes')
  const second = await importing(data, file)

  expect(dry).toMatchObject({ code: 5, json: { dryRun: true, created: 2 } })
  expect(first).toMatchObject({
    code: 5,
    json: { created: 2, existing: 0, refused: [{ row: 2, field: 'username', message: expect.any(String) }] },
  })
  expect(second).toMatchObject({ code: 5, json: { created: 0, existing: 2 } })
  expect(readFileSync(`${file}.outcomes.ndjson`, 'utf8').trim().split('\n')).toHaveLength(3)
  expect((await holdfast(data, ['users', 'show', 'ann', '--json'])).json.passwordScheme).toBe('argon2id(sha256)')
  expect(await signIn(server.url, 'ann', 'an old password')).toMatch(/^ey/)
})

test('a file of many rows passes through the server, and a folder without one takes the same file', async () => {
  const rows = Array.from({ length: 5000 }, (_, i) => JSON.stringify({ username: `user${i}`, fullName: 'x'.repeat(100) }))
  const file = fileOf('many.ndjson', rows)
  const other = join(folder, 'alone')
  const [beside, alone] = [await importing(data, file), await importing(other, file)]

  expect(beside).toMatchObject({ code: 0, err: '', json: { created: 5000, refused: [] } })
  expect(alone).toMatchObject({ code: 0, json: { created: 5000, refused: [] } })
  const all = await holdfast(data, ['users', 'list', '--q', 'user', '--json'])
  expect(all.json.items).toHaveLength(5000)
  expect(existsSync(`${file}.outcomes.ndjson`)).toBe(false)
})
