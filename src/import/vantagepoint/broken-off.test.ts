import { afterEach, beforeEach, expect, test } from 'vitest'
import { blankContact, Contact } from '../../contact/entity.ts'
import { create, insert } from '../../kernel/change.ts'
import { AppError } from '../../kernel/errors.ts'
import type { TenantStore } from '../../storage/port.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { User } from '../../user/entity.ts'
import { createUser } from '../../user/operations.ts'
import { run, storeOf, userNamed } from '../testing/run.ts'
import { importVantagepoint } from './import.ts'

let server: TestServer
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

/** The same server, whose commits are told to `before` first; it may do something, or throw. */
function watched(before: (nth: number) => Promise<unknown> | undefined): TestServer {
  const { runtime } = server.holdfast
  let commits = 0
  const watching = (store: TenantStore): TenantStore => ({
    ...store,
    async commit(changes, meta) {
      commits += 1
      await before(commits)
      return store.commit(changes, meta)
    },
  })
  const storage = { ...runtime.storage, tenant: (id: string) => watching(runtime.storage.tenant(id)) }
  return { ...server, holdfast: { ...server.holdfast, runtime: { ...runtime, storage } } }
}

const lines = (rows: object[]) => ({ text: rows.map((row) => JSON.stringify(row)).join('\n') })

test('finishes an import that was broken off anywhere, without a double or a lost reference', async () => {
  // the manager comes last in the file, and stands above everyone
  const users = Array.from({ length: 250 }, (_, at) => ({ id: at + 2, username: `user${at + 2}`, role: 'agent', manager_id: 251 }))
  const leads = Array.from({ length: 250 }, (_, at) => ({ id: at + 1, practice_name: `Practice ${at + 1}`, assigned_user_id: at + 2 }))
  const input = { users: lines(users), leads: lines(leads) }
  const gone = new AppError('unavailable', 'storage_failed', 'Gone.')
  for (const fatal of [2, 3, 3]) {
    const breaking = watched((nth) => (nth === fatal ? Promise.reject(gone) : undefined))
    await expect(run(breaking, importVantagepoint, input)).rejects.toMatchObject({ code: 'storage_failed' })
  }
  const report = await run(server, importVantagepoint, input)
  expect(report).toMatchObject({ users: { read: 250, skipped: 250 }, leads: { imported: expect.any(Number) }, errors: [] })
  expect(report.leads.imported).toBeGreaterThan(0)
  expect(report.leads.imported + report.leads.skipped).toBe(250)
  const store = await storeOf(server)
  const manager = await userNamed(server, 'user251')
  expect(await store.count(User, { index: 'byManager', where: { managerId: manager.id } })).toBe(249)
  expect([await store.count(User, {}), await store.count(Contact, {})]).toEqual([251, 250])
  for (const number of [1, 100, 250]) {
    const lead = await store.find(Contact, 'number', [number])
    expect(lead?.ownerId).toBe((await store.find(User, 'number', [number + 1]))?.id)
  }
})

/** Somebody else's lead, with the next number. */
async function quickLead(): Promise<void> {
  const store = await storeOf(server)
  const { ids } = server.holdfast.runtime
  const now = new Date().toISOString()
  const fields = { ...blankContact, leadStatus: 'new', practiceName: 'Quick', number: await store.next(Contact.name) } as const
  const meta = {
    actor: { id: null, kind: 'system', name: 'system' },
    action: 'lead.create',
    entity: null,
    requestId: null,
    time: now,
  } as const
  await store.commit([insert(Contact, create(Contact, ids.newId(), fields, now))], meta)
}

test('mends what others took between the check and the commit', async () => {
  const busy = watched(async (nth) => {
    if (nth === 1) await run(server, createUser, { username: 'quick', email: 'a@x.org' })
    if (nth === 4) await quickLead()
  })
  const report = await run(busy, importVantagepoint, {
    users: lines([
      { id: 2, username: 'ada', role: 'agent', email: 'a@x.org' },
      { id: 9, username: 'bob', role: 'agent' },
    ]),
    leads: lines([{ id: 1, practice_name: 'Slow' }]),
  })
  expect(report).toMatchObject({ users: { imported: 2 }, leads: { imported: 1 }, errors: [] })
  const [quick, ada] = [await userNamed(server, 'quick'), await userNamed(server, 'ada')]
  expect([quick.number, quick.email, ada.email]).toEqual([2, 'a@x.org', null])
  expect([2, 9]).not.toContain(ada.number)
  expect(report.warnings).toEqual([{ file: 'users', row: 1, message: 'email is that of another user; it is left empty' }])
  expect(report.renumbered).toEqual({ users: [{ from: 2, to: ada.number }], leads: [{ from: 1, to: 2 }] })
})

test('gives up, with advice, when someone else takes a username meanwhile', async () => {
  const busy = watched((nth) => (nth === 1 ? run(server, createUser, { username: 'Ada' }) : undefined))
  const input = { users: lines([{ id: 5, username: 'ada', role: 'agent' }]) }
  await expect(run(busy, importVantagepoint, input)).rejects.toMatchObject({ code: 'import_contended' })
  expect((await run(server, importVantagepoint, input)).errors).toEqual([
    { file: 'users', row: 1, message: 'username is already held by someone else' },
  ])
})
