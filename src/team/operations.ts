import { z } from 'zod'
import { readAll } from '../assignment/ledger.ts'
import { type Change, check, create, insert, patched, remove, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { everyRow } from '../kernel/every-row.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { assertIdCursor, type Page } from '../kernel/page.ts'
import { tell } from '../metrics/series.ts'
import { id, listing, revision, text } from '../profile/input.ts'
import { personNotFound } from '../profile/people.ts'
import { assertRevision, entered, forbidden, where } from '../profile/place.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import {
  defaultSettings,
  Team,
  TeamInvitation,
  TeamMember,
  type TeamMemberRow,
  type TeamRow,
  type TeamSettings,
  teamRoles,
  visibilities,
} from './entity.ts'
import { assertRoom, memberId, newMember, planJoin, planLeave, teamMoved } from './join.ts'
import { everyTeam, memberShapes, membershipOf, membershipsOf, memberView, readableTeam, teamShape, teamView } from './view.ts'

const name = z
  .string()
  .trim()
  .refine((given) => given !== '' && [...given].length <= 100, 'must be 1 to 100 characters')
const settings = z
  .strictObject({
    visibility: z.enum(visibilities),
    allowMemberInvites: z.boolean(),
    requireApprovalForJoin: z.boolean(),
    defaultPermissions: z.array(z.string().max(100)).max(50),
    notificationSettings: z
      .strictObject({ newAssignments: z.boolean(), completions: z.boolean(), overdue: z.boolean(), teamUpdates: z.boolean() })
      .partial(),
  })
  .partial()
const joining = z.strictObject({ userId: id, role: z.enum(teamRoles).default('member') })

function withSettings(before: TeamSettings, given: z.output<typeof settings> | undefined): TeamSettings {
  const { notificationSettings, ...rest } = given ?? {}
  const set = (fields: object): object => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
  return {
    ...before,
    ...set(rest),
    notificationSettings: { ...before.notificationSettings, ...set(notificationSettings ?? {}) },
  } as TeamSettings
}

/** Active users of the tenant, pinned. Errors: `user_not_found` when any is absent, foreign or inactive. */
async function activeUsers({ store }: Context, ids: readonly string[]): Promise<Change[]> {
  const users = await readAll<UserRow>(
    store,
    ids.map((userId) => ({ type: User, id: userId })),
  )
  return users.map((user) => {
    if (user?.isActive !== true) throw personNotFound()
    return check(User, user)
  })
}

const twice = (field: string) =>
  new AppError('unprocessable', 'validation_failed', `${field}: names somebody twice`, {
    errors: [{ field, message: 'names somebody twice' }],
  })

/** One team, or teams that one may read, of one person or all, in the order of creation. Errors: `team_not_found`. */
export const findTeams = operation({
  name: 'team.find',
  summary: 'Find teams',
  needs: 'team:read',
  readOnly: true,
  input: z.object({ ...where, ...listing, teamId: z.string().optional(), userId: z.string().optional() }),
  output: z.object({ team: teamView.nullable(), teams: z.array(teamView), nextCursor: z.string().nullable() }),
  async run(caller, { teamId, userId, limit, cursor, ...place }) {
    const context = await entered(caller, place)
    if (teamId !== undefined) {
      const { team } = await readableTeam(context, teamId)
      return { output: { team: teamShape(context, team), teams: [], nextCursor: null } }
    }
    if (context.scope !== 'own' && userId === undefined) {
      const page: Page<TeamRow> = await context.store.list(Team, { cursor, limit })
      return { output: { team: null, teams: page.items.map((team) => teamShape(context, team)), nextCursor: page.nextCursor } }
    }
    assertIdCursor(cursor)
    const visible = await visibleTeams(context, userId, cursor)
    const teams = visible.slice(0, limit)
    const nextCursor = visible.length > limit ? (teams.at(-1)?.id ?? null) : null
    return { output: { team: null, teams: teams.map((team) => teamShape(context, team)), nextCursor } }
  },
})

async function visibleTeams(context: Context, userId: string | undefined, after: string | null): Promise<TeamRow[]> {
  const idsOf = async (id: string): Promise<Set<string>> => new Set((await membershipsOf(context, id)).map(({ teamId }) => teamId))
  const mine = await idsOf(context.actor.id ?? '')
  const theirs = userId === undefined ? null : isUuid(userId) ? await idsOf(userId) : new Set<string>()
  return (await everyTeam(context)).filter(
    (team) =>
      (theirs === null || theirs.has(team.id)) &&
      (context.scope !== 'own' || mine.has(team.id) || team.settings.visibility !== 'private') &&
      (after === null || team.id > after),
  )
}

