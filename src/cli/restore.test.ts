import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshFolder, holdfast, type Server, send, signIn, startServer } from './testing/process.ts'

const { folder, remove } = freshFolder()
afterAll(remove)

const key = randomBytes(32).toString('base64')
const target = join(folder, 'backups')
const environment = { HOLDFAST_KEY: key, HOLDFAST_BACKUP: `file:${target}` }
const data = join(folder, 'data')
const person = (username: string) => ({ username, password: 'a good long passphrase' })

const restore = (of: string, args: readonly string[] = [], settings: Record<string, string> = environment) =>
  holdfast(of, ['restore', '--json', ...args], { environment: settings })
const names = async (of: string, settings: Record<string, string> = environment) =>
  ((await holdfast(of, ['users', 'list', '--json'], { environment: settings })).json.items as unknown as { username: string }[]).map(
    ({ username }) => username,
  )
const fresh = () => join(folder, `data-${randomBytes(4).toString('hex')}`)
/** A copy of the target: two data folders that go on from one moment are two histories, and a target takes one. */
const copied = (harm: (place: string) => void = () => {}): string => {
  const place = join(folder, `target-${randomBytes(4).toString('hex')}`)
  cpSync(target, place, { recursive: true })
  harm(place)
  return place
}
const alone = () => ({ HOLDFAST_KEY: key, HOLDFAST_BACKUP: `file:${copied()}` })

/** Creates people until it is told to stop. Resolves to those that were acknowledged, each with the time of it. */
function load(server: Server, token: string) {
  const acknowledged: { username: string; atMs: number }[] = []
  let isOver = false
  const worker = async (lane: number): Promise<void> => {
    for (let n = 0; !isOver; n += 1) {
      const username = `p${lane}x${n}`
      const reply = await send(server.url, '/v1/users', person(username), token).catch(() => null)
      if (reply?.status === 201) acknowledged.push({ username, atMs: Date.now() })
      if (reply === null) return
    }
  }
  const lanes = [1, 2, 3].map(worker)
  return {
    acknowledged,
    async end() {
      isOver = true
      await Promise.all(lanes)
    },
  }
}

describe.each(['async', 'sync'] as const)('the data folder is deleted under load (%s)', (mode) => {
  test('one command brings everyone back, who then signs in', async () => {
    const [place, lost] = [join(folder, `target-${mode}`), join(folder, `lost-${mode}`)]
    const settings = { HOLDFAST_KEY: key, HOLDFAST_BACKUP: `file:${place}`, HOLDFAST_BACKUP_MODE: mode }
    const server = await startServer(lost, settings)
    const token = await signIn(server.url)
    const work = load(server, token)
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    rmSync(lost, { recursive: true, force: true })
    const lostMs = Date.now()
    server.kill('SIGKILL')
    await work.end()
    await server.ended

    const done = await restore(lost, [], settings)
    expect(done.code, done.err).toBe(0)
    expect(done.json).toMatchObject({ state: 'done', scope: 'all', changes: { updated: 0, removed: 0 } })
    const back = new Set(await names(lost, settings))
    const toleranceMs = mode === 'sync' ? 0 : 1_000
    const missing = work.acknowledged.filter(({ username, atMs }) => atMs <= lostMs - toleranceMs && !back.has(username))
    expect(missing).toEqual([])
    expect(work.acknowledged.length).toBeGreaterThan(10)

    const again = await startServer(lost, settings)
    await signIn(again.url)
    const first = work.acknowledged[0]?.username ?? ''
    await signIn(again.url, first, person(first).password)
    expect((await send(again.url, '/v1/users', person('afterwards'), await signIn(again.url))).status).toBe(201)
    const audit = await fetch(`${again.url}/v1/integrity`, { headers: { authorization: `Bearer ${await signIn(again.url)}` } })
    expect(await audit.json()).toMatchObject({ status: 'ok' })
    await again.stop()
  })
})

