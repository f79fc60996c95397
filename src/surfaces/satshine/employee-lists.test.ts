import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { found } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { anAdmin, anOfficer, officerPassword, register, said, tokenOf } from './testing/workforce.ts'

let server: TestServer
let owner: string
let admin: string

beforeAll(async () => {
  server = await startTestServer()
  owner = await server.signIn()
  await register(server, owner, anAdmin(1))
  admin = await tokenOf(server, 'MP0001')
  await register(server, owner, anOfficer(11))
})
afterAll(() => server.close())

const get = (path: string, token = admin) => server.send('GET', `/auth/${path}`, { token })
const put = (id: string, body: unknown, token = admin) => server.send('PUT', `/auth/admin/employees/${id}/update/`, { token, body })
const act = (method: string, id: string, what: string, token = admin) =>
  server.send(method, `/auth/admin/employees/${id}/${what}`, { token })

describe('lists and checks', () => {
  test('25 a page, by id; a page beyond the end is empty; filters and a literal search', async () => {
    const tenant = await found(server)
    for (let number = 130; number > 100; number--)
      await register(server, tenant.token, anOfficer(number, number === 105 ? { last_name: '100% Wool_' } : {}))
    await register(server, tenant.token, anAdmin(1))
    await register(server, tenant.token, anOfficer(131, { designation: 'DC', dccb: 'KUTCH' }))
    await act('PATCH', 'MGJ00110', 'deactivate/', tenant.token)
    const list = async (query: string) => (await get(`admin/employees/${query}`, tenant.token)).body
    const first = await list('')
    expect(first).toMatchObject({ success: true, count: 31, page: 1, pages: 2, page_size: 25 })
    const second = await list('?page=2')
    const ids = [
      ...(first.employees as never as { employee_id: string }[]),
      ...(second.employees as never as { employee_id: string }[]),
    ].map((one) => one.employee_id)
    expect(ids).toEqual([...ids].sort())
    expect(ids).toHaveLength(31)
    expect((await list('?page=3')).employees).toEqual([])
    const counts = await Promise.all(
      [
        '?role=admin',
        '?role=all',
        '?status=inactive',
        '?status=active',
        '?designation=DC',
        '?dccb=KUTCH',
        '?search=100%25%20wool_',
        '?search=%25',
        '?search=OFFICER131',
        '?search=mgj0013',
      ].map(async (query) => (await list(query)).count),
    )
    expect(counts).toEqual([1, 32, 1, 30, 1, 1, 1, 1, 1, 2])
    for (const query of ['?page=0', '?page=x', '?status=gone'])
      expect((await get(`admin/employees/${query}`, tenant.token)).status).toBe(400)
  })

  test('an auditor reads and does not write', async () => {
    await server.send('POST', '/v1/users', { token: owner, body: { username: 'auditor', role: 'auditor', password: officerPassword } })
    const auditor = await server.signIn('auditor', officerPassword)
    expect((await get('admin/employees/', auditor)).status).toBe(200)
    expect(said(await put('MGJ00011', { first_name: 'X' }, auditor))).toEqual([403, 'Access denied'])
  })

  test.each([
    [
      'validate-employee-id/?employee_id=mgj00051',
      {
        valid: true,
        role: 'field_officer',
        designations: [
          ['MT', 'MT'],
          ['DC', 'DC'],
          ['Support', 'Support'],
          ['Associate', 'Associate'],
        ],
      },
    ],
    [
      'validate-employee-id/?employee_id=MP0051',
      {
        valid: true,
        role: 'admin',
        designations: [
          ['Manager', 'Manager'],
          ['HR', 'HR'],
          ['Delivery Head', 'Delivery Head'],
        ],
      },
    ],
    ['validate-employee-id/?employee_id=MGJ1', { valid: false, error: 'Invalid Employee ID format' }],
    ['validate-employee-id/?employee_id=MGJ00000', { valid: false, error: 'Invalid Employee ID format' }],
    ['validate-employee-id/', { valid: false, error: 'Invalid Employee ID format' }],
    ['validate-employee-id/?employee_id=MP0001', { valid: false, error: 'Employee ID already exists' }],
    ['validate-contact/?contact=9000000000', { valid: true }],
    ['validate-contact/?contact=900000000', { valid: false, error: 'Must be exactly 10 digits' }],
    ['validate-contact/?contact=9123400001', { valid: false, error: 'Contact number already exists' }],
    ['validate-email/?email=free@example.org', { valid: true }],
    ['validate-email/?email=nobody', { valid: false, error: 'Invalid email format' }],
    ['validate-email/', { valid: false, error: 'Invalid email format' }],
    ['validate-email/?email=ADMIN1@example.org', { valid: false, error: 'Email already exists' }],
  ])('%s', async (path, verdict) => {
    const { status, body } = await get(path)
    expect([status, body]).toEqual([200, verdict])
  })
})
