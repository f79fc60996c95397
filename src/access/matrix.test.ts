import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { Principal } from '../kernel/context.ts'
import { anonymous } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import type { AnyOperation } from '../kernel/operation.ts'
import { perform } from '../kernel/perform.ts'
import { operations } from '../operations.ts'
import { authenticate } from '../session/authenticate.ts'
import { surfaces } from '../surfaces.ts'
import { enterOwner, hire, join, type Person } from '../testing/people.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { type AnyRole, permissions, roles, type Scope } from './permissions.ts'

/** Who may, and how far it reaches. Who is not named is refused. */
type Reach = Partial<Record<AnyRole, Scope>>

const everyone: Reach = { owner: 'tenant', admin: 'tenant', supervisor: 'subtree', manager: 'subtree', member: 'own', auditor: 'tenant' }
const administrators: Reach = { owner: 'tenant', admin: 'tenant' }
const workers: Reach = { owner: 'tenant', admin: 'tenant', supervisor: 'subtree', manager: 'subtree', member: 'own' }
const chiefs: Reach = { owner: 'tenant', admin: 'tenant', supervisor: 'subtree', manager: 'subtree' }
const fieldService: Reach = { owner: 'tenant', admin: 'tenant', supervisor: 'tenant', manager: 'tenant', member: 'tenant' }
const fieldOfficers: Reach = { supervisor: 'own', manager: 'own', member: 'own' }
const ownOfTenant: Reach = Object.fromEntries(roles.map((role) => [role, 'own']))
const readers: Reach = { owner: 'tenant', admin: 'tenant', auditor: 'tenant' }
const staff: Reach = { platform_admin: 'platform' }
const staffReads: Reach = { platform_admin: 'platform', platform_operator: 'platform' }
const oneself: Reach = Object.fromEntries([...roles, 'platform_admin', 'platform_operator'].map((role) => [role, 'own']))

type Row = 'public' | { people: Reach /** As what role holds; false: no machine may. */; machines: boolean }
const both = (people: Reach): Row => ({ people, machines: true })
const peopleOnly = (people: Reach): Row => ({ people, machines: false })

