import { afterAll, beforeAll, expect, test } from 'vitest'
import { noticesOf } from '../document/notices.ts'
import { Job, type JobRow } from '../job/entity.ts'
import { startJobs } from '../job/work.ts'
import { jobHandlers } from '../job-handlers.ts'
import type { Context } from '../kernel/context.ts'
import { until } from '../testing/live.ts'
import { enterOwner, join, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let owner: Person
let supervisor: Person
let worker: Person

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
  ;[supervisor, worker] = (await Promise.all([join(server, owner, { role: 'supervisor' }), join(server, owner)])) as [Person, Person]
})
afterAll(() => server.close())

async function submitted(value = 0): Promise<string> {
  const checklistData = { title: 'Kitchen', sections: [{ id: 's', title: 'All', items: [{ id: 'a', text: 'Sink', checked: true }] }] }
  const made = await server.send('POST', '/api/checklists', { token: worker.token, body: { checklistData, value } })
  const id = String(made.body.checklistId)
  expect((await server.send('POST', `/api/submissions/${id}/submit`, { token: worker.token, body: {} })).status).toBe(200)
  return id
}

test('a day before its deadline the next higher role is told of whichever step is open, once, and of a decided one nobody', async () => {
  const { runtime } = server.holdfast
  const store = runtime.storage.tenant(owner.tenantId)
  const [open, second, decided] = [await submitted(), await submitted(20_000), await submitted()]
  await server.send('POST', `/api/submissions/${second}/review`, { token: supervisor.token, body: { decision: 'approve' } })
  await server.send('POST', `/api/submissions/${decided}/review`, { token: supervisor.token, body: { decision: 'approve' } })
  const reminders = async () =>
    ((await store.list(Job, { limit: 200 })).items as JobRow[]).filter(({ kind }) => kind === 'submission.remind')
  const [job] = await reminders()
  expect(Date.parse(job?.runAt ?? '') - runtime.clock.realMs()).toBeGreaterThan(2 * 86_400_000 - 60_000)
  expect(Date.parse(job?.runAt ?? '') - runtime.clock.realMs()).toBeLessThan(2 * 86_400_000 + 60_000)

  const before = (await store.head())?.sequence ?? 0
  const { realMs } = runtime.clock
  runtime.clock.realMs = () => realMs() + 2 * 86_400_000 + 1_000
  const jobs = startJobs(runtime, jobHandlers)
  try {
    await server.send('POST', '/v1/users', { token: await server.signIn(), body: { username: 'wakes-the-jobs' } })
    let all: JobRow[] = []
    await until(() => {
      void reminders().then((found) => {
        all = found
      })
      return all.length === 3 && all.every(({ state }) => state === 'done')
    }, 10_000)
    const told = async (by: Person): Promise<unknown[]> => {
      const reader = { store, actor: { kind: 'user', ...by } } as unknown as Context
      const all = []
      for (const { entry } of await store.log(null, before, 500)) all.push(...(await noticesOf(reader, entry)))
      return all.map(({ data }) => [data.kind, data.submissionId])
    }
    expect(await told(supervisor)).toEqual([['approval_required', open]])
    // the second step is an administrator's: above them is the owner
    expect(await told(owner)).toEqual([['approval_required', second]])
    expect(await told(worker)).toEqual([])
  } finally {
    await jobs.stop()
    runtime.clock.realMs = realMs
  }
})
