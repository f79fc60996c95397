import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aLead, type Crm, type Member, said, startCrm } from './testing/crm.ts'

let crm: Crm
let agent: Member
let auditor: Member

beforeAll(async () => {
  crm = await startCrm()
  agent = await crm.join({})
  auditor = await crm.joinAs('auditor')
})
afterAll(() => crm.close())

const bad = (token: string): Member => ({ id: 0, username: '', token })

describe('without a good token', () => {
  test('the header is missing, or it is no bearer', async () => {
    for (const headers of [{}, { authorization: 'Basic b3duZXI6eA==' }, { authorization: 'Bearer' }, { authorization: crm.admin.token }]) {
      const answer = await crm.call(null, 'GET /leads', undefined, headers)
      expect(said(answer)).toEqual([401, 'Missing or invalid authorization header'])
      expect(answer.headers['www-authenticate']).toBe('Bearer')
    }
  })

  test('the token is bad, unsigned, signed by another key, or of another algorithm', async () => {
    const [head, claims, signature = ''] = crm.admin.token.split('.')
    const unsigned = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
    const symmetric = Buffer.from('{"alg":"HS256","typ":"at+jwt"}').toString('base64url')
    const other = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    for (const token of ['x', `${unsigned}.${claims}.`, `${symmetric}.${claims}.${signature}`, `${head}.${claims}.${other}`]) {
      const answer = await crm.call(bad(token), 'GET /auth/me')
      expect(said(answer)).toEqual([401, 'Invalid or expired token'])
      expect(answer.headers['www-authenticate']).toBe('Bearer')
    }
  })
})

describe('addresses', () => {
  test('that are unknown, or lack the method, are not there whatever the token', async () => {
    for (const what of [
      'GET /nothing',
      'GET /',
      'GET /leads/1',
      'PATCH /leads/1',
      'DELETE /users/1',
      'POST /summary',
      'GET /auth/login',
      'GET /users/',
    ])
      for (const who of [null, bad('x'), crm.admin]) expect(said(await crm.call(who, what))).toEqual([404, 'Endpoint not found'])
  })

  test('with an id that can be nobody answer like one that is absent', async () => {
    for (const id of ['0', '-1', '1e3', '1.0', 'abc', '99999', '1234567890123456', '0195a000-0000-7000-8000-000000000001', '%20']) {
      expect(said(await crm.call(crm.admin, `PUT /leads/${id}`, {}))).toEqual([404, 'Lead not found'])
      expect(said(await crm.call(crm.admin, `DELETE /leads/${id}`))).toEqual([404, 'Lead not found'])
      expect(said(await crm.call(crm.admin, `POST /leads/${id}/send-docs`))).toEqual([404, 'Lead not found'])
      expect(said(await crm.call(crm.admin, `PUT /users/${id}`, {}))).toEqual([404, 'User not found'])
    }
  })

  test('of rows of another tenant answer like absent ones', async () => {
    const stranger = await crm.stranger()
    const lead = await crm.lead()
    expect(said(await crm.call(stranger, `PUT /leads/${lead.id}`, { city: 'x' }))).toEqual([404, 'Lead not found'])
    expect(said(await crm.call(stranger, `DELETE /leads/${lead.id}`))).toEqual([404, 'Lead not found'])
    expect(said(await crm.call(stranger, `PUT /users/${auditor.id}`, { full_name: 'x' }))).toEqual([404, 'User not found'])
    const own = await crm.call(stranger, 'GET /leads')
    expect(own.body).toEqual({ leads: [], total: 0 })
  })
})

describe('bodies', () => {
  const post = (raw: string) => crm.server.send('POST', '/api/v1/leads', { token: crm.admin.token, raw })

  test('that are malformed, or no object, are refused', async () => {
    for (const raw of ['{', '{"a":1,}', 'x', '[]', '[{}]', '7', '"x"', 'null', 'true', '{"a":1,"a":2}'])
      expect(said(await post(raw))).toEqual([400, 'Malformed JSON'])
  })

  test('that are empty count as {}', async () => {
    expect(said(await post(''))).toEqual([400, 'practice_name is required'])
    expect(said(await crm.call(crm.admin, 'POST /leads'))).toEqual([400, 'practice_name is required'])
    expect(said(await crm.call(null, 'POST /auth/login'))).toEqual([400, 'Username and password required'])
  })

  test('are read whatever media type they claim', async () => {
    const answer = await crm.server.send('POST', '/api/v1/leads', {
      token: crm.admin.token,
      raw: JSON.stringify(aLead()),
      headers: { 'content-type': 'text/plain' },
    })
    expect(answer.status).toBe(201)
  })

  test('that are too large are refused with a plain sentence', async () => {
    const answer = await post(JSON.stringify(aLead({ source: 'x'.repeat(1024 * 1024) })))
    expect(said(answer)).toEqual([413, 'Request body is too large'])
  })

  test('name no fields of the server, and unknown ones are ignored', async () => {
    const { body, status } = await crm.call(
      crm.admin,
      'POST /leads',
      aLead({
        id: 4711,
        created_at: '2001-01-01T00:00:00.000Z',
        updated_at: 'x',
        docs_sent: true,
        docs_sent_at: 'x',
        docs_sent_by: 'x',
        closed_at: 'x',
        closed_by_user_id: 1,
        closed_by_username: 'x',
        auto_converted: true,
        conversion_reason: 'x',
        assigned_at: 'x',
        email_used: 'x',
        password_hash: 'x',
        nonsense: ['<'],
        cityName: '<',
        ownerId: 'x',
        owner: 'x',
        leadStatus: 'x',
        practiceName: '<',
      }),
    )
    expect(status).toBe(201)
    expect(body.lead).toMatchObject({
      docs_sent: false,
      closed_at: null,
      closed_by_user_id: null,
      auto_converted: false,
      conversion_reason: '',
      docs_sent_by: '',
    })
    expect(Number(body.lead?.id)).toBeLessThan(1000)
    expect(String(body.lead?.created_at)).toMatch(/^20[2-9]\d-/)
  })
})

