import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { actionsOf } from '../../testing/log.ts'
import { found, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { anAdmin, anOfficer, fieldsOf, officerPassword, register, said, signIn, tokenOf } from './testing/workforce.ts'

let server: TestServer
let owner: string
let admin: string

beforeAll(async () => {
  server = await startTestServer()
  owner = await server.signIn()
  await register(server, owner, anAdmin(1))
  admin = await tokenOf(server, 'MP0001')
})
afterAll(() => server.close())

const add = (body: unknown, token = admin) => server.send('POST', '/auth/register/', { token, body })
const get = (path: string, token = admin) => server.send('GET', `/auth/${path}`, { token })
const put = (id: string, body: unknown, token = admin) => server.send('PUT', `/auth/admin/employees/${id}/update/`, { token, body })
const act = (method: string, id: string, what: string, token = admin) =>
  server.send(method, `/auth/admin/employees/${id}/${what}`, { token })

describe('registering', () => {
  test.each(['MGJ0001', 'MGJ000001', 'MP001', 'MP00001', 'XYZ0001', 'MGJ0000A', '', 'MGJ00000', 'MP0000', 7, null])(
    'refuses the id %j',
    async (employee_id) => {
      expect(said(await add({ ...anOfficer(9), employee_id }))).toEqual([400, 'Invalid Employee ID format'])
    },
  )

  test.each([
    ['first_name', ''],
    ['first_name', 'A'.repeat(51)],
    ['last_name', ' '],
    ['last_name', 7],
    ['contact_number', '987650001'],
    ['contact_number', '98765000011'],
    ['contact_number', '98765-0001'],
    ['contact_number', 9876500001],
    ['email', 'nobody'],
    ['designation', 'Manager'],
    ['designation', ''],
    ['dccb', 'ATLANTIS'],
    ['dccb', null],
    ['department', 'Astrology'],
    ['reporting_manager', ''],
    ['reporting_manager', 'M'.repeat(101)],
    ['date_of_joining', '2026-02-30'],
    ['date_of_joining', '30/11/2026'],
    ['office_location', '91,0'],
    ['office_location', 'here'],
    ['office_address', 'a'.repeat(301)],
    ['attendance_radius', 0],
    ['attendance_radius', 'far'],
    ['password', ''],
    ['password', 'elevenchars'],
    ['password', 'password1234'],
    ['password_confirmation', 'another'],
    ['must_change_password', 'yes'],
  ])('refuses %s %j', async (field, value) => {
    const answer = await add({ ...anOfficer(9), [field]: value })
    expect([answer.status, fieldsOf(answer)]).toEqual([400, [field]])
    expect(said(answer)[0]).toBe(400)
  })

  test('an Associate needs a list of unions, and nobody else has one', async () => {
    for (const multiple_dccb of [undefined, [], 'SURAT', ['ATLANTIS']])
      expect(fieldsOf(await add({ ...anOfficer(9), designation: 'Associate', multiple_dccb }))).toEqual(['multiple_dccb'])
    const { body } = await register(server, admin, anOfficer(10, { designation: 'Associate', multiple_dccb: ['surat', 'BARODA', 'SURAT'] }))
    expect(body.employee).toMatchObject({ dccb: null, multiple_dccb: ['SURAT', 'BARODA'] })
  })

  test('shows what was stored, in capitals, by the role of the prefix', async () => {
    const sent = anOfficer(11, {
      first_name: ' asha ',
      email: 'Officer11@Example.ORG',
      employee_id: ' mgj00011 ',
      role: 'admin',
      department: 'HR',
      date_of_joining: '2024-02-29',
      office_location: '23.0225,72.5714',
      password_confirmation: officerPassword,
    })
    const { body, headers } = await add(sent)
    expect(body).toMatchObject({ success: true, message: 'Employee created successfully' })
    expect(headers['holdfast-commit']).toMatch(/\/\d+$/)
    const { date_joined, ...view } = body.employee as unknown as Record<string, unknown>
    expect(view).toEqual({
      employee_id: 'MGJ00011',
      username: 'MGJ00011',
      first_name: 'ASHA',
      last_name: 'MEHTA 11',
      contact_number: '9876500011',
      email: 'officer11@example.org',
      role: 'field_officer',
      designation: 'MT',
      dccb: 'SURAT',
      multiple_dccb: null,
      reporting_manager: 'NOBODY YET',
      manager_employee_id: null,
      department: 'HR',
      date_of_joining: '2024-02-29',
      office_location: '23.0225,72.5714',
      office_address: null,
      attendance_radius: 500,
      is_active: true,
      is_staff: false,
      is_superuser: false,
      is_demo_user: false,
      last_login: null,
      must_change_password: false,
    })
    expect(date_joined).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+05:30$/)
    expect((await signIn(server, 'MGJ00011')).status).toBe(200)
  })

  test('administrators have neither union nor manager, and a blank mail is none', async () => {
    const { body } = await server.send('POST', '/auth/create-user/', {
      token: admin,
      body: anAdmin(12, { dccb: 'SURAT', reporting_manager: 'X', email: '' }),
    })
    expect(body.employee).toMatchObject({ role: 'admin', dccb: null, reporting_manager: null, email: null })
  })

  test('what others hold is a conflict, each under its name', async () => {
    expect(said(await add(anOfficer(11)))).toEqual([409, 'Employee ID already exists'])
    expect(said(await add(anOfficer(13, { contact_number: '9876500011' })))).toEqual([409, 'Contact number already exists'])
    expect(said(await add(anOfficer(13, { email: 'OFFICER11@example.org' })))).toEqual([409, 'Email already exists'])
    await server.send('POST', '/v1/users', { token: owner, body: { username: 'mgj00014' } })
    expect(said(await add(anOfficer(14)))).toEqual([409, 'Employee ID already exists'])
  })

  test('of two at once one is made', async () => {
    const answers = await Promise.all([add(anOfficer(15)), add(anOfficer(15)), add(anOfficer(16, { contact_number: '9876500015' }))])
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409])
  })

  test('is for administrators, and leaves one entry without a hash', async () => {
    const officer = await tokenOf(server, 'MGJ00011')
    expect(said(await add(anOfficer(17), officer))).toEqual([403, 'Access denied'])
    expect(await actionsOf(server, () => add(anOfficer(17)))).toEqual(['employee.create'])
    const { text } = await server.send('GET', '/v1/audit?action=employee.create', { token: owner })
    expect(text).toContain('MGJ00017')
    expect(text).not.toContain('argon2')
  })
})

