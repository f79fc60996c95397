import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Crm, type Member, startCrm } from './testing/crm.ts'

const page = 'https://app.example.org'
let crm: Crm
beforeAll(async () => {
  crm = await startCrm({ HOLDFAST_CORS_ORIGINS: `${page},https://www.app.example.org` })
})
afterAll(() => crm.close())

describe('another origin', () => {
  const from = (origin: string, what: string, who: Member | null = null, headers: Record<string, string> = {}) =>
    crm.call(who, what, undefined, { origin, ...headers })

  test('that is listed may read every response, errors too', async () => {
    for (const what of ['GET /leads', 'GET /nothing', 'POST /auth/login', 'PATCH /leads', 'POST /leads']) {
      for (const who of [null, crm.admin]) {
        const { headers } = await from(page, what, who)
        expect(headers['access-control-allow-origin']).toBe(page)
        expect(headers.vary).toMatch(/\bOrigin\b/)
        expect(headers['access-control-expose-headers']).toMatch(/X-Request-ID.*Retry-After/)
        expect(headers).not.toHaveProperty('access-control-allow-credentials')
      }
    }
    const malformed = await crm.server.send('POST', '/api/v1/auth/login', { raw: '{', headers: { origin: page } })
    expect([malformed.status, malformed.headers['access-control-allow-origin']]).toEqual([400, page])
  })

  test('that is listed is told before what it may do, on any path, without a token', async () => {
    for (const what of ['OPTIONS /leads', 'OPTIONS /nothing/at/all']) {
      const { status, headers } = await from(page, what)
      expect(status).toBe(204)
      expect(headers['access-control-allow-origin']).toBe(page)
      expect(headers['access-control-allow-methods']).toBe('GET, POST, PUT, PATCH, DELETE, OPTIONS')
      for (const header of ['Content-Type', 'Authorization', 'X-Request-ID', 'Idempotency-Key'])
        expect(headers['access-control-allow-headers']).toContain(header)
      expect(headers['access-control-max-age']).toBe('600')
    }
  })

  test('that is not listed gets none of it', async () => {
    for (const origin of ['https://evil.example', 'http://app.example.org', 'https://app.example.org.evil.example', 'null'])
      for (const what of ['GET /leads', 'OPTIONS /leads']) {
        const { headers } = await from(origin, what)
        for (const name of ['origin', 'methods', 'headers', 'credentials'])
          expect(headers).not.toHaveProperty(`access-control-allow-${name}`)
      }
  })
})