/** Makes a team with its first members in one commit; the manager leads it. Errors: `user_not_found`, and then nothing exists. */
export const createTeam = operation({
  name: 'team.create',
  summary: 'Create a team',
  needs: 'team:create',
  elsewhere: true,
  input: z
    .object({
      ...where,
      name,
      description: text(1_000).optional(),
      managerId: id.optional(),
      settings: settings.optional(),
      members: z.array(joining).max(25, 'must be at most 25').default([]),
    })
    .strict(),
  output: z.object({ team: teamView, members: z.array(memberView) }),
  async run(caller, { organization, actors, managerId, members, ...fields }) {
    const context = await entered(caller, { organization, actors })
    const { store, now, newId, actor } = context
    const manager = managerId ?? actor.id ?? ''
    const ids = members.map(({ userId }) => userId)
    if (new Set(ids).size !== ids.length || ids.includes(manager)) throw twice('members')
    const pinned = await activeUsers(context, [manager, ...ids])
    const team = create(
      Team,
      newId(),
      {
        name: fields.name,
        description: fields.description ?? null,
        managerId: manager,
        settings: withSettings(defaultSettings, fields.settings),
        isActive: true,
        memberCount: 1 + members.length,
        leads: 1 + members.filter(({ role }) => role === 'team_lead').length,
      },
      now,
    )
    const rows = [{ userId: manager, role: 'team_lead' as const }, ...members].map((one) => newMember(now, team.id, one))
    return {
      output: { team: teamShape(context, team), members: await memberShapes(context, rows) },
      after: () => {
        tell('holdfast_team_created_total', store.tenantId)
        tell('holdfast_team_size', store.tenantId, {}, team.memberCount)
      },
      changes: [insert(Team, team), ...rows.map((row) => insert(TeamMember, row)), ...pinned],
      store,
      entity: { type: Team.name, id: team.id },
    }
  },
})

/** Changes a team. A new manager leads it too. Errors: `team_not_found`, `user_not_found`, `revision_conflict`, `team_full`. */
export const updateTeam = operation({
  name: 'team.update',
  summary: 'Change a team',
  needs: 'team:manage',
  elsewhere: true,
  input: z
    .object({
      ...where,
      teamId: id,
      revision,
      updates: z.strictObject({
        name: name.optional(),
        description: text(1_000).optional(),
        managerId: id.optional(),
        settings: settings.optional(),
        isActive: z.boolean().optional(),
      }),
    })
    .strict(),
  output: z.object({ team: teamView }),
  async run(caller, { organization, actors, teamId, revision: read, updates }) {
    const context = await entered(caller, { organization, actors })
    const { store, now } = context
    const { team, mine } = await readableTeam(context, teamId)
    if (context.scope === 'own' && mine?.role !== 'team_lead') throw forbidden()
    assertRevision(team, read)
    const { settings: given, managerId, ...plain } = updates
    const set = Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined)) as Partial<TeamRow>
    if (given !== undefined) set.settings = withSettings(team.settings, given)
    const changes: Change[] = []
    if (managerId !== undefined) {
      set.managerId = managerId
      changes.push(...(await activeUsers(context, [managerId])))
      const member = await membershipOf(context, teamId, managerId)
      if (member === null) {
        Object.assign(set, { memberCount: team.memberCount + 1, leads: team.leads + 1 })
        changes.push(insert(TeamMember, newMember(now, teamId, { userId: managerId, role: 'team_lead' })))
      } else if (member.role !== 'team_lead') {
        set.leads = team.leads + 1
        changes.push(update(TeamMember, member, patched(TeamMember, member, { role: 'team_lead' }, now)))
      }
    }
    const next = patched(Team, team, set, now)
    assertRoom(next)
    return {
      output: { team: teamShape(context, next) },
      changes: [update(Team, team, next), ...changes],
      store,
      entity: { type: Team.name, id: teamId },
    }
  },
})

/** Removes a team with its memberships and invitations. Errors: `team_not_found`. */
export const removeTeam = operation({
  name: 'team.remove',
  summary: 'Remove a team',
  needs: 'team:create',
  elsewhere: true,
  input: z.object({ ...where, teamId: z.string() }),
  output: z.null(),
  async run(caller, { teamId, ...place }) {
    const context = await entered(caller, place)
    const { team } = await readableTeam(context, teamId)
    const members = await membersOf(context, teamId)
    const invitations = await everyRow(context.store, TeamInvitation, { index: 'byTeam', where: { teamId } })
    return {
      output: null,
      changes: [
        remove(Team, team),
        ...members.map((row) => remove(TeamMember, row)),
        ...invitations.map((row) => remove(TeamInvitation, row)),
      ],
      store: context.store,
      entity: { type: Team.name, id: teamId },
      // by it feeds know who could read it (document/feed.ts)
      detail: { visibility: team.settings.visibility },
    }
  },
})

async function membersOf({ store }: Context, teamId: string): Promise<TeamMemberRow[]> {
  const rows: TeamMemberRow[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Page<TeamMemberRow> = await store.list(TeamMember, { index: 'byTeam', where: { teamId }, cursor, limit: 200 })
    rows.push(...page.items)
    if (page.nextCursor === null) return rows
    cursor = page.nextCursor
  }
}

