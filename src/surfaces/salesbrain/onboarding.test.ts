import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { stopClock } from '../../testing/clock.ts'
import { enter, freshAddress, goodPassword, join } from '../../testing/people.ts'
import type { Loose } from '../../testing/server.ts'
import { foreigner, listOf, type Sales, startSales } from './testing/sales.ts'

let sales: Sales
const base = '/api/admin/onboarding'
const dayMs = 86_400_000
const clock = {
  nowMs: () => sales.server.holdfast.runtime.clock.businessMs(),
  /** Business time alone: the owner's token goes on. */
  advance(ms: number) {
    const { clock } = sales.server.holdfast.runtime
    const { businessMs } = clock
    Object.assign(clock, { businessMs: () => businessMs() + ms })
  },
}

beforeAll(async () => {
  sales = await startSales({ HOLDFAST_ONBOARDING_MISSES_PER_MINUTE: '3', HOLDFAST_PUBLIC_URL: 'https://join.example.org' })
})
beforeEach(() => {
  stopClock(sales.server)
})
afterAll(() => sales.close())

type Link = { link_id: string; link_token: string; link_url: string; expires_at: string; status: string }
const create = async (body: object = {}) => (await sales.post(`${base}/create-link`, body)).body.data as unknown as Link
const detail = async ({ link_id }: Link) => (await sales.get(`${base}/link/${link_id}`)).body.data as Loose
const visitor = (headers: Record<string, string> = {}, from = freshAddress()) => ({
  headers: { 'user-agent': 'A browser', ...headers },
  from,
})
const open = ({ link_token }: Pick<Link, 'link_token'>, given = visitor()) => sales.server.send('GET', `${base}/o/${link_token}`, given)
const progress = ({ link_token }: Link, body: object, headers = {}) =>
  sales.server.send('PUT', `${base}/o/${link_token}/progress`, { body, headers })
const complete = ({ link_token }: Link, body: object = {}, headers = {}) =>
  sales.server.send('POST', `${base}/o/${link_token}/complete`, { body, headers })
const revoke = ({ link_id }: Link) => sales.post(`${base}/link/${link_id}/revoke`)
const extend = ({ link_id }: Link, additional_days: unknown = 7) => sales.post(`${base}/link/${link_id}/extend`, { additional_days })