describe('managers by name', () => {
  test('an id or a name of one active employee links, whoever comes first', async () => {
    await register(server, admin, anOfficer(20, { reporting_manager: 'kiran  RAO' }))
    await register(server, admin, anOfficer(21, { reporting_manager: 'mgj00022' }))
    expect((await get('admin/employees/MGJ00020/')).body.employee).toMatchObject({
      manager_employee_id: null,
      reporting_manager: 'KIRAN  RAO',
    })
    await register(server, admin, anOfficer(22, { first_name: 'Kiran', last_name: 'Rao' }))
    for (const id of ['MGJ00020', 'MGJ00021'])
      expect((await get(`admin/employees/${id}/`)).body.employee).toMatchObject({ manager_employee_id: 'MGJ00022' })
    const { body } = await server.send('GET', '/v1/users?q=mgj00020', { token: owner })
    expect(body.items[0]?.managerId).not.toBeNull()
  })

  test('neither two of a name, nor oneself, nor somebody below', async () => {
    const twins = { first_name: 'Same', last_name: 'Name' }
    await register(server, admin, anOfficer(23, twins))
    await register(server, admin, anOfficer(24, twins))
    const [two, self] = [
      await register(server, admin, anOfficer(25, { reporting_manager: 'Same Name' })),
      await register(server, admin, anOfficer(26, { reporting_manager: 'MGJ00026' })),
    ]
    for (const { body } of [two, self]) expect(body.employee).toMatchObject({ manager_employee_id: null })
    // 20 is below 22
    expect((await put('MGJ00022', { reporting_manager: 'MGJ00020' })).body.employee).toMatchObject({ manager_employee_id: null })
  })

  test('a rename is a chance for those who wait, and a text that goes takes the link along', async () => {
    await register(server, admin, anOfficer(27, { reporting_manager: 'LATER NAME' }))
    await register(server, admin, anOfficer(28))
    await put('MGJ00028', { first_name: 'Later', last_name: 'Name' })
    expect((await get('admin/employees/MGJ00027/')).body.employee).toMatchObject({ manager_employee_id: 'MGJ00028' })
    expect((await put('MGJ00027', { reporting_manager: null })).body.employee).toMatchObject({
      manager_employee_id: null,
      reporting_manager: null,
    })
  })

  test('an inactive one is nobody’s manager', async () => {
    await register(server, admin, anOfficer(29))
    await act('PATCH', 'MGJ00029', 'deactivate/')
    const { body } = await register(server, admin, anOfficer(30, { reporting_manager: 'MGJ00029' }))
    expect(body.employee).toMatchObject({ manager_employee_id: null })
  })
})

