import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { enterOwner, found, hire, join, type Person } from '../testing/people.ts'
import { type Answer, type Loose, startTestServer, type TestServer } from '../testing/server.ts'
import { type Deliveries, startWebhooks } from './deliver.ts'
import { Webhook } from './entity.ts'
import { type Receiver, startReceiver } from './testing/receiver.ts'

const quick = { timeoutMs: 300, retryMs: { first: 10, longest: 40 }, attempts: 3, givesUpAfter: 3 }

let server: TestServer
let owner: Person
let deliveries: Deliveries
let receiver: Receiver

beforeAll(async () => {
  server = await startTestServer({ HOLDFAST_WEBHOOK_PRIVATE: 'on' })
  owner = await enterOwner(server)
  receiver = await startReceiver()
  deliveries = startWebhooks(server.holdfast.runtime, quick)
})
afterAll(async () => {
  await deliveries.stop()
  await receiver.kill()
  await server.close()
})

const said = ({ status, body }: Answer) => [status, body?.code]
const call = (by: Person, method: string, path: string, body?: unknown) =>
  server.send(method, `/v1/webhooks${path}`, { token: by.token, ...(body === undefined ? {} : { body }) })

/** A webhook of a tenant of its own, to a receiver of its own. */
async function hooked(events: readonly string[] = ['user.*'], given: Record<string, unknown> = {}) {
  const boss = await found(server)
  const to = await startReceiver()
  const { body, status } = await call(boss, 'POST', '', { name: 'Payroll', url: to.url, events, ...given })
  expect(status).toBe(201)
  to.secrets.push(String(body.secret))
  const show = async (): Promise<Loose> => (await call(boss, 'GET', `/${body.id}`)).body
  const invite = async (username: string) => (await server.send('POST', '/v1/users', { token: boss.token, body: { username } })).body
  /** Asks until it is so: what is written down after a message is not there the moment it arrives. */
  const until = async (enough: (shown: Loose) => boolean): Promise<Loose> => {
    let shown = await show()
    await vi.waitFor(
      async () => {
        shown = await show()
        expect(enough(shown), JSON.stringify(shown)).toBe(true)
      },
      { timeout: 60_000, interval: 10 },
    )
    return shown
  }
  const names = () => to.received.map(({ data }) => String((data.changes as { fields: { username?: string } }[])[0]?.fields.username))
  return { boss, to, id: String(body.id), made: body, show, until, invite, names }
}

