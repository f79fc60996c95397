import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { Counter, create, insert, patched, update } from './change.ts'
import { type Principal, system } from './context.ts'
import { AppError } from './errors.ts'
import { type AnyOperation, type Operation, operation } from './operation.ts'
import { perform } from './perform.ts'

let server: TestServer
let tenantId: string

beforeAll(async () => {
  server = await startTestServer()
  const { items } = await server.holdfast.runtime.storage.platform().heads({})
  tenantId = items.map((head) => head.tenantId).find((id) => id !== 'platform') ?? ''
})
afterAll(() => server.close())

const owner = (): Principal => ({
  ...system,
  kind: 'user',
  tenantId,
  role: 'owner',
  id: '019b1f3a-7c40-7000-8000-00000000002a',
  name: 'owner',
})
const origin = { requestId: 'perform', surface: 'v1', network: null, userAgent: null, deviceToken: null }
const call = (wanted: AnyOperation, input: unknown = {}, actor = owner()) =>
  perform(server.holdfast.runtime, wanted, { actor, origin, input, encode: (output) => ({ status: 200, body: JSON.stringify(output) }) })
const store = () => server.holdfast.runtime.storage.tenant(tenantId)
const last = async () => (await store().head())?.sequence ?? 0

const declare = (run: Operation['run'], more: Partial<Operation> = {}): AnyOperation =>
  operation({ name: 'test.do', summary: 'Test', needs: 'user:create', input: z.strictObject({}), output: z.unknown(), run, ...more })
const count = (id: string, value: number, now: string) => insert(Counter, create(Counter, id, { value }, now))

describe('an operation', () => {
  test('without changes commits nothing', async () => {
    const before = await last()
    expect((await call(declare(async () => ({ output: 1 })))).receipt).toBeNull()
    expect(await last()).toBe(before)
  })

  test('that asks for an entry gets one', async () => {
    const before = await last()
    const { receipt } = await call(declare(async () => ({ output: 1, logged: true, detail: { seen: 3 } })))
    expect(receipt).toMatchObject({ stream: tenantId, sequence: before + 1 })
    const [logged] = await store().log(null, before, 1)
    expect(logged?.entry).toMatchObject({
      action: 'test.do',
      detail: { seen: 3 },
      requestId: 'perform',
      changes: [],
      actor: { kind: 'user', name: 'owner' },
    })
  })

  test('that throws leaves nothing, and its after does not run', async () => {
    const before = await last()
    const wanted = declare(async () => {
      throw new AppError('conflict', 'no', 'No.')
    })
    await expect(call(wanted)).rejects.toMatchObject({ code: 'no' })
    expect(await last()).toBe(before)
  })

  test('whose output does not fit its schema commits nothing', async () => {
    const before = await last()
    const wanted = declare(async ({ now }) => ({ output: { a: 'x' } as never, changes: [count('misfit', 1, now)] }), {
      output: z.object({ a: z.int() }),
    })
    await expect(call(wanted)).rejects.toThrow()
    expect(await last()).toBe(before)
  })

  test('shows no field that its output does not name', async () => {
    const wanted = declare(async () => ({ output: { name: 'x', secret: 'y' } as never }), { output: z.object({ name: z.string() }) })
    expect((await call(wanted)).body).toBe('{"name":"x"}')
  })

  test('that refuses and remembers commits before it refuses, without what it would have answered', async () => {
    const before = await last()
    const refuse = new AppError('unauthenticated', 'refused', 'Refused.')
    const wanted = declare(async ({ now }) => ({ refuse, changes: [count('remembered', 1, now)], action: 'test.fail' }))
    await expect(call(wanted)).rejects.toBe(refuse)
    expect((await store().get(Counter, 'remembered'))?.value).toBe(1)
    expect(await last()).toBe(before + 1)
  })

  test('that loses a race is run again, and costly work is not', async () => {
    const id = 'race'
    await call(declare(async ({ now }) => ({ output: null, changes: [count(id, 0, now)] })))
    let hashed = 0
    const raise = declare(async (context) => {
      const before = await context.store.get(Counter, id)
      if (before === null) throw new Error('no counter')
      await context.once('work', async () => {
        hashed += 1
      })
      const after = patched(Counter, before, { value: before.value + 1 }, context.now)
      return { output: after.value, changes: [update(Counter, before, after)] }
    })
    const answers = await Promise.all(Array.from({ length: 20 }, () => call(raise)))
    expect(new Set(answers.map(({ body }) => body)).size).toBe(20)
    expect((await store().get(Counter, id))?.value).toBe(20)
    expect(hashed).toBe(20)
  })

  test('whose guard has a name is refused under that name, and not run again', async () => {
    let runs = 0
    const wanted = declare(
      async ({ now, newId }) => {
        runs += 1
        return { output: null, changes: [count('taken', 1, now), count(newId(), 1, now)] }
      },
      { conflicts: { 'counter.exists': ['taken_already', 'It is there.'] } },
    )
    await call(declare(async ({ now }) => ({ output: null, changes: [count('taken', 1, now)] })))
    await expect(call(wanted)).rejects.toMatchObject({ code: 'taken_already', kind: 'conflict' })
    expect(runs).toBe(1)
  })
})

describe('refusals', () => {
  test('name each field, in words of ours', async () => {
    const wanted = declare(async () => ({ output: null }), {
      input: z.strictObject({ a: z.string(), b: z.array(z.strictObject({ c: z.int() })) }),
    })
    await expect(call(wanted, { b: [{ c: 'x', d: 1 }], e: 1 })).rejects.toMatchObject({
      kind: 'unprocessable',
      code: 'validation_failed',
      errors: expect.arrayContaining([
        { field: 'a', message: 'is required' },
        { field: 'b.0.d', message: 'is not a known field' },
        { field: 'e', message: 'is not a known field' },
      ]),
    })
  })

  test('of a 403 that an operation decides leave one access.denied too', async () => {
    const before = await last()
    const wanted = declare(async () => {
      throw new AppError('forbidden', 'special', 'Not you.')
    })
    await expect(call(wanted)).rejects.toMatchObject({ code: 'special' })
    const entries = await store().log(null, before, 5)
    expect(entries.map(({ entry }) => [entry.action, entry.detail])).toEqual([['access.denied', { operation: 'test.do', code: 'special' }]])
  })

  test('of a tenant that is not the actor’s: only staff and the system may name one', async () => {
    const elsewhere = (actor: Principal) =>
      perform(
        server.holdfast.runtime,
        declare(async ({ store: { tenantId: at } }) => ({ output: at })),
        {
          actor,
          origin,
          input: {},
          tenantId: '019b1f3a-7c40-7000-8000-000000000099',
          encode: (output) => ({ status: 200, body: String(output) }),
        },
      )
    await expect(elsewhere(owner())).rejects.toMatchObject({ code: 'forbidden' })
    expect((await elsewhere(system)).body).toBe('019b1f3a-7c40-7000-8000-000000000099')
  })
})
