import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { entities } from '../entities.ts'
import { anonymous, type Principal, type Runtime } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import type { AnyOperation } from '../kernel/operation.ts'
import { perform } from '../kernel/perform.ts'
import { operations } from '../operations.ts'
import { authenticate } from '../session/authenticate.ts'
import { SigningKeyRow } from '../session/entity.ts'
import { StaffMember } from '../session/staff.ts'
import type { Storage, TenantStore } from '../storage/port.ts'
import { sqlTableOf } from '../storage/postgres/sql-tables.ts'
import { surfaces } from '../surfaces.ts'
import { Tenant } from '../tenant/entity.ts'
import { testEngine } from '../testing/engines.ts'
import { found, join, type Person } from '../testing/people.ts'
import { isIdSlot, type Probe, plant, probeOf, type Slot, type Thing } from '../testing/probe.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

const canary = `canary${randomUUID().slice(0, 8)}`
let server: TestServer
let ours: Person
let theirs: Person
let ourThings: Thing[]
let theirThings: Thing[]
let actors: Record<string, Principal>

beforeAll(async () => {
  server = await startTestServer()
  ours = await found(server, 'ours')
  theirs = await found(server, canary)
  const { storage, keys } = { storage: server.holdfast.runtime.storage, keys: server.holdfast.keys }
  const { sealer } = server.holdfast.runtime.services
  // tables whose database checks what is in them have their own tests (storage/postgres/sql-clients.test.ts)
  const isChecked = (table: string) => testEngine === 'postgres' && sqlTableOf(table) !== null
  const planted = entities.filter((type) => ![Tenant, StaffMember, SigningKeyRow].includes(type as never) && !isChecked(type.table))
  const plantIn = (person: Person, text: string, number: number) =>
    plant(storage.tenant(person.tenantId), planted, { canary: text, userId: person.id, number, sealer })
  ourThings = [
    ...(await plantIn(ours, 'visible', 6_000_001)),
    { entity: 'user', id: ours.id, number: 1 },
    { entity: 'tenant', id: ours.tenantId, number: null },
  ]
  theirThings = [
    ...(await plantIn(theirs, canary, 7_000_001)),
    { entity: 'user', id: theirs.id, number: null },
    { entity: 'tenant', id: theirs.tenantId, number: null },
    { entity: 'tenant key', id: canary, number: null },
  ]
  const known = async ({ token }: Person) => (await authenticate(server.holdfast.runtime, keys, { bearer: token })).principal
  const { body } = await server.send('POST', '/v1/api-keys', { token: ours.token, body: { name: 'machine', role: 'admin' } })
  actors = {
    owner: await known(ours),
    manager: await known(await join(server, ours, { role: 'manager' })),
    machine: (await authenticate(server.holdfast.runtime, keys, { apiKey: String(body.key) })).principal,
  }
})
afterAll(() => server.close())

/** The runtime over a storage that reads as ever, and only notes what would be committed, and where. Passwords cost nothing: words are compared here, not times. */
function watched(): { runtime: Runtime; committed: string[] } {
  const committed: string[] = []
  const over = <S extends TenantStore>(store: S): S =>
    Object.create(store, {
      commit: {
        async value() {
          committed.push(store.tenantId)
          return { stream: store.tenantId, sequence: 1, time: new Date().toISOString(), hash: '', durability: ['fsync'] }
        },
      },
      next: { value: async () => 9_999_999 },
    }) as S
  const { runtime } = server.holdfast
  const storage = Object.create(runtime.storage, {
    tenant: { value: (id: string) => over(runtime.storage.tenant(id)) },
    platform: { value: () => over(runtime.storage.platform()) },
  }) as Storage
  const hasher = Object.assign(Object.create(runtime.services.hasher), {
    hash: async () => '!',
    verify: async () => false,
    burn: async () => {},
    dearestMs: () => 0,
  }) as Runtime['services']['hasher']
  return { runtime: { ...runtime, storage, services: { ...runtime.services, hasher } }, committed }
}

type Answer = { ok: boolean; said: string; committed: string[] }

async function ask(operation: AnyOperation, actor: Principal, input: unknown, surface: string): Promise<Answer> {
  const { runtime, committed } = watched()
  const origin = { requestId: 'isolation', surface, network: null, userAgent: null, deviceToken: null }
  try {
    const { body } = await perform(runtime, operation, {
      actor,
      origin,
      input,
      encode: (output) => ({ status: 200, body: JSON.stringify(output) }),
    })
    return { ok: true, said: body, committed }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const { kind, code, message, errors } = error
    return { ok: false, said: JSON.stringify({ kind, code, message, errors }), committed }
  }
}

