import { expect, test } from 'vitest'
import { AppError, type ErrorKind, statusOf } from '../../kernel/errors.ts'
import { problem } from './problem.ts'
import { vantagepoint } from './routes.ts'

const statuses = [400, 401, 403, 404, 413, 429, 500, 502, 503, 507]
const asked = { method: 'POST', path: '/api/v1/leads', operation: 'lead.create', role: null }

test('whatever was refused has a status of the contract, and one plain sentence', () => {
  for (const kind of Object.keys(statusOf) as ErrorKind[]) {
    const { status, detail } = problem(new AppError(kind, 'some_code', 'A sentence.'), asked)
    expect([statuses.includes(status), detail]).toEqual([true, 'A sentence.'])
  }
})

test('409 is for idempotency keys alone, and a race that was not won is for later', () => {
  for (const code of ['idempotency_mismatch', 'idempotency_in_progress'])
    expect(problem(new AppError('conflict', code, 'x'), asked).status).toBe(409)
  expect(problem(new AppError('conflict', 'version_conflict', 'x'), asked).status).toBe(503)
})

test('a sign-in says the same whatever stands in its way, but for a network that is held off', () => {
  const signIn = { ...asked, path: '/api/v1/auth/login', operation: 'agent.sign-in' }
  const codes = [
    ['unauthenticated', 'invalid_credentials'],
    ['unauthenticated', 'second_factor_required'],
    ['limited', 'throttled'],
  ] as const
  for (const [kind, code] of codes)
    expect(problem(new AppError(kind, code, 'x'), signIn)).toMatchObject({ status: 401, detail: 'Invalid credentials' })
  expect(problem(new AppError('limited', 'network_throttled', 'x'), signIn)).toMatchObject({
    status: 429,
    detail: 'Too many attempts, try again later',
  })
})

test('a tenant that may not work any more is told so, after the right password and with a good token alike', () => {
  for (const operation of ['agent.sign-in', 'agent.get'])
    for (const [code, detail] of [
      ['tenant_inactive', 'Tenant is inactive'],
      ['tenant_expired', 'Tenant license has expired'],
    ] as const)
      expect(problem(new AppError('forbidden', code, detail), { ...asked, operation })).toMatchObject({ status: 403, detail })
})

test('every address of the contract is routed', () => {
  const routed = vantagepoint.routes.map(({ method, path }) => `${method} ${path.replace('/api/v1', '')}`)
  expect(routed.sort()).toEqual(
    [
      'POST /auth/login',
      'GET /auth/me',
      'GET /auth/profile',
      'POST /auth/logout',
      'POST /auth/change-password',
      'POST /users',
      'GET /users',
      'PUT /users/:id',
      'GET /managers',
      'GET /organization',
      'GET /leads',
      'GET /leads/search',
      'POST /leads',
      'PUT /leads/:id',
      'DELETE /leads/:id',
      'POST /leads/bulk',
      'POST /leads/:id/send-docs',
      'GET /summary',
      'GET /admin/analytics',
      'GET /analytics/dashboard',
      'GET /reports/commission',
    ].sort(),
  )
})