describe('who made it', () => {
  test('is the caller, whoever else is named', async () => {
    const named = (who: Member, what: string, body: object, created_by: unknown) => crm.call(who, what, { ...body, created_by })
    for (const created_by of ['somebody', 'owner2', 7])
      for (const [what, body] of [['POST /leads', aLead()] as const, ['POST /users', {}] as const])
        expect(said(await named(crm.admin, what, body, created_by))).toEqual([403, 'created_by must be the caller'])
    for (const created_by of ['', null, agent.username]) {
      const answer = await named(agent, 'POST /leads', aLead(), created_by)
      expect([answer.status, answer.body.lead?.created_by]).toEqual([201, agent.username])
    }
    expect(said(await crm.call(crm.admin, 'POST /leads/bulk', { leads: [aLead(), aLead({ created_by: 'x' })] }))).toEqual([
      400,
      'Lead 2: created_by must be the caller',
    ])
  })
})

describe('a refusal', () => {
  test('is a problem with one plain sentence, a stable code, and the fields in our words', async () => {
    const answer = await crm.call(crm.admin, 'POST /leads', aLead({ zip_code: 'a<b' }))
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(answer.body).toMatchObject({
      status: 400,
      title: 'Bad Request',
      detail: 'zip_code contains characters that are not allowed',
      code: 'text_not_allowed',
      error: 'Bad Request',
      message: 'zip_code contains characters that are not allowed',
      requestId: answer.headers['x-request-id'],
    })
    expect(answer.body.errors?.map(({ field }) => field)).toEqual(['zip_code'])
  })

  test('of an auditor who would write, or of staff without a tenant, says so', async () => {
    for (const what of [
      'POST /leads',
      'PUT /leads/1',
      'DELETE /leads/1',
      'POST /leads/bulk',
      'POST /leads/1/send-docs',
      'POST /users',
      'PUT /users/1',
    ])
      expect(said(await crm.call(auditor, what, {}))).toEqual([403, 'Read-only account'])
    const staff = await crm.staff()
    for (const what of [
      'GET /auth/me',
      'GET /users',
      'GET /leads',
      'POST /leads',
      'PUT /users/1',
      'POST /users',
      'GET /summary',
      'GET /organization',
      'GET /admin/analytics',
      'GET /analytics/dashboard',
      'GET /reports/commission',
      'GET /managers',
    ]) {
      const answer = await crm.call(staff, what)
      expect([...said(answer), answer.body.code]).toEqual([403, 'No tenant', 'no_tenant'])
    }
  })

  test('with 403 leaves one entry in the log', async () => {
    const refused = await crm.call(agent, 'GET /admin/analytics')
    expect(refused.status).toBe(403)
    const { body } = await crm.server.send('GET', `/v1/audit?requestId=${refused.headers['x-request-id']}`, { token: crm.admin.token })
    expect(body.items?.map(({ action }) => action)).toEqual(['access.denied'])
  })
})

test('a request id is on every response', async () => {
  for (const what of ['GET /leads', 'GET /nothing', 'POST /leads']) {
    const answer = await crm.call(crm.admin, what)
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    if (answer.status >= 400) expect(answer.body.requestId).toBe(answer.headers['x-request-id'])
  }
})

describe('an idempotency key', () => {
  test('brings the first answer again, and the effect once', async () => {
    const body = aLead({ practice_name: 'Once Dental' })
    const first = await crm.call(crm.admin, 'POST /leads', body, { 'idempotency-key': 'once-1' })
    const again = await Promise.all([1, 2, 3].map(() => crm.call(crm.admin, 'POST /leads', body, { 'idempotency-key': 'once-1' })))
    expect(first.status).toBe(201)
    for (const answer of again) expect([answer.status, answer.text]).toEqual([201, first.text])
    const found = await crm.call(crm.admin, 'GET /leads/search?q=once%20dental')
    expect(found.body.total).toBe(1)
  })

  test('is its caller’s own', async () => {
    const made = await Promise.all([crm.admin, agent].map((who) => crm.call(who, 'POST /leads', aLead(), { 'idempotency-key': 'mine' })))
    expect(new Set(made.map(({ body }) => body.lead?.id)).size).toBe(2)
  })

  test('used with another body is a conflict', async () => {
    await crm.call(crm.admin, 'POST /leads', aLead(), { 'idempotency-key': 'twice' })
    const answer = await crm.call(crm.admin, 'POST /leads', aLead({ city: 'x' }), { 'idempotency-key': 'twice' })
    expect([answer.status, answer.body.code]).toEqual([409, 'idempotency_mismatch'])
  })

  test('does nothing for a sign-in', async () => {
    const body = { username: agent.username, password: 'wrong' }
    await crm.call(null, 'POST /auth/login', body, { 'idempotency-key': 'in' })
    const answer = await crm.call(
      null,
      'POST /auth/login',
      { username: agent.username, password: 'violet harbour 7 lanterns' },
      { 'idempotency-key': 'in' },
    )
    expect(answer.status).toBe(200)
  })

  test('keeps no password in clear, nor a hash', async () => {
    const password = 'thirteen purple kites 4'
    const made = await crm.call(crm.admin, 'POST /users', { username: 'kept.secret', password }, { 'idempotency-key': 'user-1' })
    expect(made.status).toBe(201)
    expect(made.text).not.toMatch(/password|argon|hash/i)
  })
})