/** The promise of native-api.md and the surfaces' contracts, operation by operation. `@name` is the column of a surface that differs. A new operation needs a row here. */
const matrix: Record<string, Row> = {
  'session.create': 'public',
  'session.refresh': 'public',
  'session.list': peopleOnly(oneself),
  'session.revoke-current': peopleOnly(oneself),
  'session.revoke': peopleOnly(oneself),
  'session.revoke-all': peopleOnly(oneself),
  'session.revoke-of': peopleOnly({ ...administrators, ...staff }),
  'user.me': both(oneself),
  'second-factor.start': peopleOnly(oneself),
  'second-factor.confirm': peopleOnly(oneself),
  'second-factor.remove': peopleOnly(oneself),
  'second-factor.get': peopleOnly(oneself),
  'second-factor.reset': peopleOnly({ ...administrators, ...staff }),
  'user.create': both({ ...administrators, supervisor: 'subtree', manager: 'team', ...staff }),
  'user.list': both({ ...everyone, ...staffReads }),
  'user.get': both({ ...everyone, ...staffReads }),
  'user.show': peopleOnly({ ...administrators, ...staff }),
  'user.update': both({ ...administrators, ...staff }),
  'user.deactivate': both({ ...administrators, ...staff }),
  'user.password': peopleOnly(oneself),
  'password-reset.create': peopleOnly({ ...administrators, ...staff }),
  'password-reset.redeem': 'public',
  'campaign.create': both(administrators),
  'campaign.list': both(everyone),
  'campaign.get': both(everyone),
  'campaign.update': both({ ...administrators, ...fieldOfficers }),
  'campaign.remove': both(administrators),
  'contact.create': both(workers),
  'contact.list': both(everyone),
  'contact.get': both(everyone),
  'contact.update': both(workers),
  'contact.remove': both(chiefs),
  'contact.tags': both(everyone),
  'contact.set-tags': both(workers),
  'contact.tag-many': both(workers),
  'contact.import': both(administrators),
  'contact.undo-import': both(administrators),
  'contact.export': both(administrators),
  'assignment.users': both({ ...readers, ...fieldOfficers, ...staffReads }),
  'assignment.list': both({ ...readers, ...fieldOfficers, ...staffReads }),
  'assignment.history': both({ ...readers, ...staffReads }),
  'campaign.assign': both({ ...administrators, ...staff }),
  'contact.assign': both({ ...administrators, ...staff }),
  'campaign.unassign': both({ ...administrators, ...staff }),
  'contact.unassign': both({ ...administrators, ...staff }),
  'contact.bulk-assign': both({ ...administrators, ...staff }),
  'user.hand-over': both({ ...administrators, ...staff }),
  'contact.undo-bulk-assign': both({ ...administrators, ...staff }),
  'onboarding.create-link': both({ ...administrators, ...staff }),
  'onboarding.list-links': both({ ...readers, ...staffReads }),
  'onboarding.get-link': both({ ...readers, ...staffReads }),
  'onboarding.revoke-link': both({ ...administrators, ...staff }),
  'onboarding.extend-link': both({ ...administrators, ...staff }),
  'onboarding.mail-link': both({ ...administrators, ...staff }),
  'onboarding.qr': both({ ...administrators, ...staff }),
  'onboarding.visits': both({ ...readers, ...staffReads }),
  'onboarding.completions': both({ ...readers, ...staffReads }),
  'onboarding.open': 'public',
  'onboarding.progress': 'public',
  'onboarding.complete': 'public',
  'onboarding.approvals': both({ ...readers, ...staffReads }),
  'onboarding.decide': both({ ...administrators, ...staff }),
  'pre-work.sign-in': 'public',
  'person.find': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'person.create': both({ ...administrators, ...staff }),
  'person.update': both({ ...administrators, ...fieldOfficers, ...staff }),
  'person.deactivate': both({ ...administrators, ...staff }),
  'profile.find': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'profile.create': both({ ...administrators, ...fieldOfficers, ...staff }),
  'profile.update': both({ ...administrators, ...fieldOfficers, ...staff }),
  'team.find': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'team.create': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', ...staff }),
  'team.update': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', auditor: 'own', ...staff }),
  'team.remove': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', ...staff }),
  'team.members': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'team.add-members': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', ...staff }),
  'team.update-member': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', ...staff }),
  'team.remove-member': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', auditor: 'own', ...staff }),
  'team.invitations': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', auditor: 'own', ...staff }),
  'team.invite': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', auditor: 'own', ...staff }),
  'team.revoke-invitation': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', auditor: 'own', ...staff }),
  'team.own-invitations': both(oneself),
  'team.accept-invitation': both(oneself),
  'team.decline-invitation': both(oneself),
  'audit.page': both({ ...readers, ...staffReads }),
  'template.list': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'template.get': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'template.create': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', ...staff }),
  'template.update': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', ...staff }),
  'template.remove': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', ...staff }),
  'checklist.list': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'checklist.get': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'checklist.progress': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'submission.list': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'submission.get': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'work.list': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'work.get': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'metrics.tell': both({ ...fieldService, ...staff }),
  'team.analytics': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'document.get': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'document.operations': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'document.read': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'document.sync': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'document.follow': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'document.sessions': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'document.edit': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staff }),
  'document.restore': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staff }),
  'document.submit': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staff }),
  'media.list': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'media.ask': both({ ...readers, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staffReads }),
  'media.request': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staff }),
  'media.confirm': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staff }),
  'media.remove': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staff }),
  'export.share': both({ ...readers, supervisor: 'tenant', manager: 'tenant', ...staffReads }),
  'export.shares': both({ ...readers, supervisor: 'tenant', manager: 'tenant', ...staffReads }),
  'export.unshare': both({ ...readers, supervisor: 'tenant', manager: 'tenant', ...staffReads }),
  'export.open': 'public',
  'export.create': both({ ...readers, supervisor: 'tenant', manager: 'tenant', ...staffReads }),
  'export.get': both({ ...readers, supervisor: 'tenant', manager: 'tenant', ...staffReads }),
  'export.list': both({ ...readers, supervisor: 'tenant', manager: 'tenant', ...staffReads }),
  'checklist.create': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staff }),
  'checklist.update': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staff }),
  'submission.update': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staff }),
  'submission.submit': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', ...staff }),
  'work.create': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', auditor: 'own', ...staff }),
  'work.update': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', auditor: 'own', ...staff }),
  'work.remove': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', auditor: 'own', ...staff }),
  'submission.review': both({ ...administrators, supervisor: 'tenant', manager: 'tenant', member: 'own', auditor: 'own', ...staff }),
  'checklist.remove': both({ ...administrators, supervisor: 'tenant', ...staff }),
  'user.erase': peopleOnly({ owner: 'tenant', ...staff }),
  'user.erasure': peopleOnly({ owner: 'tenant', ...staff }),
  'user.import': both({ ...administrators, ...staff }),
  'user.seed': both({ ...administrators, ...staff }),
  'organization.get': both({ ...everyone, ...staffReads }),
  'user.explain': both({ ...readers, ...staffReads }),
  'api-key.create': peopleOnly(administrators),
  'api-key.list': peopleOnly(administrators),
  'api-key.remove': peopleOnly(administrators),
  'job.list': both(administrators),
  'job.get': both(administrators),
  'job.retry': both(administrators),
  'job.cancel': both(administrators),
  'webhook.create': peopleOnly(administrators),
  'webhook.list': peopleOnly(administrators),
  'webhook.get': peopleOnly(administrators),
  'webhook.update': peopleOnly(administrators),
  'webhook.remove': peopleOnly(administrators),
  'webhook.rotate-secret': peopleOnly(administrators),
  'webhook.replay': peopleOnly(administrators),
  'webhook.dead-letters': peopleOnly(administrators),
  'webhook.resend': peopleOnly(administrators),
  'webhook.discard': peopleOnly(administrators),
  'tenant.create': both(staff),
  'tenant.list': both(staffReads),
  'tenant.get': both({ ...Object.fromEntries(roles.map((role) => [role, 'tenant'])), ...staffReads }),
  'tenant.update': both({ ...administrators, ...staff }),
  'staff.create': peopleOnly(staff),
  'key.list': both(staffReads),
  'key.rotate': peopleOnly(staff),
  'key.rotate-master': peopleOnly(staff),
  'audit.read': both({ ...readers, ...staffReads }),
  'audit.verify': both({ ...readers, ...staffReads }),
  'audit.export': both({ ...readers, ...staffReads }),
  'backup.create': both({ owner: 'tenant', ...staff }),
  'media.scrub': both({ owner: 'tenant', ...staff }),
  'backup.list': both({ owner: 'tenant', ...staffReads }),
  'backup.verify': both({ owner: 'tenant', ...staffReads }),
  'backup.prove': both({ owner: 'tenant', ...staff }),
  'backup.prune': peopleOnly(staff),
  'restore.run': peopleOnly({ owner: 'tenant', ...staff }),
  'restore.undo': peopleOnly({ owner: 'tenant', ...staff }),
  'restore.tenant': peopleOnly(staff),
  'integrity.check': both({ owner: 'tenant', auditor: 'tenant', ...staffReads }),
  'event.follow': both({ ...everyone, ...staffReads }),
  'ticket.create': both({ ...everyone, ...staffReads }),

  'agent.sign-in': 'public',
  'agent.me': peopleOnly(oneself),
  'agent.password': peopleOnly(oneself),
  'agent.create': both({ ...administrators, supervisor: 'team', manager: 'team' }),
  'agent.list': both({ ...readers, supervisor: 'subtree', manager: 'team' }),
  'agent.update': both(administrators),
  'lead.list': both({ ...everyone, manager: 'team' }),
  'lead.search': both({ ...everyone, manager: 'team' }),
  'lead.create': both({ ...workers, manager: 'team' }),
  'lead.create-many': both(administrators),
  'lead.update': both({ ...workers, manager: 'team' }),
  'lead.remove': both({ ...chiefs, manager: 'team' }),
  'lead.send-docs': both({ ...workers, manager: 'team' }),
  'lead.summary': both({ ...everyone, manager: 'team' }),
  'lead.dashboard': both({ ...everyone, manager: 'team' }),
  'organization.sales-teams': both(readers),
  'organization.managers': both(readers),
  'report.manager-sales': both(readers),
  'report.commission': both({ ...chiefs, auditor: 'tenant', manager: 'team' }),
  'vantagepoint.import': both({ ...administrators, ...staff }),
  'vantagepoint.seed': both({ ...administrators, ...staff }),

  'licence.validate': 'public',
  'company.create': both(staff),
  'company.get': both({ ...Object.fromEntries(roles.map((role) => [role, 'tenant'])), ...staffReads }),
  'company.list': both(staffReads),
  'company.update': both({ ...administrators, ...staff }),
  'company.rotate-secret': both({ ...administrators, ...staff }),
  'company.token': both(fieldService),
  'company.import': both(staff),

  'employee.sign-in': 'public',
  'employee.password': peopleOnly(oneself),
  'employee.create': both(administrators),
  'employee.list': both(readers),
  'employee.get': both(readers),
  'employee.update': both(administrators),
  'employee.deactivate': both(administrators),
  'employee.activate': both(administrators),
  'employee.remove': both(administrators),
  'employee.restore': both(administrators),
  'employee.bulk-create': both(administrators),
  'employee.check-id': both(readers),
  'employee.check-contact': both(readers),
  'employee.check-email': both(readers),
  'preserve.run': peopleOnly(staff),
  'satshine.seed': both({ ...administrators, ...staff }),

  'attendance.mark': peopleOnly(fieldOfficers),
  'attendance.check-out': peopleOnly(fieldOfficers),
  'attendance.list': both(everyone),
  'attendance.own-history': peopleOnly(ownOfTenant),
  'attendance.own-summary': peopleOnly(ownOfTenant),
  'attendance.day': both(readers),
  'attendance.history': both(readers),
  'attendance.correct': both(administrators),
  'attendance.confirm': peopleOnly(fieldOfficers),
  'attendance.approve': both(administrators),
  'attendance.dashboard': both(readers),
  'attendance.progress': both(readers),
  'attendance.geo': both(readers),
  'attendance.persistence': both(readers),
  'attendance.backup-statistics': both(readers),
  'audit.activity': both({ ...readers, ...staffReads }),
  'attendance.report': both(everyone),
  'leave.report': both(everyone),
  'leave.apply': peopleOnly(fieldOfficers),
  'leave.list': both(everyone),
  'leave.own': peopleOnly(ownOfTenant),
  'leave.balance': peopleOnly(ownOfTenant),
  'leave.pages': both(readers),
  'leave.decide': both(administrators),

  'policy.get': both({ ...fieldService, auditor: 'tenant' }),
  'policy.update': both(administrators),
  'holiday.list': both({ ...fieldService, auditor: 'tenant' }),
  'holiday.create': both(administrators),
  'holiday.remove': both(administrators),

  'appointment.create': both({ ...fieldService, ...staff }),
  'appointment.list': both({ ...fieldService, auditor: 'tenant', ...staffReads }),
  'appointment.get-offered': 'public',
  'appointment.book': 'public',
  'appointment.respond': both({ ...fieldService, ...staff }),
}

