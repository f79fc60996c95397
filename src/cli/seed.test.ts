import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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

const run = (data: string, args: string) => holdfast(data, [...args.split(' '), '--json'])
const places = { 'beside a server': data, 'without one': join(folder, 'alone') }
const fileOf = (name: string, rows: readonly object[]): string => {
  const path = join(folder, name)
  writeFileSync(path, JSON.stringify(rows))
  return path
}

describe.each(Object.entries(places))('%s', (_where, data) => {
  test('seed adds users once, with passwords that must be changed', async () => {
    const first = await run(data, 'seed --users 12')
    const again = await run(data, 'seed --users 12')
    expect(first).toMatchObject({ code: 0, json: { created: { user: 12 } } })
    expect(first.json.users).toHaveLength(12)
    expect(again).toMatchObject({ code: 0, json: { created: { user: 0 }, users: [] } })
    expect(await run(data, 'seed --users 0')).toMatchObject({ code: 2, json: { error: 'usage' } })
  })

  test('seed vantagepoint adds the demo data once, in the tenant that is named', async () => {
    await run(data, 'tenants create --name Demo --key demo')
    const first = await run(data, 'seed vantagepoint --tenant demo')
    const again = await run(data, 'seed vantagepoint --tenant demo')
    expect(first).toMatchObject({ code: 0, json: { leads: 20, unassigned: 12, already: false } })
    expect((first.json.users as unknown as { username: string }[]).map(({ username }) => username)).toEqual(['admin', 'manager1', 'agent1'])
    expect(again).toMatchObject({ code: 0, json: { users: [], leads: 20, unassigned: 12, already: true } })
    expect((await run(data, 'users list --tenant demo')).json.items).toHaveLength(4)
  })

  test('seed vantagepoint with a held username ends with 1 and writes nothing', async () => {
    await run(data, 'tenants create --name Held --key held')
    await run(data, 'users create --username agent1 --tenant held')
    expect(await run(data, 'seed vantagepoint --tenant held')).toMatchObject({ code: 1, json: { error: 'seed_name_taken' } })
    expect((await run(data, 'users list --tenant held')).json.items).toHaveLength(2)
  })

  test('import vantagepoint writes nothing and ends with 1 for a bad row, unless bad rows are left out', async () => {
    await run(data, 'tenants create --name Old --key old')
    const users = fileOf('users.json', [
      { id: 7, username: 'ann', role: 'agent', password_hash: 'ab'.repeat(32) },
      { id: 8, role: 'agent' },
    ])
    const leads = fileOf('leads.json', [{ id: 3, practice_name: 'Harbour Practice', assigned_user_id: 7 }])
    const args = `import vantagepoint --users ${users} --leads ${leads} --tenant old`

    const refused = await run(data, args)
    const dry = await run(data, `${args} --skip-invalid --dry-run`)
    const taken = await run(data, `${args} --skip-invalid`)
    const again = await run(data, `${args} --skip-invalid`)

    expect(refused).toMatchObject({
      code: 1,
      json: { users: { read: 2, imported: 0, refused: 1 }, leads: { imported: 0 }, errors: [{ file: 'users', row: 2 }] },
    })
    expect(dry).toMatchObject({ code: 0, json: { dryRun: true, users: { imported: 1 }, leads: { imported: 1 } } })
    expect(taken).toMatchObject({ code: 0, json: { users: { imported: 1, refused: 1 }, leads: { imported: 1 } } })
    expect(again).toMatchObject({ code: 0, json: { users: { imported: 0, skipped: 1 }, leads: { imported: 0, skipped: 1 } } })
    const shown = await run(data, 'users show ann --tenant old')
    expect(shown.json).toMatchObject({ number: 7, username: 'ann', role: 'member', isActive: true, passwordScheme: 'argon2id(sha256)' })
  })
})

test('import vantagepoint without a file is 2, with a missing one 4', async () => {
  expect(await run(data, 'import vantagepoint')).toMatchObject({ code: 2, json: { error: 'usage' } })
  expect(await run(data, 'import vantagepoint --users none.json')).toMatchObject({ code: 4, json: { error: 'file_not_found' } })
})

test('a chosen password is everyone’s of the demo data, and signs in', async () => {
  await run(data, 'tenants create --name Chosen --key chosen')
  const seeded = await holdfast(data, ['seed', 'vantagepoint', '--tenant', 'chosen', '--password-stdin', '--json'], {
    stdin: 'tide pools at dawn\n',
  })
  expect(seeded).toMatchObject({ code: 0, json: { already: false } })
  expect(await signIn(server.url, 'admin', 'tide pools at dawn', 'chosen')).toMatch(/^ey/)
})
