import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshFolder, holdfast, ownerPassword, type Server, signIn, startServer } from './testing/process.ts'

const { folder, data, remove } = freshFolder()
const uuid = /^[0-9a-f-]{36}$/
let server: Server | null = null
let tenantId = ''

const run = (args: string, stdin = '') => holdfast(data, args.split(' '), { stdin })
/** With `--json`; standard output must be exactly one document. */
const document = async (args: string, stdin = '') => {
  const ended = await run(`${args} --json`, stdin)
  expect(ended.out.trim().split('\n')).toHaveLength(1)
  return ended
}

beforeAll(async () => {
  await (await startServer(data)).stop()
  const { json } = await document('tenants list')
  tenantId = String(json.items?.[0]?.id)
})
afterAll(async () => {
  await server?.stop()
  remove()
})

describe.each(['without a server', 'beside a server'])('%s', (where) => {
  // names differ between the two rounds, because both work on the same folder
  const own = (name: string) => `${name}-${where.split(' ')[0]}`
  beforeAll(async () => {
    if (where === 'beside a server') server = await startServer(data)
  })

  test('a user who is not there is 4, a taken name 5, a weak password 5, and standard output is one document', async () => {
    const unknown = await document('users show nobody')
    const tenant = await document('users list --tenant nowhere')
    const taken = await document('users create --username OWNER')
    const weak = await document(`users create --username ${own('weak')} --password-stdin`, 'password1234\n')
    const role = await document(`users create --username ${own('king')} --role king`)
    expect(unknown).toMatchObject({ code: 4, json: { error: 'not_found' } })
    expect(unknown.err).toContain('nobody')
    expect(tenant).toMatchObject({ code: 4, json: { error: 'not_found' } })
    expect(taken).toMatchObject({ code: 5, json: { error: 'username_taken' } })
    expect(weak).toMatchObject({ code: 5, json: { error: 'weak_password' } })
    expect(role).toMatchObject({ code: 5, json: { error: 'validation_failed' } })
  })

  test('tenants are made, listed, shown, renamed, switched off and on', async () => {
    const made = await document(`tenants create --name Acme --key ${own('acme')}`)
    expect(made.json).toMatchObject({ key: own('acme'), name: 'Acme', isActive: true, owner: { username: 'owner' } })
    expect(made.json.owner?.password).toMatch(/^[\w-]{24}$/)
    const again = await document(`tenants create --name Acme --key ${own('acme')}`)
    expect(again).toMatchObject({ code: 5, json: { error: 'tenant_key_taken' } })

    const renamed = await document(`tenants rename ${own('acme')} --name Europe`)
    expect(renamed.json).toMatchObject({ id: made.json.id, name: 'Europe', owner: { id: made.json.owner?.id } })
    expect((await document(`tenants deactivate ${made.json.id}`)).json).toMatchObject({ isActive: false })
    expect((await document(`tenants activate ${own('acme')}`)).json).toMatchObject({ isActive: true })
    const [list, show] = [await document('tenants list'), await document(`tenants show ${own('acme')}`)]
    expect(list.json.items).toContainEqual(show.json)
    expect(show.json.owner).not.toHaveProperty('password')
  })

  test('a password that the operator chose for an owner is not shown, and its flag warns', async () => {
    const flag = await document(`tenants create --name B --key ${own('b')} --owner-username ada --owner-password opens-all-the-doors`)
    expect(flag.json.owner).toEqual({ id: expect.stringMatching(uuid), username: 'ada' })
    expect(flag.err).toContain('--password-stdin')
    expect(flag.out + flag.err).not.toContain('opens-all-the-doors')
  })

  test('users are made, listed and shown by id or username, with how the password is stored', async () => {
    const name = own('bob')
    const made = await document(
      `users create --username ${name} --email ${name}@example.org --role admin --manager owner --password-stdin`,
      `${ownerPassword}\n`,
    )
    const invited = await document(`users create --username ${own('eve')} --tenant ${tenantId}`)
    const byName = await document(`users show ${name.toUpperCase()}`)
    const byId = await document(`users show ${made.json.id}`)
    const eve = await document(`users show ${own('eve')}`)

    expect(made.json).toMatchObject({
      username: name,
      role: 'admin',
      email: `${name}@example.org`,
      fullName: null,
      isActive: true,
      version: 1,
    })
    expect(byName.json).toEqual({ ...made.json, passwordScheme: 'argon2id' })
    expect(byId.json).toEqual(byName.json)
    expect(eve.json).toEqual({ ...invited.json, passwordScheme: 'none' })
    const admins = await document(`users list --role admin --q ${name}`)
    expect(admins.json).toEqual({ items: [made.json] })
  })

  test('a password is set from standard input, or made and shown once', async () => {
    await run(`users create --username ${own('pat')}`)
    const given = await document(`users password ${own('pat')} --password-stdin`, 'the first line only\r\nnot this\n')
    const random = await document(`users password ${own('pat')}`)

    expect(given.json).toEqual({ id: expect.stringMatching(uuid), username: own('pat') })
    expect(random.json.password).toMatch(/^[\w-]{24}$/)
    if (server !== null) {
      await expect(signIn(server.url, own('pat'), 'the first line only')).rejects.toThrow('401')
      expect(await signIn(server.url, own('pat'), String(random.json.password))).toMatch(/^ey/)
    }
  })

  test('platform staff are made with either role', async () => {
    const admin = await document(`platform-admin create --username ${own('root')}`)
    const operator = await document(
      `platform-admin create --username ${own('watch')} --operator --password-stdin`,
      'looks but never touches',
    )
    expect(admin.json).toMatchObject({ id: expect.stringMatching(uuid), username: own('root'), role: 'platform_admin' })
    expect(operator.json).toEqual({ id: expect.stringMatching(uuid), username: own('watch'), role: 'platform_operator' })
    if (server !== null) expect(await signIn(server.url, own('root'), String(admin.json.password), 'platform')).toMatch(/^ey/)
  })

  test('keys are listed and made anew, without their private halves', async () => {
    const before = await document('keys list')
    const after = await document('keys rotate')
    const active = (keys: typeof before) =>
      (keys.json.items as unknown as { kid: string; state: string }[]).filter(({ state }) => state === 'active')
    expect(active(before)).toHaveLength(2)
    expect(active(after)).toHaveLength(2)
    expect(active(after).map(({ kid }) => kid)).not.toEqual(active(before).map(({ kid }) => kid))
    expect(after.json.items?.[0]).toMatchObject({
      kid: expect.any(String),
      publicJwk: { kty: 'OKP', crv: 'Ed25519' },
      createdAt: expect.any(String),
      state: 'active',
    })
    expect(after.out).not.toMatch(/"d":|private/i)
  })

  test('why says whether one user can see another, and along whom', async () => {
    await run(`users create --username ${own('boss')} --role manager`)
    await run(`users create --username ${own('clerk')} --manager ${own('boss')}`)
    const sees = await document(`why ${own('boss')} ${own('clerk')}`)
    const sawn = await document(`why ${own('clerk')} ${own('boss')}`)
    expect(sees.json).toMatchObject({ allowed: true, role: 'manager', chain: [own('boss'), own('clerk')] })
    expect(sawn.json).toMatchObject({ allowed: false })
  })

  test('the doctor finds all well', async () => {
    const { code, json } = await document('doctor')
    expect({ code, ok: json.ok }).toEqual({ code: 0, ok: true })
    const checks = json.checks as unknown as { name: string; ok: boolean; detail: string; advice: string | null }[]
    expect(checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['data-folder', 'free-space', 'master-key', 'lock', 'engine-check', 'sealed-values', 'log-heads']),
    )
    expect(checks.find(({ name }) => name === 'master-key')?.advice).toMatch(/copy/)
  })

  test('the log is verified and exported, a line an entry, the signed head last', async () => {
    const all = await document('audit verify')
    const one = await document(`audit verify --tenant ${tenantId}`)
    const file = join(folder, own('export'))
    const written = await document(`audit export --out ${file}`)
    const sum = (text: string | Buffer) => createHash('sha256').update(text).digest('hex')
    const part = await run('audit export --from 2 --to 3')

    expect(all).toMatchObject({ code: 0, json: { ok: true, problems: [] } })
    expect(Number(all.json.streams)).toBeGreaterThan(Number(one.json.streams))
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    expect(written.json).toEqual({ file, entries: lines.length - 1, sha256: sum(readFileSync(file)) })
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ stream: tenantId, sequence: 1, action: 'tenant.create' })
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ head: { stream: tenantId, signature: expect.any(String) } })
    expect(part.out.trimEnd().split('\n')).toHaveLength(3)
    expect(await document(`audit export --out ${file}`)).toMatchObject({ code: 5, json: { error: 'file_exists' } })
    expect(await document(`audit export --out ${folder}/none/file`)).toMatchObject({ code: 8, json: { error: 'cannot_write' } })
  })

  test('without --json there are words and tables', async () => {
    const list = await run('users list')
    const show = await run('tenants show nowhere')
    expect(list.out).toMatch(/^number +username +name +e-mail +role +active +id\n1 +owner /)
    expect(show).toMatchObject({ code: 4, out: '' })
    expect(show.err).toMatch(/^holdfast: .*\n$/)
  })
})