describe('a webhook is not', () => {
  test.each(['supervisor', 'manager', 'member', 'auditor'] as const)('made by a %s', async (role) => {
    const one = await join(server, owner, { role })
    expect(said(await call(one, 'POST', '', { name: 'x', url: receiver.url, events: ['*'] }))).toEqual([403, 'forbidden'])
    expect(said(await call(one, 'GET', ''))).toEqual([403, 'forbidden'])
  })

  test('made by staff or a machine', async () => {
    expect(said(await call(await hire(server), 'POST', '', { name: 'x', url: receiver.url, events: ['*'] }))).toEqual([403, 'forbidden'])
    const { body } = await server.send('POST', '/v1/api-keys', { token: owner.token, body: { name: 'k', role: 'admin' } })
    expect(said(await server.send('GET', '/v1/webhooks', { headers: { 'x-api-key': String(body.key) } }))).toEqual([403, 'forbidden'])
  })

  test.each([
    [{ url: 'https://a.example/', events: ['*'] }, 'name'],
    [{ name: ' ', url: 'https://a.example/', events: ['*'] }, 'name'],
    [{ name: 'x'.repeat(101), url: 'https://a.example/', events: ['*'] }, 'name'],
    [{ name: 'x', events: ['*'] }, 'url'],
    [{ name: 'x', url: 'ftp://a.example/', events: ['*'] }, 'url'],
    [{ name: 'x', url: `https://a.example/${'x'.repeat(2_000)}`, events: ['*'] }, 'url'],
    [{ name: 'x', url: 'https://a.example/', events: [] }, 'events'],
    [{ name: 'x', url: 'https://a.example/', events: ['users'] }, 'events.0'],
    [{ name: 'x', url: 'https://a.example/', events: ['*.create'] }, 'events.0'],
    [{ name: 'x', url: 'https://a.example/', events: Array.from({ length: 51 }, () => 'a.b') }, 'events'],
    [{ name: 'x', url: 'https://a.example/', events: ['*'], secret: 'mine' }, 'secret'],
  ])('made from %j', async (body, field) => {
    expect(await call(owner, 'POST', '', body)).toMatchObject({ status: 422, body: { code: 'validation_failed', errors: [{ field }] } })
  })

  test('made where a tenant has 20, nor while 25 are asked for at once', async () => {
    const { boss } = await hooked()
    const make = () => call(boss, 'POST', '', { name: 'x', url: receiver.url, events: ['a.b'] })
    const answers = await Promise.all(Array.from({ length: 25 }, make))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(19)
    expect(said(await make())).toEqual([409, 'too_many_webhooks'])
    const { body } = await call(boss, 'GET', '')
    await call(boss, 'DELETE', `/${body.items[0]?.id}`)
    expect((await make()).status).toBe(201)
  })

  test('found by another tenant, whatever is asked of it', async () => {
    const { id, boss } = await hooked()
    const other = await found(server)
    const nobody = '019b1f3a-7c40-7000-8000-0000000000ff'
    const calls: [string, string, unknown?][] = [
      ['GET', ''],
      ['PATCH', '', { version: 1, name: 'x' }],
      ['DELETE', ''],
      ['POST', '/rotate-secret', {}],
      ['POST', '/replay', { after: 0 }],
      ['GET', '/dead-letters'],
      ['POST', '/dead-letters/resend', {}],
      ['POST', `/dead-letters/${nobody}/resend`, {}],
      ['DELETE', '/dead-letters'],
    ]
    for (const [method, path, body] of calls) {
      const { requestId: _, ...foreign } = (await call(other, method, `/${id}${path}`, body)).body as Loose
      const { requestId: __, ...absent } = (await call(other, method, `/${nobody}${path}`, body)).body as Loose
      expect(foreign).toEqual(absent)
      expect(foreign).toMatchObject({ status: 404, code: 'not_found' })
    }
    expect((await call(boss, 'GET', `/${id}`)).status).toBe(200)
  })
})

test('a secret is shown once, and stands sealed in the store and nowhere else', async () => {
  const { made, id, boss, show } = await hooked(['*'])
  expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  const row = await server.holdfast.runtime.storage.tenant(boss.tenantId).get(Webhook, id)
  const { text } = await server.send('GET', '/v1/audit?limit=50', { token: boss.token })
  for (const place of [JSON.stringify(row), text, JSON.stringify(await show())]) expect(place).not.toContain(String(made.secret).slice(6))
  expect(Object.keys(await show()).filter((key) => /secret|former|sealed/i.test(key))).toEqual([])
})

test('what happens is sent signed, in order, as the audit log has it, and only what was asked for', async () => {
  const { to, invite, boss, until, names } = await hooked(['user.create'])
  for (const name of ['ann', 'ben', 'cem']) await invite(name)
  await server.send('POST', '/v1/api-keys', { token: boss.token, body: { name: 'k', role: 'member' } })
  await to.until((received) => received.length === 3)
  expect(names()).toEqual(['ann', 'ben', 'cem'])
  expect(to.received.every(({ isGenuine, type }) => isGenuine && type === 'user.create')).toBe(true)
  const { body } = await server.send('GET', '/v1/audit?action=user.create&order=asc', { token: boss.token })
  expect(to.received.map(({ data: { isCut: _, ...data } }) => data)).toEqual(body.items.slice(-3))
  expect(JSON.stringify(to.received)).not.toMatch(/argon2|password_?hash/i)
  await until(({ lastDeliveredAt }) => lastDeliveredAt !== null)
})

test('a webhook that wants everything is not told of its own deliveries', async () => {
  const { to, invite, until } = await hooked(['*'])
  await invite('ann')
  await until(({ lastDeliveredAt }) => lastDeliveredAt !== null)
  await invite('ben')
  await to.until((received) => received.some(({ data }) => JSON.stringify(data.changes).includes('"ben"')))
  expect(new Set(to.received.map(({ type }) => type)).has('webhook.deliver')).toBe(false)
})