export const listMembers = operation({
  name: 'team.members',
  summary: 'List the members of a team',
  needs: 'team:read',
  readOnly: true,
  input: z.object({ ...where, ...listing, teamId: z.string() }),
  output: z.object({ members: z.array(memberView), nextCursor: z.string().nullable() }),
  async run(caller, { teamId, limit, cursor, ...place }) {
    const context = await entered(caller, place)
    await readableTeam(context, teamId)
    const page: Page<TeamMemberRow> = await context.store.list(TeamMember, { index: 'byTeam', where: { teamId }, cursor, limit })
    return { output: { members: await memberShapes(context, page.items), nextCursor: page.nextCursor } }
  },
})

/** Takes people into a team, all or none. Errors: `team_not_found`, `user_not_found`, `already_member`, `team_full`. */
export const addMembers = operation({
  name: 'team.add-members',
  summary: 'Add members to a team',
  needs: 'team:create',
  elsewhere: true,
  input: z
    .object({
      ...where,
      teamId: z.string(),
      userId: id.optional(),
      role: z.enum(teamRoles).default('member'),
      members: z.array(joining).min(1).max(25, 'must be at most 25').optional(),
    })
    .strict(),
  output: z.object({ members: z.array(memberView), memberCount: z.int() }),
  conflicts: { 'team_member.exists': ['already_member', 'User is already a member of this team'] },
  async run(caller, { organization, actors, teamId, userId, role, members }) {
    const context = await entered(caller, { organization, actors })
    const { store, now } = context
    if ((userId === undefined) === (members === undefined)) throw missing('userId')
    const all = members ?? [{ userId: userId as string, role }]
    const ids = all.map((one) => one.userId)
    if (new Set(ids).size !== ids.length) throw twice('members')
    const { team } = await readableTeam(context, teamId)
    const pinned = await activeUsers(context, ids)
    const there = await readAll<TeamMemberRow>(
      store,
      ids.map((one) => ({ type: TeamMember, id: memberId(teamId, one) })),
    )
    if (there.some((row) => row !== null)) throw new AppError('conflict', 'already_member', 'User is already a member of this team')
    const joined = planJoin(now, team, all)
    return {
      output: { members: await memberShapes(context, joined.members), memberCount: joined.team.memberCount },
      changes: [...joined.changes, ...pinned],
      store,
      entity: { type: Team.name, id: teamId },
    }
  },
})

const missing = (field: string) =>
  new AppError('unprocessable', 'validation_failed', `${field}: is required`, { errors: [{ field, message: 'is required' }] })

const notAMember = () => new AppError('not_found', 'not_a_member', 'User is not a member of this team')

/** Changes what a member is in a team. Errors: `team_not_found`, `not_a_member`, `last_team_lead`. */
export const updateMember = operation({
  name: 'team.update-member',
  summary: 'Change a member of a team',
  needs: 'team:create',
  elsewhere: true,
  input: z.object({ ...where, teamId: z.string(), userId: z.string(), role: z.enum(teamRoles) }).strict(),
  output: z.object({ member: memberView }),
  async run(caller, { organization, actors, teamId, userId, role }) {
    const context = await entered(caller, { organization, actors })
    const { now, store } = context
    const { team } = await readableTeam(context, teamId)
    const member = isUuid(userId) ? await membershipOf(context, teamId, userId) : null
    if (member === null) throw notAMember()
    const leads = Number(role === 'team_lead') - Number(member.role === 'team_lead')
    const next = patched(TeamMember, member, { role }, now)
    const [shown] = await memberShapes(context, [next])
    return {
      output: { member: shown as z.input<typeof memberView> },
      changes: [teamMoved(team, { members: 0, leads }, now).change, update(TeamMember, member, next)],
      store,
      entity: { type: Team.name, id: teamId },
    }
  },
})

/** Takes a member out of a team; everybody may leave. Errors: `team_not_found`, `not_a_member`, `forbidden`, `last_team_lead`. */
export const removeMember = operation({
  name: 'team.remove-member',
  summary: 'Remove a member from a team',
  needs: 'team:manage',
  elsewhere: true,
  input: z.object({ ...where, teamId: z.string(), userId: z.string() }),
  output: z.object({ memberCount: z.int() }),
  async run(caller, { teamId, userId, ...place }) {
    const context = await entered(caller, place)
    const { team, mine } = await readableTeam(context, teamId)
    const member = isUuid(userId) ? await membershipOf(context, teamId, userId) : null
    if (member === null) throw notAMember()
    if (context.scope === 'own' && mine?.role !== 'team_lead' && userId !== context.actor.id) throw forbidden()
    const left = planLeave(context.now, team, member)
    return {
      output: { memberCount: left.team.memberCount },
      changes: left.changes,
      store: context.store,
      entity: { type: Team.name, id: teamId },
      detail: { userId },
    }
  },
})