describe('making a link', () => {
  test.each([
    [{ template_name: '' }, 'template_name'],
    [{ template_name: 'x'.repeat(101) }, 'template_name'],
    [{ welcome_message: 'x'.repeat(5_001) }, 'welcome_message'],
    [{ welcome_message: 'a\0b' }, 'welcome_message'],
    [{ expiration_days: 0 }, 'expiration_days'],
    [{ expiration_days: 366 }, 'expiration_days'],
    [{ expiration_days: 1.5 }, 'expiration_days'],
    [{ expiration_days: null }, 'expiration_days'],
    [{ total_steps: 101 }, 'total_steps'],
    [{ expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    [{ expires_at: '2999-01-01T00:00:00Z' }, 'expires_at'],
    [{ expires_at: '2026-12-24T00:00:00' }, 'expires_at'],
    [{ max_uses: 0 }, 'max_uses'],
    [{ dedupe_seconds: 86_401 }, 'dedupe_seconds'],
    [{ user_role: 'member' }, 'user_role'],
    [{ creates_user: true, user_role: 'owner' }, 'user_role'],
    [{ team_id: randomUUID() }, 'team_id'],
  ])('refuses %j', async (body, field) => {
    expect(await sales.post(`${base}/create-link`, body)).toMatchObject({ status: 422, body: { errors: [{ field }] } })
  })

  test('tells a token once made, an address, and an end to the second', async () => {
    const { link_token, link_url, expires_at, status, ...rest } = await create({ expiration_days: '2' })
    expect(Object.keys(rest)).toEqual(['link_id'])
    expect(link_token).toMatch(/^[A-Za-z0-9]{32}$/)
    expect(link_url).toBe(`https://join.example.org/o/${link_token}`)
    expect(Date.parse(expires_at)).toBe(clock.nowMs() + 2 * dayMs)
    expect(expires_at).toMatch(/\.\d{6}\+00:00$/)
    expect(status).toBe('active')
  })

  test('pins a role below one’s own, and a team that is there', async () => {
    const admin = await join(sales.server, sales.owner, { role: 'admin' })
    const pin = (user_role: string, token: string) => sales.post(`${base}/create-link`, { creates_user: true, user_role }, token)
    expect((await pin('admin', admin.token)).body).toMatchObject({ status: 403, code: 'role_not_grantable' })
    expect((await pin('supervisor', admin.token)).status).toBe(201)
    expect((await pin('admin', sales.owner.token)).status).toBe(201)
    expect((await sales.post(`${base}/create-link`, { creates_user: true, team_id: randomUUID() })).body.detail).toBe('Team not found')
  })

  test('is for administrators; who only reads sees no token and no code', async () => {
    const link = await create()
    const auditor = await join(sales.server, sales.owner, { role: 'auditor' })
    const member = await join(sales.server, sales.owner)
    expect((await sales.post(`${base}/create-link`, {}, auditor.token)).status).toBe(403)
    expect((await sales.get(`${base}/links`, member.token)).status).toBe(403)
    expect((await sales.get(`${base}/link/${link.link_id}`, auditor.token)).body.data).toMatchObject({ link_token: null, link_url: null })
    expect((await sales.get(`${base}/link/${link.link_id}/qr`, auditor.token)).status).toBe(403)
    const other = await foreigner(sales.server)
    const [foreign, absent] = [
      await sales.get(`${base}/link/${link.link_id}`, other.token),
      await sales.get(`${base}/link/${randomUUID()}`),
    ]
    expect([foreign.status, foreign.body.detail]).toEqual([404, `Onboarding link ${link.link_id} not found`])
    expect(absent.status).toBe(404)
  })

  test('its code is an image of the address', async () => {
    const link = await create()
    const png = await sales.get(`${base}/link/${link.link_id}/qr?size=300`)
    expect(png.headers['content-type']).toBe('image/png')
    const svg = await sales.get(`${base}/link/${link.link_id}/qr?format=svg`)
    expect(svg.headers['content-type']).toBe('image/svg+xml')
    expect(svg.text).toContain('<svg')
    expect((await sales.get(`${base}/link/${link.link_id}/qr?size=63`)).status).toBe(422)
  })
})

describe('opening', () => {
  test('shows exactly what a new hire needs, and counts a click and a visit', async () => {
    const link = await create({ template_name: 'Sales', total_steps: 3 })
    const answer = await open(link, visitor({}, '203.0.113.7'))
    expect(answer.body).toEqual({
      success: true,
      data: {
        organization_name: 'Acme',
        welcome_message: 'Welcome to Salesbrain!',
        total_steps: 3,
        current_step: 1,
        progress_percentage: 0,
        template_name: 'Sales',
      },
    })
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
    expect(await detail(link)).toMatchObject({
      clicks_count: 1,
      ip_addresses: [{ ip: '203.0.113.7' }],
      user_agents: [{ user_agent: 'A browser' }],
    })
  })

  test('counts repeats once in their time, also at once; robots and prefetches never', async () => {
    const link = await create()
    const one = visitor()
    await Promise.all(Array.from({ length: 10 }, () => open(link, one)))
    clock.advance(29_999)
    await open(link, one)
    expect((await detail(link)).clicks_count).toBe(1)
    clock.advance(1)
    await open(link, one)
    for (const headers of [{ 'user-agent': 'WhatsApp/2' }, { 'sec-purpose': 'prefetch;prerender' }, { purpose: 'preview' }])
      expect((await open(link, visitor(headers))).status).toBe(200)
    expect((await sales.server.send('HEAD', `${base}/o/${link.link_token}`, visitor())).status).toBe(200)
    expect((await detail(link)).clicks_count).toBe(2)
    const { body } = await sales.get(`${base}/link/${link.link_id}/visits?limit=1`)
    expect(body.data).toMatchObject({ total: 2, limit: 1, offset: 0, has_more: true })
    const every = await create({ dedupe_seconds: 0 })
    await Promise.all(Array.from({ length: 5 }, () => open(every, one)))
    expect((await detail(every)).clicks_count).toBe(5)
  })

  test('an unknown token is throttled for its network, and nobody else notices', async () => {
    const link = await create()
    const from = freshAddress()
    const miss = () => sales.server.send('GET', `${base}/o/${'x'.repeat(32)}`, { from })
    for (let n = 0; n < 3; n += 1) expect((await miss()).body).toMatchObject({ status: 404, detail: 'Onboarding link not found' })
    const limited = await miss()
    expect(limited.status).toBe(429)
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0)
    expect((await open(link, { headers: {}, from } as never)).status).toBe(200)
  })

  test('needs no token of a user, and does not look at one', async () => {
    const link = await create()
    expect((await open(link, { headers: { authorization: 'Bearer nonsense' }, from: freshAddress() } as never)).status).toBe(200)
  })
})

describe('the states of a link', () => {
  test('expired is true when the time comes, and time given makes it active again', async () => {
    const link = await create({ expiration_days: 1 })
    clock.advance(dayMs - 1)
    expect((await open(link)).status).toBe(200)
    clock.advance(1)
    expect(await open(link)).toMatchObject({ status: 410, body: { detail: 'This onboarding link has expired' } })
    expect((await progress(link, { current_step: 2, progress_percentage: 10 })).body.detail).toBe('Link not found or not active')
    expect((await complete(link)).status).toBe(404)
    const listed = async (status: string) =>
      listOf(await sales.get(`${base}/links?status=${status}&limit=500`), 'links').map(({ id }) => id)
    expect(await listed('expired')).toContain(link.link_id)
    expect(await listed('active')).not.toContain(link.link_id)
    expect((await extend(link, '2')).body).toEqual({ success: true, message: 'Link expiration extended by 2 days' })
    expect(Date.parse(String((await detail(link)).expires_at))).toBe(clock.nowMs() + 2 * dayMs)
    expect((await open(link)).status).toBe(200)
  })

  test('revoked is final', async () => {
    const link = await create()
    expect((await revoke(link)).body.message).toBe(`Onboarding link ${link.link_id} revoked successfully`)
    expect(await revoke(link)).toMatchObject({ status: 404, body: { detail: 'Link not found or already revoked/used' } })
    expect(await open(link)).toMatchObject({ status: 403, body: { detail: 'This onboarding link has been revoked' } })
    expect((await complete(link)).status).toBe(404)
    expect((await extend(link)).body.code).toBe('link_not_extendable')
    expect(await detail(link)).toMatchObject({ status: 'revoked', revoked_by: sales.owner.id, revoked_reason: 'Revoked by admin' })
  })

  test('progress never goes back, and completing is the end', async () => {
    const link = await create({ total_steps: 4 })
    expect((await progress(link, { current_step: 5, progress_percentage: 0 })).body.errors).toMatchObject([{ field: 'current_step' }])
    expect((await progress(link, { current_step: 2 })).status).toBe(422)
    expect((await progress(link, { current_step: 3, progress_percentage: 60 })).body.message).toBe('Progress updated successfully')
    expect((await progress(link, { current_step: 2, progress_percentage: 90 })).status).toBe(200)
    expect(await detail(link)).toMatchObject({ current_step: 3, progress_percentage: 90 })
    expect((await complete(link)).body).toEqual({ success: true, message: 'Onboarding completed successfully! 🎉' })
    expect((await complete(link)).body.detail).toBe('Link not found or not active')
    expect(await open(link)).toMatchObject({ status: 410, body: { detail: 'This onboarding link has already been used' } })
    expect(await detail(link)).toMatchObject({ status: 'used', current_step: 4, progress_percentage: 100, uses_count: 1 })
  })

  test('of revoking and completing at once exactly one wins; extensions at once add up', async () => {
    for (let round = 0; round < 5; round += 1) {
      const link = await create()
      const [done, gone] = await Promise.all([complete(link), revoke(link)])
      expect([done.status, gone.status].sort()).toEqual([200, 404])
      const { completed_at, revoked_at } = await detail(link)
      expect([completed_at, revoked_at].filter((time) => time === null)).toHaveLength(1)
    }
    const link = await create({ expiration_days: 1 })
    await Promise.all(Array.from({ length: 8 }, () => extend(link, 1)))
    expect(Date.parse(String((await detail(link)).expires_at))).toBe(clock.nowMs() + 9 * dayMs)
  })
})

describe('a link that many use', () => {
  const session = (n: number) => ({ 'x-onboarding-session': `session-${String(n).padStart(12, '0')}` })

  test('keeps each person’s way apart and lets exactly as many through as it may', async () => {
    const link = await create({ max_uses: 3 })
    expect((await complete(link)).body.code).toBe('session_required')
    expect((await progress(link, { current_step: 2, progress_percentage: 20 }, { 'x-onboarding-session': 'short' })).status).toBe(422)
    await progress(link, { current_step: 2, progress_percentage: 20 }, session(1))
    expect((await open(link, visitor(session(1)))).body.data).toMatchObject({ current_step: 2, progress_percentage: 20 })
    expect((await open(link, visitor(session(2)))).body.data).toMatchObject({ current_step: 1, progress_percentage: 0 })
    expect((await complete(link, {}, session(1))).status).toBe(200)
    expect((await complete(link, {}, session(1))).status).toBe(404)
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => complete(link, {}, session(n + 10))))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2)
    expect(await detail(link)).toMatchObject({ status: 'used', uses_count: 3 })
    expect((await sales.get(`${base}/link/${link.link_id}/completions`)).body.data).toMatchObject({ total: 3 })
  })

  test('makes accounts that work at once, with the pinned role, and none for who is refused', async () => {
    const link = await create({ max_uses: 2, creates_user: true, user_role: 'manager' })
    const hire = { first_name: 'Nora', last_name: 'Newcomer', email: 'nora@example.org', password: goodPassword, role: 'owner' }
    expect((await open(link)).body.data).toMatchObject({ creates_user: true })
    for (const wrong of [{ first_name: '' }, { email: 'x' }, { password: 'short' }, { email: undefined }])
      expect((await complete(link, { ...hire, ...wrong }, session(1))).status).toBe(422)
    const done = await complete(link, hire, session(1))
    expect(done).toMatchObject({ status: 200, body: { data: { login: 'nora@example.org', role: 'manager' } } })
    expect((await complete(link, hire, session(2))).body).toMatchObject({ status: 409, code: 'login_taken' })
    expect((await detail(link)).uses_count).toBe(1)
    const person = await enter(sales.server, { login: 'nora@example.org', tenant: sales.owner.tenantId })
    expect(person.role).toBe('manager')
  })

  test('may ask for approval: nobody is in before somebody says yes', async () => {
    const link = await create({ creates_user: true, requires_approval: true })
    await complete(link, { first_name: 'Wait', last_name: 'Here', username: 'waiting', password: goodPassword })
    const tenant = sales.owner.tenantId
    await expect(enter(sales.server, { login: 'waiting', tenant })).rejects.toThrow('401')
    const [first] = (await sales.get('/v1/onboarding/approvals')).body.items as unknown as Loose[]
    const decide = (decision: string) => sales.post(`/v1/onboarding/approvals/${first?.id}`, { decision })
    expect((await decide('approve')).body).toMatchObject({ approval: 'approved' })
    expect((await decide('reject')).body.code).toBe('already_decided')
    expect((await enter(sales.server, { login: 'waiting', tenant })).username).toBe('waiting')
  })

  test('gives a lost answer again, by an Idempotency-Key of its own', async () => {
    const link = await create({ creates_user: true })
    const body = { first_name: 'Once', last_name: 'Only', username: 'once-only', password: goodPassword }
    const first = await complete(link, body, { 'idempotency-key': 'k1' })
    const again = await complete(link, body, { 'idempotency-key': 'k1' })
    expect(again.text).toBe(first.text)
    expect(again.headers['idempotency-replayed']).toBe('true')
  })
})

test('no token reaches the log', async () => {
  const link = await create()
  await open(link)
  await complete(link)
  const entries = await sales.server.holdfast.runtime.storage.tenant(sales.owner.tenantId).log(null, 0, 1_000)
  expect(entries.map(({ text }) => text).join()).not.toContain(link.link_token)
})