test('a receiver that was down gets everything once it is back, in order, and no commit waited for it', async () => {
  const { to, invite, until, names, show } = await hooked()
  await to.kill()
  for (const name of ['ann', 'ben']) expect(await invite(name)).toMatchObject({ username: name })
  await until(({ lastError }) => lastError !== null)
  expect(await show()).toMatchObject({ lastError: expect.stringContaining('connection failed'), isActive: true })
  await to.restart()
  await to.until((received) => received.length >= 2)
  const shown = await until(({ lastDeliveredAt, attempts }) => lastDeliveredAt !== null && Number(attempts) === 0)
  expect(names().filter((name, n, all) => all.indexOf(name) === n)).toEqual(['ann', 'ben'])
  expect(shown).toMatchObject({ nextAttemptAt: null })
})

test.each([
  ['an error', 500, 'Answered 500'],
  ['a redirect, which is not followed', 307, 'Answered 307; redirects are not followed'],
])('%s is tried again, and is a dead letter after three attempts, while the next entry goes on', async (_, status, error) => {
  const { to, invite, boss, id, until, names } = await hooked()
  to.answers.push(status, status, status)
  await invite('ann')
  await invite('ben')
  await to.until((received) => received.length === 4)
  expect(names()).toEqual(['ann', 'ann', 'ann', 'ben'])
  expect(new Set(to.received.slice(0, 3).map((one) => one.id)).size).toBe(1)
  await until(({ deadLetters, lastDeliveredAt }) => Number(deadLetters) === 1 && lastDeliveredAt !== null)
  const { body } = await call(boss, 'GET', `/${id}/dead-letters`)
  expect(body.items).toEqual([expect.objectContaining({ action: 'user.create', attempts: 3, lastError: error, isQueued: false })])
})

test('a dead letter that is sent again and taken is one no more, and keeps its id', async () => {
  const { to, invite, boss, id, until } = await hooked()
  to.answers.push(500, 500, 500)
  await invite('ann')
  await until(({ deadLetters }) => Number(deadLetters) === 1)
  const { body } = await call(boss, 'GET', `/${id}/dead-letters`)
  to.answers.push(500)
  expect((await call(boss, 'POST', `/${id}/dead-letters/${body.items[0]?.id}/resend`, {})).body).toEqual({ queued: 1 })
  await until(({ lastFailedAt }) => lastFailedAt !== null)
  await to.until((received) => received.length === 4)
  await vi.waitFor(async () =>
    expect((await call(boss, 'GET', `/${id}/dead-letters`)).body.items).toMatchObject([{ attempts: 4, isQueued: false }]),
  )
  await call(boss, 'POST', `/${id}/dead-letters/resend`, {})
  await until(({ deadLetters }) => Number(deadLetters) === 0)
  expect(to.received).toHaveLength(5)
  expect(new Set(to.received.map((one) => one.id)).size).toBe(1)
  expect(said(await call(boss, 'POST', `/${id}/dead-letters/${body.items[0]?.id}/resend`, {}))).toEqual([404, 'not_found'])
})

test('dead letters are thrown away one by one, or all', async () => {
  const { to, invite, boss, id, until, show } = await hooked()
  to.answers.push(...Array.from({ length: 6 }, () => 400))
  await invite('ann')
  await invite('ben')
  await until(({ deadLetters }) => Number(deadLetters) === 2)
  const { body } = await call(boss, 'GET', `/${id}/dead-letters`)
  expect((await call(boss, 'DELETE', `/${id}/dead-letters/${body.items[0]?.id}`)).status).toBe(204)
  expect((await show()).deadLetters).toBe(1)
  expect((await call(boss, 'DELETE', `/${id}/dead-letters`)).status).toBe(204)
  expect((await show()).deadLetters).toBe(0)
})

test('a webhook is switched off after three dead letters in a row, and goes on where it stopped once it is switched on', async () => {
  const { to, invite, boss, id, until, show, names } = await hooked()
  to.answers.push(...Array.from({ length: 9 }, () => 503))
  for (const name of ['ann', 'ben', 'cem', 'dora']) await invite(name)
  expect(await until(({ isActive }) => isActive === (false as never))).toMatchObject({ disabledReason: 'failing', deadLetters: 3 })
  const { version } = await show()
  expect(said(await call(boss, 'PATCH', `/${id}`, { version: 1, isActive: true }))).toEqual([409, 'version_conflict'])
  expect(said(await call(boss, 'PATCH', `/${id}`, { isActive: true }))).toEqual([422, 'validation_failed'])
  expect((await call(boss, 'PATCH', `/${id}`, { version, isActive: true })).body).toMatchObject({ isActive: true, disabledReason: null })
  await to.until((received) => received.length === 10)
  expect(names().at(-1)).toBe('dora')
})