const places = operations.flatMap((operation) => {
  const served = surfaces.filter(({ routes }) => routes.some((route) => route.operation === operation)).map(({ name }) => name)
  return (served.length === 0 ? ['cli'] : served).map((surface) => ({ operation, surface, name: operation.name }))
})

let server: TestServer
const people = {} as Record<AnyRole, Principal>
const machines = {} as Record<Exclude<(typeof roles)[number], 'owner'>, Principal>

beforeAll(async () => {
  server = await startTestServer()
  const { runtime, keys } = server.holdfast
  const owner = await enterOwner(server)
  const known = async ({ token }: Person) => (await authenticate(runtime, keys, { bearer: token })).principal
  for (const role of roles) {
    people[role] = await known(role === 'owner' ? owner : await join(server, owner, { role }))
    if (role === 'owner') continue
    const { body } = await server.send('POST', '/v1/api-keys', { token: owner.token, body: { name: role, role } })
    machines[role] = (await authenticate(runtime, keys, { apiKey: String(body.key) })).principal
  }
  for (const role of ['platform_admin', 'platform_operator'] as const) people[role] = await known(await hire(server, role))
})
afterAll(() => server.close())

/** How far this one may go, or the status of the refusal. What the operation does is left out: only the guard is asked. */
async function askGuard(operation: AnyOperation, actor: Principal, surface: string): Promise<Scope | number> {
  let scope: Scope | null = null
  const probe: AnyOperation = {
    ...operation,
    input: z.unknown(),
    output: z.unknown(),
    serial: async () => null,
    async run(context) {
      scope = context.scope
      return { output: null }
    },
  }
  const origin = { requestId: 'matrix', surface, network: null, userAgent: null, deviceToken: null }
  try {
    await perform(server.holdfast.runtime, probe, { actor, origin, input: undefined, encode: () => ({ status: 200, body: '' }) })
    return scope ?? 500
  } catch (error) {
    if (error instanceof AppError) return error.status
    throw error
  }
}