describe('changing', () => {
  test.each([
    [{}, ['body']],
    [{ employee_id: 'MGJ00099' }, ['employee_id']],
    [{ role: 'admin' }, ['role']],
    [{ is_active: false }, ['is_active']],
    [{ date_of_joining: '2024-01-01' }, ['date_of_joining']],
    [{ password: officerPassword }, ['password']],
    [{ firstName: 'X' }, ['first_name']],
    [{ first_name: 7 }, ['first_name']],
    [{ contact_number: '12' }, ['contact_number']],
    [{ designation: 'Associate' }, ['multiple_dccb']],
    [{ dccb: null }, ['dccb']],
    [{ designation: 'HR' }, ['designation']],
  ])('%j is refused', async (body, fields) => {
    const answer = await put('MGJ00011', body)
    expect([answer.status, fieldsOf(answer)]).toEqual([400, fields])
  })

  test('unknown, deleted and foreign ids are not found', async () => {
    const stranger: Person = await found(server)
    for (const [id, token] of [
      ['MGJ77777', admin],
      ['nonsense', admin],
      ['MGJ00011', stranger.token],
    ] as const) {
      expect(said(await put(id, { first_name: 'X' }, token))).toEqual([404, 'Not found'])
      expect(said(await get(`admin/employees/${id}/`, token))).toEqual([404, 'Not found'])
      expect(said(await act('DELETE', id, '', token))).toEqual([404, 'Not found'])
    }
  })

  test('what others hold is a conflict; one’s own is none', async () => {
    expect(said(await put('MGJ00011', { contact_number: '9876500010' }))).toEqual([409, 'Contact number already exists'])
    expect(said(await put('MGJ00011', { email: 'officer10@example.org' }))).toEqual([409, 'Email already exists'])
    expect((await put('MGJ00011', { email: 'OFFICER11@example.org', contact_number: '9876500011' })).status).toBe(200)
  })

  test('every field can be changed, and the user goes along', async () => {
    const changes = {
      first_name: 'Nila',
      last_name: 'Joshi',
      designation: 'Associate',
      multiple_dccb: ['KUTCH'],
      department: 'CCR',
      contact_number: '9000000011',
      email: 'nila@example.org',
      office_location: '0,-180',
      office_address: 'Dock 4',
      attendance_radius: 100,
    }
    const { status, body } = await put('MGJ00011', changes)
    expect([status, body.message]).toEqual([200, 'Employee updated successfully'])
    expect(body.employee).toMatchObject({ ...changes, first_name: 'NILA', last_name: 'JOSHI', dccb: null })
    const user = (await server.send('GET', '/v1/users?q=mgj00011', { token: owner })).body.items[0]
    expect(user).toMatchObject({ fullName: 'NILA JOSHI', email: 'nila@example.org' })
  })

  test('a change of the user on the native interface shows here', async () => {
    const { body } = await server.send('GET', '/v1/users?q=mgj00016', { token: owner })
    expect(body.items).toHaveLength(0)
    await register(server, admin, anOfficer(31))
    const user = (await server.send('GET', '/v1/users?q=mgj00031', { token: owner })).body.items[0]
    const patch = (fields: object, version: unknown) =>
      server.send('PATCH', `/v1/users/${user?.id}`, { token: owner, body: { version, ...fields } })
    expect((await patch({ username: 'other' }, user?.version)).body.code).toBe('employee_username')
    const changed = await patch({ email: 'new31@example.org', isActive: false, role: 'admin' }, user?.version)
    expect(changed.status).toBe(200)
    expect((await get('admin/employees/MGJ00031/')).body.employee).toMatchObject({
      email: 'new31@example.org',
      is_active: false,
      role: 'admin',
    })
    expect((await get('admin/employees/?role=admin&status=inactive')).body.count).toBe(1)
  })
})