test('a receiver that says it is gone is never asked again', async () => {
  const { to, invite, until } = await hooked()
  to.answers.push(410)
  await invite('ann')
  expect(await until(({ isActive }) => isActive === (false as never))).toMatchObject({ disabledReason: 'gone', deadLetters: 0 })
  await invite('ben')
  expect(to.received).toHaveLength(1)
})

test('a receiver that never answers is given up in time', async () => {
  const { to, invite, until } = await hooked()
  to.answers.push(() => {})
  await invite('ann')
  await until(({ lastError }) => String(lastError) === 'No answer within 0.3 s')
  await to.until((received) => received.length === 2)
})

test('both secrets sign while the former one is kept, and only the new one when it is not', async () => {
  const { to, invite, boss, id, made } = await hooked()
  const first = await call(boss, 'POST', `/${id}/rotate-secret`, {})
  expect(first.body.secret).not.toBe(made.secret)
  await invite('ann')
  await to.until((received) => received.length === 1)
  expect(to.received[0]?.isGenuine).toBe(true)
  const second = await call(boss, 'POST', `/${id}/rotate-secret`, { keepSeconds: 0 })
  expect(second.body.formerUntil).toBeNull()
  await invite('ben')
  await to.until((received) => received.length === 2)
  expect(to.received[1]?.isGenuine).toBe(false)
  to.secrets.push(String(second.body.secret))
  await invite('cem')
  await to.until((received) => received.length === 3)
  expect(to.received[2]?.isGenuine).toBe(true)
  expect(said(await call(boss, 'POST', `/${id}/rotate-secret`, { keepSeconds: 604_801 }))).toEqual([422, 'validation_failed'])
})

test('the log is sent again from any position, under the same ids', async () => {
  const { to, invite, boss, id, names, show } = await hooked()
  for (const name of ['ann', 'ben']) await invite(name)
  await to.until((received) => received.length === 2)
  const { position } = (await call(boss, 'POST', `/${id}/replay`, { after: Number(to.received[0]?.data.sequence) })).body
  expect(position).toBe(to.received[0]?.data.sequence)
  await to.until((received) => received.length >= 3)
  expect(names().at(-1)).toBe('ben')
  expect(to.received[2]?.id).toBe(to.received[1]?.id)
  const beyond = Number((await server.holdfast.runtime.storage.tenant(boss.tenantId).head())?.sequence) + 1_000
  expect(said(await call(boss, 'POST', `/${id}/replay`, { after: beyond }))).toEqual([422, 'validation_failed'])
  await show()
})

test('a webhook that is off sends nothing, and one that ended is gone', async () => {
  const { to, invite, boss, id, show } = await hooked(['user.*'], { isActive: false })
  await invite('ann')
  expect(to.received).toHaveLength(0)
  expect((await call(boss, 'DELETE', `/${id}`)).status).toBe(204)
  expect(await show()).toMatchObject({ status: 404 })
})

test('what happened while no server ran is sent by the next one, from the position that was written down', async () => {
  const { to, invite, names, until } = await hooked()
  await invite('ann')
  await until(({ lastDeliveredAt }) => lastDeliveredAt !== null)
  await deliveries.stop()
  await invite('ben')
  await server.restart()
  deliveries = startWebhooks(server.holdfast.runtime, quick)
  await to.until((received) => received.length === 2)
  expect(names()).toEqual(['ann', 'ben'])
})

test('metrics tell how deliveries go', async () => {
  const { text } = await server.send('GET', '/metrics', { token: owner.token })
  expect(text).toMatch(/^holdfast_webhook_deliveries_total [1-9]/m)
  expect(text).toMatch(/^holdfast_webhook_failures_total [1-9]/m)
  expect(text).toMatch(/^holdfast_webhook_dead_letters_total [1-9]/m)
  expect(text).toMatch(/^holdfast_webhook_lag_seconds \d/m)
})