test('every operation has a row, and every row an operation', () => {
  const names = new Set(operations.map(({ name }) => name))
  expect([...names].filter((name) => matrix[name] === undefined)).toEqual([])
  expect(Object.keys(matrix).filter((row) => !names.has(row.split(' @')[0] ?? ''))).toEqual([])
})

test('every permission is needed by something', () => {
  const needed = new Set<string>(operations.map(({ needs }) => needs))
  // metrics belong to the door, which is no operation of the registry
  expect(Object.keys(permissions).filter((permission) => !needed.has(permission) && permission !== 'metrics:read')).toEqual([])
})

test.each(places)('$name on $surface is for those who are promised it, and no further', async ({ operation, surface, name }) => {
  const row = matrix[`${name} @${surface}`] ?? matrix[name]
  if (row === undefined) throw new Error(`${name} has no row`)
  const promised = (role: AnyRole, isMachine: boolean): Scope | number => {
    if (row === 'public') return 'own'
    return (isMachine && !row.machines ? undefined : row.people[role]) ?? 403
  }
  const found: Record<string, unknown> = { anonymous: await askGuard(operation, anonymous, surface) }
  const expected: Record<string, unknown> = { anonymous: row === 'public' ? 'own' : 401 }
  for (const [role, actor] of Object.entries(people)) {
    found[role] = await askGuard(operation, actor, surface)
    expected[role] = promised(role as AnyRole, false)
  }
  for (const [role, actor] of Object.entries(machines)) {
    found[`key of ${role}`] = await askGuard(operation, actor, surface)
    expected[`key of ${role}`] = promised(role as AnyRole, true)
  }
  expect(found).toEqual(expected)
})

test('a refusal of the guard leaves one access.denied, and says nothing more than that', async () => {
  const store = server.holdfast.runtime.storage.tenant(people.member.tenantId)
  const before = (await store.head())?.sequence ?? 0
  const createUser = operations.find(({ name }) => name === 'user.create')
  if (createUser === undefined) throw new Error('no user.create')
  expect(await askGuard(createUser, people.member, 'v1')).toBe(403)
  const entries = await store.log(null, before, 10)
  expect(entries.map(({ entry }) => [entry.action, entry.actor.id, entry.changes, entry.detail])).toEqual([
    ['access.denied', people.member.id, [], { operation: 'user.create', code: 'forbidden' }],
  ])
})

test('whoever must change the password is refused by every guard but those of that change and of signing out', async () => {
  const actor = { ...people.owner, mustChangePassword: true }
  const open: string[] = []
  for (const { operation, surface, name } of places)
    if (operation.needs !== 'public' && (await askGuard(operation, actor, surface)) !== 403) open.push(name)
  expect([...new Set(open)].sort()).toEqual([
    'agent.password',
    'employee.password',
    'session.revoke',
    'session.revoke-all',
    'session.revoke-current',
    'user.password',
  ])
})