describe('a folder', () => {
  test('without data is refused by commands that read, with 4, and stays as it was', async () => {
    const empty = join(folder, 'empty')
    mkdirSync(empty)
    const [absent, there, doctor] = await Promise.all([
      holdfast(join(folder, 'absent'), ['users', 'list', '--json']),
      holdfast(empty, ['tenants', 'list', '--json']),
      holdfast(join(folder, 'absent'), ['doctor', '--json']),
    ])
    expect(absent).toMatchObject({ code: 4, json: { error: 'no_data' } })
    expect(there).toMatchObject({ code: 4, json: { error: 'no_data' } })
    expect(doctor).toMatchObject({ code: 3, json: { ok: false } })
    expect(existsSync(join(folder, 'absent'))).toBe(false)
    expect(existsSync(join(empty, 'holdfast.db'))).toBe(false)
  })

  test('takes two commands at once: one waits for the other', async () => {
    const other = join(folder, 'two')
    const both = await Promise.all(['ann', 'ben'].map((name) => holdfast(other, ['users', 'create', '--username', name, '--json'])))
    expect(both).toMatchObject([{ code: 0 }, { code: 0 }])
    expect((await holdfast(other, ['users', 'list', '--json'])).json.items).toHaveLength(3)
  })

  test('that a server is just opening is used through that server', async () => {
    const other = join(folder, 'starting')
    const starting = startServer(other)
    const made = await holdfast(other, ['users', 'create', '--username', 'ann', '--json'])
    const running = await starting
    expect(made).toMatchObject({ code: 0 })
    expect(await holdfast(other, ['users', 'list', '--json'])).toMatchObject({ code: 0 })
    await running.stop()
  })

  test('whose key file or modes are wrong makes the doctor fail with advice', async () => {
    const other = join(folder, 'sick')
    await holdfast(other, ['users', 'create', '--username', 'ann'])
    mkdirSync(other, { recursive: true, mode: 0o755 })
    writeFileSync(join(other, 'holdfast.note'), '', { mode: 0o644 })
    writeFileSync(join(other, 'master.key'), Buffer.alloc(32, 1).toString('base64'))
    const { code, json } = await holdfast(other, ['doctor', '--json'])
    const failed = (json.checks as unknown as { name: string; ok: boolean; advice: string | null }[]).filter(({ ok }) => !ok)
    expect({ code, ok: json.ok }).toEqual({ code: 3, ok: false })
    expect(failed.map(({ name }) => name)).toEqual(['file-modes', 'storage'])
    for (const { advice } of failed) expect(advice).toEqual(expect.any(String))
  })
})
