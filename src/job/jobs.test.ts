import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { AppError } from '../kernel/errors.ts'
import { enterOwner, found, join, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { newSystemJob } from './enqueue.ts'
import { Job, type JobRow } from './entity.ts'
import type { JobHandlers } from './handler.ts'
import { startJobs } from './work.ts'

const quick = { leaseMs: 300, retryMs: { first: 10, longest: 40 }, sweepMs: 100, stopMs: 1_000 }
const meta = {
  actor: { id: null, kind: 'system' as const, name: 'system' },
  action: 'test.make',
  entity: null,
  requestId: null,
  time: new Date().toISOString(),
}

let server: TestServer
let owner: Person
beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const store = () => server.holdfast.runtime.storage.tenant(owner.tenantId)
const call = (by: Person, method: string, path: string) => server.send(method, `/v1/jobs${path}`, { token: by.token })

async function make(kind: string, given: { runAtMs?: number; maxAttempts?: number; name?: string } = {}): Promise<string> {
  const { row, change } = newSystemJob(server.holdfast.runtime, { kind, payload: { n: 1 }, ...given })
  await store().commit([change], meta)
  return row.id
}

const until = (id: string, state: JobRow['state']) =>
  vi.waitFor(
    async () => {
      const row = await store().get(Job, id)
      expect(row?.state).toBe(state)
      return row as JobRow
    },
    { timeout: 60_000, interval: 20 },
  )

async function working<T>(handlers: JobHandlers, work: () => Promise<T>, processes = 1): Promise<T> {
  const all = Array.from({ length: processes }, () => startJobs(server.holdfast.runtime, handlers, quick))
  try {
    return await work()
  } finally {
    await Promise.all(all.map((one) => one.stop()))
  }
}

describe('jobs are not', () => {
  test.each(['supervisor', 'manager', 'member', 'auditor'] as const)('shown to a %s', async (role) => {
    expect((await call(await join(server, owner, { role }), 'GET', '')).status).toBe(403)
  })

  test('shown to another tenant, whose answer is that for a job that never was', async () => {
    const id = await make('test.later', { runAtMs: Date.now() + 3_600_000 })
    const theirs = await found(server)
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/retry'],
      ['POST', '/cancel'],
    ] as const) {
      const foreign = await call(theirs, method, `/${id}${path}`)
      const absent = await call(theirs, method, `/${theirs.id}${path}`)
      expect([foreign.status, foreign.body.code, foreign.body.detail]).toEqual([404, absent.body.code, absent.body.detail])
    }
    expect((await call(owner, 'POST', `/${id}/retry`)).body.code).toBe('job_not_ended')
    expect((await call(owner, 'POST', `/${id}/cancel`)).body.state).toBe('cancelled')
    expect((await call(owner, 'POST', `/${id}/cancel`)).status).toBe(200)
  })

  test('begun before their time, nor once they are cancelled', async () => {
    const ran: string[] = []
    const early = await make('test.timed', { runAtMs: Date.now() + 400 })
    const never = await make('test.timed', { runAtMs: Date.now() + 400 })
    await call(owner, 'POST', `/${never}/cancel`)
    const handlers: JobHandlers = {
      'test.timed': async ({ job }) => {
        expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(job.runAt))
        ran.push(job.id)
        return undefined
      },
    }
    await working(handlers, () => until(early, 'done'))
    expect(ran).toEqual([early])
  })

  test('open twice under one name', async () => {
    await make('test.named', { name: 'once', runAtMs: Date.now() + 3_600_000 })
    await expect(make('test.named', { name: 'once' })).rejects.toMatchObject({ reason: 'unique', key: 'name' })
  })
})

test('of four processes one runs each job, and each once', async () => {
  const ran: string[] = []
  const ids = await Promise.all(Array.from({ length: 12 }, () => make('test.once')))
  const handlers: JobHandlers = {
    'test.once': async ({ job }) => {
      ran.push(job.id)
      await new Promise((resolve) => setTimeout(resolve, 5))
      return undefined
    },
  }
  await working(handlers, () => Promise.all(ids.map((id) => until(id, 'done'))), 4)
  expect([...ran].sort()).toEqual([...ids].sort())
})

test('a failure is tried again with waits, given up after the last attempt, and runs again when asked', async () => {
  let isMended = false
  const handlers: JobHandlers = {
    'test.fails': async () => {
      if (!isMended) throw new AppError('unavailable', 'busy', 'The partner is away.')
      return { result: { ok: true } }
    },
    'test.hopeless': async () => {
      throw new AppError('unprocessable', 'validation_failed', 'It will never work.')
    },
  }
  await working(handlers, async () => {
    const [id, hopeless] = [await make('test.fails', { maxAttempts: 3 }), await make('test.hopeless')]
    expect(await until(id, 'dead')).toMatchObject({ attempts: 3, lastError: 'The partner is away.' })
    expect(await until(hopeless, 'dead')).toMatchObject({ attempts: 1, lastError: 'It will never work.' })
    const { body } = await call(owner, 'GET', '?state=dead&limit=200')
    expect(body.items?.map(({ id: one }) => one)).toEqual(expect.arrayContaining([id, hopeless]))
    isMended = true
    expect((await call(owner, 'POST', `/${id}/retry`)).body.state).toBe('queued')
    expect(await until(id, 'done')).toMatchObject({ result: { ok: true }, progress: 100, lastError: null })
    expect((await call(owner, 'POST', `/${id}/cancel`)).body.code).toBe('job_ended')
  })
})

test('a job cancelled while it runs is told so, and what it returns is not kept', async () => {
  const { promise: told, resolve: tell } = Promise.withResolvers<void>()
  const { row } = newSystemJob(server.holdfast.runtime, { kind: 'test.effect', payload: {}, runAtMs: Date.now() + 9e8 })
  const handlers: JobHandlers = {
    'test.long': async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      tell()
      return { changes: [{ op: 'insert', entity: Job, row }] }
    },
  }
  await working(handlers, async () => {
    const id = await make('test.long')
    await until(id, 'running')
    expect((await call(owner, 'POST', `/${id}/cancel`)).body.state).toBe('cancelled')
    await told
  })
  expect(await store().get(Job, row.id)).toBeNull()
})

test('a job of a process that died is taken over after its lease; one of a stopped process at once, and no attempt is counted', async () => {
  const id = await make('test.slow')
  await working(
    { 'test.slow': ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))) },
    () => until(id, 'running'),
  )
  expect(await until(id, 'queued')).toMatchObject({ attempts: 0 })
  const dead = await store().get(Job, id)
  const late = {
    ...(dead as JobRow),
    state: 'running' as const,
    attempts: 1,
    version: (dead?.version ?? 0) + 1,
    dueAt: new Date(Date.now() + 300).toISOString(),
  }
  await store().commit([{ op: 'update', entity: Job, row: late, expect: dead?.version ?? 0, fields: ['state', 'attempts', 'dueAt'] }], meta)
  await working({ 'test.slow': async () => ({ result: { again: true } }) }, () => until(id, 'done'))
  expect(await store().get(Job, id)).toMatchObject({ attempts: 2, result: { again: true } })
})