/** What else to fill in, and with what: our own rows in the places for ids, so that the operation gets as far as it can. */
async function ownValues(operation: AnyOperation, { slots, input }: Probe, surface: string): Promise<Map<string, unknown>> {
  const filled = (thing: Thing | undefined, everything: boolean) =>
    new Map(
      slots
        .filter((slot) => slot.isNeeded || (everything && slot.path !== 'cursor'))
        .map((slot) => [slot.path, isIdSlot(slot) ? nameOf(thing, slot.kind) : undefined]),
    )
  for (const everything of [false, true])
    for (const thing of ourThings) {
      const values = filled(thing, everything)
      if ((await ask(operation, actors.owner as Principal, input(values), surface)).ok) return values
    }
  return filled(ourThings.at(-2), false)
}

const nameOf = (thing: Thing | undefined, kind: Slot['kind']) => (kind === 'number' ? (thing?.number ?? 8_000_001) : thing?.id)

const places = operations.map((operation) => ({
  operation,
  name: operation.name,
  surface: surfaces.find(({ routes }) => routes.some((route) => route.operation === operation))?.name ?? 'cli',
}))
/** Demo data and imports work on what they bring along, and take long; so do backups, whose own tests have two tenants. */
const slow = new Set([
  'user.seed',
  'vantagepoint.seed',
  ...places.map(({ name }) => name).filter((name) => /^(backup|restore)\./.test(name)),
])

describe('an id of another tenant', () => {
  test.each(places.filter(({ name }) => !slow.has(name)))('is to $name what an absent one is', async ({ operation, surface }) => {
    const probe = probeOf(operation.input)
    const own = await ownValues(operation, probe, surface)
    for (const [who, actor] of Object.entries(operation.needs === 'public' ? { anonymous } : actors)) {
      for (const slot of probe.slots) {
        const at = (value: unknown) => ask(operation, actor, probe.input(new Map([...own, [slot.path, value]])), surface)
        const plain = ({ ok, said }: Answer, value: unknown) => (ok ? 'accepted' : said.replaceAll(String(value), '<id>'))
        const strangers = [...new Set(theirThings.map((thing) => (slot.kind === 'number' ? thing.number : thing.id)))].filter(
          (value) => value !== null,
        )
        for (const value of strangers) {
          // the same shape, so that nothing but existence differs
          const nobody =
            slot.kind === 'number'
              ? 7_999_999
              : isUuidLike(value)
                ? randomUUID()
                : String(value).replace(canary, `nobody${randomUUID().slice(0, 8)}`)
          const [answer, absent] = [await at(value), await at(nobody)]
          expect([who, slot.path, value, plain(answer, value)]).toEqual([who, slot.path, value, plain(absent, nobody)])
          expect(answer.said.replaceAll(String(value), '')).not.toContain(canary)
          expect(answer.committed).not.toContain(theirs.tenantId)
        }
      }
    }
  })
})

const isUuidLike = (value: unknown): boolean => /^[0-9a-f]{8}-[0-9a-f]{4}-/.test(String(value))

test('the probe gets through: most operations accept what it sends about our own rows', async () => {
  const refused: string[] = []
  for (const { operation, surface, name } of places) {
    if (slow.has(name)) continue
    const probe = probeOf(operation.input)
    const { ok, said } = await ask(operation, actors.owner as Principal, probe.input(await ownValues(operation, probe, surface)), surface)
    if (!ok) refused.push(`${name}: ${said}`)
  }
  // what is left needs a token, another role, or a whole file
  expect(refused.length, refused.join('\n')).toBeLessThan((places.length - slow.size) / 2)
})

test.each(surfaces.flatMap(({ routes }) => routes).filter(({ options }) => options.stream === undefined))(
  '$method $path shows nobody a word of another tenant',
  async ({ method, path }) => {
    const before = await server.holdfast.runtime.storage.tenant(theirs.tenantId).head()
    const urls = new Set(theirThings.flatMap(({ id, number }) => [id, number ?? id]).map((name) => path.replaceAll(/:\w+/g, String(name))))
    for (const url of method === 'GET' ? urls : [...urls].filter((one) => one !== path)) {
      const answer = await server.send(method, url, { token: ours.token, ...(method === 'GET' ? {} : { body: {} }) })
      expect([url, answer.status < 500]).toEqual([url, true])
      expect(answer.text.replaceAll(url, '')).not.toContain(canary)
    }
    expect((await server.holdfast.runtime.storage.tenant(theirs.tenantId).head())?.sequence).toBe(before?.sequence)
  },
)
