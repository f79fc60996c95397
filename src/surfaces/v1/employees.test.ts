import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enterOwner, join, type Person } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person
beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
})
afterAll(() => server.close())

const officer = {
  employeeId: 'MGJ00001',
  firstName: 'Asha',
  lastName: 'Mehta',
  contactNumber: '9876500001',
  designation: 'MT',
  dccb: 'SURAT',
  reportingManager: 'MP0001',
  email: 'asha@example.org',
  password: 'nine herons over the weir',
}
const send = (method: string, path: string, body?: unknown, token = owner.token) =>
  server.send(method, path, { token, ...(body === undefined ? {} : { body }) })
const problemOf = ({ status, body }: { status: number; body: unknown }) => {
  const { code, errors = [] } = body as { code: string; errors?: { field: string }[] }
  return [status, code, errors.map(({ field }) => field)]
}

describe('an employee on the native interface', () => {
  test('is refused as everywhere, with 422 and 409', async () => {
    expect(problemOf(await send('POST', '/v1/users', { ...officer, employeeId: 'MGJ1' }))).toEqual([
      422,
      'employee_id_invalid',
      ['employeeId'],
    ])
    expect(problemOf(await send('POST', '/v1/users', { ...officer, dccb: 'ATLANTIS' }))).toEqual([422, 'validation_failed', ['dccb']])
    expect(problemOf(await send('POST', '/v1/users', { ...officer, username: 'asha' }))).toEqual([422, 'validation_failed', ['username']])
    expect(problemOf(await send('POST', '/v1/users', { firstName: 'Asha', username: 'asha' }))[0]).toBe(422)
    expect(problemOf(await send('POST', '/v1/users', {}))).toEqual([422, 'validation_failed', ['username']])
    const manager = await join(server, owner, { role: 'manager' })
    expect((await send('POST', '/v1/users', officer, manager.token)).status).toBe(403)
  })

  test('is made, shown, listed and changed as one thing', async () => {
    const made = await send('POST', '/v1/users', officer)
    expect([made.status, made.body]).toMatchObject([
      201,
      {
        username: 'MGJ00001',
        employeeId: 'MGJ00001',
        firstName: 'ASHA',
        fullName: 'ASHA MEHTA',
        role: 'member',
        dccb: 'SURAT',
        managerId: null,
        version: 1,
      },
    ])
    expect(made.headers.location).toBe(`/v1/users/${made.body.id}`)
    expect(problemOf(await send('POST', '/v1/users', officer))).toEqual([409, 'employee_id_taken', ['employeeId']])
    const boss = await send('POST', '/v1/users', {
      ...officer,
      employeeId: 'MP0001',
      contactNumber: '9123400001',
      email: null,
      designation: 'HR',
      dccb: null,
      reportingManager: null,
      password: null,
    })
    expect(boss.body).toMatchObject({ role: 'admin', employeeId: 'MP0001' })
    const { body } = await send('GET', `/v1/users/${made.body.id}`)
    expect(body).toMatchObject({ contactNumber: '9876500001', managerId: boss.body.id })
    const listed = (await send('GET', '/v1/users')).body.items
    expect(listed.find(({ id }) => id === made.body.id)).toEqual(body)
    expect(listed.find(({ id }) => String(id) === owner.id)).not.toHaveProperty('employeeId')

    const changed = await send('PATCH', `/v1/users/${made.body.id}`, { version: body.version, designation: 'DC', email: 'new@example.org' })
    expect([changed.status, changed.body]).toMatchObject([
      200,
      { designation: 'DC', email: 'new@example.org', version: Number(body.version) + 1 },
    ])
    const radius = await send('PATCH', `/v1/users/${made.body.id}`, { version: changed.body.version, attendanceRadius: 50 })
    expect(radius.body).toMatchObject({ attendanceRadius: 50, version: Number(changed.body.version) + 1 })
    expect(problemOf(await send('PATCH', `/v1/users/${made.body.id}`, { version: changed.body.version, attendanceRadius: 60 }))[1]).toBe(
      'version_conflict',
    )
    expect(
      problemOf(await send('PATCH', `/v1/users/${made.body.id}`, { version: radius.body.version, dccb: 'KUTCH', isActive: false })),
    ).toEqual([422, 'validation_failed', ['isActive']])
    expect(problemOf(await send('PATCH', `/v1/users/${owner.id}`, { version: 1, dccb: 'KUTCH' }))).toEqual([
      422,
      'validation_failed',
      ['dccb'],
    ])
  })
})