describe('deactivating, deleting and coming back', () => {
  test('ends every session at once, and twice is refused', async () => {
    await register(server, admin, anOfficer(40))
    const token = await tokenOf(server, 'MGJ00040')
    expect(said(await act('PATCH', 'MGJ00040', 'activate/'))).toEqual([400, 'Employee already active'])
    expect(said(await act('PATCH', 'MGJ00040', 'deactivate/'))).toEqual([200, 'Employee MGJ00040 has been deactivated'])
    expect((await server.send('POST', '/auth/logout/', { token, body: {} })).status).toBe(401)
    expect(said(await act('PATCH', 'MGJ00040', 'deactivate/'))).toEqual([400, 'Employee already inactive'])
    expect(said(await act('PATCH', 'MGJ00040', 'activate/'))).toEqual([200, 'Employee MGJ00040 has been activated'])
    expect((await signIn(server, 'MGJ00040')).status).toBe(200)
  })

  test('demo users and oneself stay, and so does the last active administrator', async () => {
    await register(server, admin, anOfficer(41, { is_demo_user: true }))
    for (const [method, what] of [
      ['PATCH', 'deactivate/'],
      ['DELETE', ''],
    ] as const) {
      expect(said(await act(method, 'MGJ00041', what))).toEqual([403, 'Demo users cannot be removed'])
      expect(said(await act(method, 'MP0001', what))).toEqual([409, 'You cannot remove yourself'])
    }
    const other = await found(server)
    await register(server, other.token, anAdmin(1))
    for (const [method, what] of [
      ['PATCH', 'deactivate/'],
      ['DELETE', ''],
    ] as const)
      expect(said(await act(method, 'MP0001', what, other.token))).toEqual([409, 'The last active admin cannot be removed'])
    await register(server, other.token, anAdmin(2))
    const answers = await Promise.all(['MP0001', 'MP0002'].map((id) => act('PATCH', id, 'deactivate/', other.token)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
  })

  test('a deleted one signs in nowhere, is in no list, and keeps the id', async () => {
    await register(server, admin, anOfficer(42))
    const before = Number((await get('admin/employees/')).body.count)
    const token = await tokenOf(server, 'MGJ00042')
    expect(said(await act('POST', 'MGJ00042', 'restore/'))).toEqual([404, 'Not found'])
    expect(said(await act('DELETE', 'MGJ00042', ''))).toEqual([200, 'Employee MGJ00042 has been deleted'])
    expect((await server.send('POST', '/auth/logout/', { token, body: {} })).status).toBe(401)
    expect((await signIn(server, 'MGJ00042')).status).toBe(401)
    expect((await get('admin/employees/')).body.count).toBe(before - 1)
    expect((await get('admin/employees/?role=all&search=mgj00042')).body.employees).toEqual([])
    expect((await get('admin/employees/MGJ00042/')).status).toBe(404)
    expect(said(await add(anOfficer(42, { contact_number: '9000000042', email: '' })))).toEqual([
      409,
      'Employee ID belongs to a deleted employee',
    ])
    expect(said(await act('DELETE', 'MGJ00042', ''))).toEqual([404, 'Not found'])
    const user = (await server.send('GET', '/v1/users?q=mgj00042', { token: owner })).body.items[0]
    const revived = await server.send('PATCH', `/v1/users/${user?.id}`, { token: owner, body: { version: user?.version, isActive: true } })
    expect(revived.body.code).toBe('employee_deleted')

    const back = await act('POST', 'MGJ00042', 'restore/')
    expect(said(back)).toEqual([200, 'Employee MGJ00042 has been restored'])
    expect(back.body.employee).toMatchObject({ employee_id: 'MGJ00042', is_active: true })
    expect((await signIn(server, 'MGJ00042')).status).toBe(200)
  })

  test('who was inactive when deleted comes back inactive', async () => {
    await register(server, admin, anOfficer(43))
    await act('PATCH', 'MGJ00043', 'deactivate/')
    await act('DELETE', 'MGJ00043', '')
    expect((await act('POST', 'MGJ00043', 'restore/')).body.employee).toMatchObject({ is_active: false })
  })
})