describe('from a target that is whole', () => {
  let snapshot: string
  let sequence: number

  beforeAll(async () => {
    const server = await startServer(data, environment)
    const token = await signIn(server.url)
    for (const username of ['ann', 'ben']) await send(server.url, '/v1/users', person(username), token)
    snapshot = String((await holdfast(data, ['backup', 'create', '--json'], { environment })).json.id)
    const made = await fetch(`${server.url}/v1/users`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(person('cid')),
    })
    sequence = Number(made.headers.get('holdfast-commit')?.split('/')[1])
    await send(server.url, '/v1/users', person('dan'), token)
    await server.stop()
  })

  const everyone = ['owner', 'ann', 'ben', 'cid', 'dan']

  test('a start on an empty folder heals it before anyone is served, and makes no first tenant', async () => {
    const [empty, settings] = [fresh(), alone()]
    const server = await startServer(empty, settings)
    await signIn(server.url, 'dan', person('dan').password)
    const { out, err } = await server.stop()
    expect(out).toContain('the storage was rebuilt from its backups')
    expect(err).not.toContain('First start')
    expect((await names(empty, settings)).sort()).toEqual([...everyone].sort())
  })

  test('a database that is damaged is put aside, not deleted, and rebuilt', async () => {
    const broken = fresh()
    cpSync(data, broken, { recursive: true })
    const path = join(broken, 'holdfast.db')
    const bytes = readFileSync(path)
    bytes.fill(7, 4_096, Math.min(bytes.length, 40_000))
    writeFileSync(path, bytes)
    const server = await startServer(broken, alone())
    await signIn(server.url, 'dan', person('dan').password)
    await server.stop()
    const aside = readdirSync(broken).find((name) => name.startsWith('holdfast.db.damaged-'))
    expect(readFileSync(join(broken, aside ?? 'none')).equals(bytes)).toBe(true)
  })

  test('a database whose rows were all deleted is put aside and rebuilt', async () => {
    const emptied = fresh()
    cpSync(data, emptied, { recursive: true })
    const db = new Database(join(emptied, 'holdfast.db'))
    for (const { name } of db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all() as {
      name: string
    }[])
      if (!['log', 'heads', 'loads', 'sequences', 'migrations'].includes(name)) db.exec(`DELETE FROM "${name}"`)
    db.close()
    const server = await startServer(emptied, alone())
    await signIn(server.url, 'dan', person('dan').password)
    await server.stop()
    expect(readdirSync(emptied).some((name) => name.startsWith('holdfast.db.incomplete-'))).toBe(true)
  })

  test('a preview says what would come back, and leaves nothing behind', async () => {
    const empty = fresh()
    const preview = await restore(empty, ['--preview'])
    expect(preview).toMatchObject({ code: 0, json: { state: 'preview', scope: 'all' } })
    expect(preview.json.changes?.inserted).toBeGreaterThan(10)
    expect(existsSync(empty)).toBe(false)
  })

  test('an older moment: a snapshot, a time, an entry of one tenant', async () => {
    const [older, before] = [fresh(), alone()]
    expect(await restore(older, ['--snapshot', snapshot], before)).toMatchObject({ code: 0, json: { scope: 'all', at: { snapshot } } })
    expect((await names(older, before)).sort()).toEqual(['ann', 'ben', 'owner'])
    const [exact, then] = [fresh(), alone()]
    expect(await restore(exact, ['--scope', 'tenant', '--sequence', String(sequence)], then)).toMatchObject({
      code: 0,
      json: { scope: 'tenant' },
    })
    expect((await names(exact, then)).sort()).toEqual(['ann', 'ben', 'cid', 'owner'])
    expect((await restore(fresh(), ['--sequence', String(sequence)], alone())).code).toBe(5)
  })

  test('where there is data it needs --yes, and can be undone', async () => {
    const [full, settings] = [fresh(), alone()]
    cpSync(data, full, { recursive: true })
    expect(await restore(full, ['--snapshot', snapshot], settings)).toMatchObject({ code: 5, json: { error: 'needs_yes' } })
    expect((await restore(full, ['--snapshot', snapshot, '--preview'], settings)).json.changes).toMatchObject({
      removed: expect.any(Number),
    })
    expect((await names(full, settings)).sort()).toEqual([...everyone].sort())
    const done = await restore(full, ['--scope', 'tenant', '--snapshot', snapshot, '--yes'], settings)
    expect(done.code, done.err).toBe(0)
    expect((await names(full, settings)).sort()).toEqual(['ann', 'ben', 'owner'])
    expect((await restore(full, ['--undo', String(done.json.id)], settings)).code).toBe(5)
    expect((await restore(full, ['--undo', String(done.json.id), '--yes'], settings)).code).toBe(0)
    expect((await names(full, settings)).sort()).toEqual([...everyone].sort())
  })

  test('--from names a place that the settings do not', async () => {
    const empty = fresh()
    const done = await restore(empty, ['--from', copied()], { HOLDFAST_KEY: key, HOLDFAST_BACKUP: `file:${join(folder, 'elsewhere')}` })
    expect(done.code, done.err).toBe(0)
    const off = fresh()
    expect(
      (await restore(off, ['--from', `file:${copied()}`, '--snapshot', snapshot], { HOLDFAST_KEY: key, HOLDFAST_BACKUP: 'off' })).code,
    ).toBe(0)
  })

  test.each([
    ['another key', 6, () => [target, { HOLDFAST_KEY: randomBytes(32).toString('base64') }] as const],
    ['no key at all', 6, () => [target, {}] as const],
    ['an empty folder', 4, () => [madeFolder(), environment] as const],
    ['a folder that is not there', 8, () => [join(folder, 'nowhere'), environment] as const],
    ['a log with a hole', 3, () => [copied((place) => rmSync(join(place, ...segments(place)[0]))), environment] as const],
    ['a log that is cut', 3, () => [copied((place) => truncateSync(join(place, ...segments(place)[0]), 300)), environment] as const],
  ])(
    'refuses %s, and leaves nothing behind',
    async (_, code, given) => {
      const empty = fresh()
      const [from, settings] = given()
      const answer = await restore(empty, ['--from', from], { HOLDFAST_BACKUP: 'off', ...settings })
      expect(answer.code, answer.err).toBe(code)
      expect(existsSync(join(empty, 'master.key'))).toBe(false)
      const next = await restore(empty, [], environment)
      expect(next.code, next.err).toBe(0)
      expect((await names(empty)).sort()).toEqual([...everyone].sort())
    },
    600_000,
  )

  test.each([
    ['a damaged newest snapshot', (place: string) => truncateSync(join(place, 'snapshots', snapshot, 'user.ndjson.zst.age'), 200)],
    [
      'a snapshot with a file of another',
      (place: string) =>
        cpSync(join(place, 'snapshots', snapshot, 'session.ndjson.zst.age'), join(place, 'snapshots', snapshot, 'user.ndjson.zst.age')),
    ],
    ['no snapshot at all', (place: string) => rmSync(join(place, 'snapshots'), { recursive: true })],
    ['a damaged instance.json', (place: string) => writeFileSync(join(place, 'instance.json'), '{')],
  ])('gets by with %s', async (_, harm) => {
    const empty = fresh()
    const done = await restore(empty, ['--from', copied(harm)], { HOLDFAST_KEY: key, HOLDFAST_BACKUP: 'off' })
    expect(done.code, done.err).toBe(0)
    expect((await names(empty, { HOLDFAST_KEY: key, HOLDFAST_BACKUP: 'off' })).sort()).toEqual([...everyone].sort())
  })

  test('killed at any moment, it is done by running it again', async () => {
    for (const afterMs of [250, 450, 650, 850]) {
      const [empty, settings] = [fresh(), alone()]
      const child = spawn(join(import.meta.dirname, '../../bin/holdfast'), ['restore'], {
        env: { PATH: process.env.PATH, HOLDFAST_DATA: empty, ...settings },
        stdio: 'ignore',
        detached: true,
      })
      const ended = once(child, 'exit')
      await new Promise((resolve) => setTimeout(resolve, afterMs))
      if (child.exitCode === null) process.kill(-(child.pid ?? 0), 'SIGKILL')
      await ended
      expect([0, 5]).toContain((await restore(empty, [], settings)).code)
      expect((await names(empty, settings)).sort()).toEqual([...everyone].sort())
    }
  })

  test.each([
    ['two moments', ['--snapshot', 'a', '--time', 'b']],
    ['a person and a record', ['--user', 'a', '--record', 'b/c']],
    ['a scope that does not fit', ['--scope', 'all', '--user', 'a']],
    ['a record without a type', ['--record', 'x']],
  ])('%s is wrong usage', async (_, args) => {
    expect((await restore(data, args)).code).toBe(2)
  })

  const segments = (place: string): [[string, string, string]] => {
    const stream = readdirSync(join(place, 'log')).find((name) => name !== 'platform') ?? ''
    const [name = ''] = readdirSync(join(place, 'log', stream)).sort()
    return [['log', stream, name]]
  }
  const madeFolder = (): string => {
    const made = join(folder, `target-${randomBytes(4).toString('hex')}`)
    mkdirSync(made)
    return made
  }
})
