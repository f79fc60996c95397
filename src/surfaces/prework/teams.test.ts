import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { moveClock } from '../../testing/clock.ts'
import { enter, enterOwner, found, invite, join, type Person } from '../../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person
let manager: Person
let people: Person[]

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
  manager = await join(server, owner, { role: 'manager' })
  people = await Promise.all(Array.from({ length: 4 }, () => join(server, owner)))
})
afterAll(() => server.close())

const send = (method: string, path: string, body?: unknown, { token } = manager) =>
  server.send(method, `/api/teams${path}`, { token, ...(body === undefined ? {} : { body }) })
const create = async (body: object = {}) => (await send('POST', '', { name: 'Night shift', ...body })).body.team as Loose
const members = async (team: Loose, by = manager) =>
  (await send('GET', `/${team.teamId}/members`, undefined, by)).body.members as unknown as Loose[]
const idOf = (at: number) => people[at]?.id as string

describe('a team', () => {
  test('is made with its members in one commit, or not at all', async () => {
    const made = await send('POST', '', { name: 'Day shift', members: [{ userId: idOf(0) }, { userId: idOf(1), role: 'observer' }] })
    expect(made).toMatchObject({
      status: 201,
      body: {
        team: { memberCount: 3, managerId: manager.id, settings: { visibility: 'organization' } },
        message: 'Team created successfully',
      },
    })
    expect((made.body.members as unknown as Loose[]).map(({ role }) => role)).toEqual(['team_lead', 'member', 'observer'])
    const other = await found(server, 'other-teams')
    for (const userId of [randomUUID(), other.id])
      expect(await send('POST', '', { name: 'Never', members: [{ userId }] })).toMatchObject({
        status: 404,
        body: { detail: 'User not found' },
      })
    const teams = (await send('GET', '?limit=200')).body.teams as unknown as Loose[]
    expect(teams.map(({ name }) => name)).not.toContain('Never')
    for (const body of [
      {},
      { name: '' },
      { name: 'x', members: Array(26).fill({ userId: idOf(0) }) },
      { name: 'x', members: [{ userId: manager.id }] },
    ])
      expect((await send('POST', '', body)).status).toBe(400)
    expect((await send('POST', '', { name: 'x' }, people[0])).status).toBe(403)
  })

  test('of twenty-five is one commit, and of more at once none', async () => {
    const many = await Promise.all(Array.from({ length: 26 }, () => invite(server, owner, {})))
    const all = many.map(({ id }) => ({ userId: String(id) }))
    const tooMany = { status: 400, body: { errors: [{ field: 'members', message: 'must be at most 25' }] } }
    expect(await send('POST', '', { name: 'Large', members: all })).toMatchObject(tooMany)
    const { body } = await send('POST', '', { name: 'Large', members: all.slice(1) })
    expect((body.team as Loose).memberCount).toBe(26)
    expect(await members(body.team as Loose)).toHaveLength(26)
    const empty = await create()
    expect(await send('POST', `/${empty.teamId}/members`, { members: all })).toMatchObject(tooMany)
    expect((await send('POST', `/${empty.teamId}/members`, { members: all.slice(1) })).body).toMatchObject({ memberCount: 26 })
  })

  test('counts its members right whoever joins and leaves at once', async () => {
    const team = await create()
    const path = `/${team.teamId}/members`
    await Promise.all(people.map(({ id }) => send('POST', path, { userId: id })))
    await Promise.all([
      send('DELETE', `${path}/${idOf(0)}`),
      send('DELETE', `${path}/${idOf(1)}`),
      send('POST', path, { userId: owner.id }),
    ])
    const { body } = await send('GET', `?teamId=${team.teamId}`)
    expect((body.team as Loose).memberCount).toBe((await members(team)).length)
    expect((body.team as Loose).memberCount).toBe(4)
    expect((await send('POST', path, { userId: idOf(2) })).body.detail).toBe('User is already a member of this team')
    expect((await send('DELETE', `${path}/${idOf(0)}`)).body.detail).toBe('User is not a member of this team')
  })

  test('never loses its last lead, also when two go at once', async () => {
    const team = await create({ members: [{ userId: idOf(0), role: 'team_lead' }] })
    const answers = await Promise.all(
      [manager.id, idOf(0)].map((id) => send('PATCH', `/${team.teamId}/members/${id}`, { role: 'member' }, owner)),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
    expect((await members(team)).filter(({ role }) => String(role) === 'team_lead')).toHaveLength(1)
  })

  test('is hidden from outsiders where it is private, and shown to those in it', async () => {
    const team = await create({ settings: { visibility: 'private' }, members: [{ userId: idOf(0) }] })
    expect((await send('GET', `?teamId=${team.teamId}`, undefined, people[0])).status).toBe(200)
    expect((await send('GET', `?teamId=${team.teamId}`, undefined, people[1])).status).toBe(404)
    const mine = (await send('GET', `?userId=${idOf(0)}`, undefined, people[0])).body.teams as unknown as Loose[]
    expect(mine.map(({ teamId }) => teamId)).toContain(team.teamId)
    const theirs = (await send('GET', '?limit=200', undefined, people[1])).body.teams as unknown as Loose[]
    expect(theirs.map(({ teamId }) => teamId)).not.toContain(team.teamId)
    expect((await send('PUT', '', { teamId: team.teamId, updates: { name: 'x' } }, people[0])).status).toBe(403)
    const changed = await send('PUT', '', {
      teamId: team.teamId,
      revision: 1,
      updates: { settings: { notificationSettings: { overdue: false } }, managerId: idOf(1) },
    })
    expect(changed.body.team).toMatchObject({
      managerId: idOf(1),
      memberCount: 3,
      settings: { visibility: 'private', notificationSettings: { overdue: false, completions: true } },
    })
    expect((await send('PUT', '', { teamId: team.teamId, revision: 1, updates: {} })).body.code).toBe('revision_conflict')
    expect((await send('DELETE', `?teamId=${team.teamId}`)).body).toEqual({ message: 'Team deleted successfully' })
    expect((await send('GET', `/${team.teamId}/members`)).status).toBe(404)
  })
})

test('a team lists its members in the order in which they came', async () => {
  const later = [await join(server, owner), await join(server, owner), await join(server, owner)].reverse()
  const team = await create()
  for (const { id } of later) await send('POST', `/${team.teamId}/members`, { userId: id })
  expect((await members(team)).map(({ userId }) => userId)).toEqual([manager.id, ...later.map(({ id }) => id)])
})

test('a team has five hundred members at most, whichever way they come', async () => {
  const crowd: string[] = []
  const add = async (limit: number) => {
    const made = await Promise.all(
      Array.from({ length: limit }, (_, n) =>
        invite(server, owner, { username: `crowd-${crowd.length + n}`, email: `crowd-${crowd.length + n}@example.org` }),
      ),
    )
    crowd.push(...made.map(({ id }) => String(id)))
  }
  while (crowd.length < 500) await add(25)
  const team = await create()
  const path = `/${team.teamId}/members`
  for (let at = 0; at < 475; at += 25)
    expect((await send('POST', path, { members: crowd.slice(at, at + 25).map((userId) => ({ userId })) })).status).toBe(201)
  const rest = crowd.slice(475).map((userId) => ({ userId }))
  expect(await send('POST', path, { members: rest })).toMatchObject({ status: 409, body: { code: 'team_full' } })
  expect((await send('POST', path, { members: rest.slice(1) })).body).toMatchObject({ memberCount: 500 })
  expect((await send('POST', path, { userId: crowd[475] })).body.code).toBe('team_full')
  expect((await send('PUT', '', { teamId: team.teamId, updates: { managerId: crowd[475] } })).body.code).toBe('team_full')
  const guest = await mailed('the-last@example.org')
  const { invitationId } = (await send('POST', `/${team.teamId}/invitations`, { invitedEmail: 'the-last@example.org' })).body
    .invitation as Loose
  expect((await send('POST', `/invitations/${invitationId}/accept`, {}, guest)).body.code).toBe('team_full')
  expect(((await send('GET', `?teamId=${team.teamId}`)).body.team as Loose).memberCount).toBe(500)
}, 400_000)

/** Somebody with a mail address, to whom invitations can go. */
async function mailed(email: string): Promise<Person> {
  const guest = await join(server, owner)
  const { body: row } = await server.send('GET', `/v1/users/${guest.id}`, { token: owner.token })
  await server.send('PATCH', `/v1/users/${guest.id}`, { token: owner.token, body: { version: row.version, email } })
  return guest
}

test('whoever invites by what they are in the team makes nobody more than that', async () => {
  const [lead, senior, member] = [people[0], people[1], people[2]]
  const team = await create({
    settings: { allowMemberInvites: true },
    members: [{ userId: lead?.id, role: 'team_lead' }, { userId: senior?.id, role: 'senior_member' }, { userId: member?.id }],
  })
  const roles = ['team_lead', 'senior_member', 'member', 'observer']
  for (const [by, expected] of [
    [manager, [201, 201, 201, 201]],
    [lead, [201, 201, 201, 201]],
    [senior, [403, 201, 201, 201]],
    [member, [403, 403, 201, 201]],
  ] as const) {
    const answers = []
    for (const role of roles)
      answers.push((await send('POST', `/${team.teamId}/invitations`, { invitedEmail: `${role}-${by?.id}@example.org`, role }, by)).status)
    expect(answers).toEqual(expected)
  }
})

test('an invitation can be declined, once, and then nobody joined', async () => {
  const team = await create({ settings: { visibility: 'private' } })
  const guest = await mailed('declines@example.org')
  const { invitationId } = (await send('POST', `/${team.teamId}/invitations`, { invitedEmail: 'declines@example.org' })).body
    .invitation as Loose
  const declined = await send('POST', `/invitations/${invitationId}/decline`, {}, guest)
  expect(declined).toMatchObject({ status: 200, body: { invitation: { invitationId, status: 'declined' } } })
  expect((await send('POST', `/invitations/${invitationId}/accept`, {}, guest)).body.code).toBe('invitation_settled')
  expect(await members(team)).toHaveLength(1)
  expect((await send('POST', `/${team.teamId}/invitations`, { invitedEmail: 'declines@example.org' })).status).toBe(201)
})

test('an invitation is for one address, once, for a week', async () => {
  const team = await create({ settings: { allowMemberInvites: true } })
  const path = `/${team.teamId}/invitations`
  const guest = await mailed('guest@example.org')
  const tardy = await mailed('late@example.org')
  expect((await send('POST', path, { invitedEmail: 'guest@example.org' }, people[3])).status).toBe(403)
  const sent = await send('POST', path, { invitedEmail: 'Guest@Example.org', role: 'senior_member' })
  expect(sent).toMatchObject({ status: 201, body: { invitation: { status: 'pending', invitedEmail: 'guest@example.org' } } })
  expect((await send('POST', path, { invitedEmail: 'guest@example.org' })).body.code).toBe('invitation_pending')
  const { invitationId } = sent.body.invitation as Loose
  expect((await send('GET', '/invitations', undefined, guest)).body.invitations).toMatchObject([{ invitationId }])
  expect((await send('POST', `/invitations/${invitationId}/accept`, {}, people[0])).status).toBe(404)
  const accepted = await send('POST', `/invitations/${invitationId}/accept`, {}, guest)
  expect(accepted.body).toMatchObject({ invitation: { status: 'accepted' }, member: { userId: guest.id, role: 'senior_member' } })
  expect((await send('POST', `/invitations/${invitationId}/decline`, {}, guest)).body.code).toBe('invitation_settled')
  expect((await send('POST', path, { invitedEmail: 'guest@example.org' })).body.code).toBe('already_member')
  const late = (await send('POST', path, { invitedEmail: 'late@example.org' })).body.invitation as Loose
  expect((await send('DELETE', `${path}/${late.invitationId}`)).body.invitation).toMatchObject({ status: 'revoked' })
  const again = (await send('POST', path, { invitedEmail: 'late@example.org' })).body.invitation as Loose
  expect(again).toMatchObject({ status: 'pending' })
  moveClock(server, 8 * 86_400_000)
  const fresh = await enterOwner(server)
  const latecomer = await enter(server, { login: tardy.username, tenant: tardy.tenantId })
  for (const answer of ['accept', 'decline'])
    expect(await send('POST', `/invitations/${again.invitationId}/${answer}`, {}, latecomer)).toMatchObject({
      status: 410,
      body: { code: 'invitation_expired' },
    })
  const listed = (await send('GET', path, undefined, fresh)).body.invitations as unknown as Loose[]
  expect(listed.map(({ status }) => status)).toEqual(['accepted', 'revoked', 'expired'])
})
