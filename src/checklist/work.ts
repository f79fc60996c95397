import { z } from 'zod'
import { readAll } from '../assignment/ledger.ts'
import { pairId } from '../assignment/moment.ts'
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
import { TeamMember, type TeamMemberRow, type TeamRole } from '../team/entity.ts'
import { memberId, theTeam } from '../team/join.ts'
import { membershipOf, membershipsOf } from '../team/view.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { readableChecklist, readsAll } from './access.ts'
import { Checklist, priorities, WorkAssignment, type WorkAssignmentRow, WorkTarget, type WorkTargetRow, workStatuses } from './entity.ts'

const time = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' }).transform((given) => new Date(given).toISOString())

export const workView = z.object({
  assignmentId: z.string(),
  organizationId: z.string(),
  checklistId: z.string(),
  teamId: z.string().nullable(),
  assignedTo: z.array(z.string()),
  assignedBy: z.string(),
  dueDate: z.string().nullable(),
  priority: z.string(),
  status: z.enum(['assigned', 'in_progress', 'completed', 'overdue']),
  notes: z.string().nullable(),
  completedAt: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
  revision: z.int(),
})
const step = WorkAssignment.public.shape.history

/** What it is at this moment: late is shown, never stored. */
export const shownStatus = ({ status, dueDate }: WorkAssignmentRow, nowMs: number) =>
  status !== 'completed' && dueDate !== null && Date.parse(dueDate) < nowMs ? ('overdue' as const) : status

const viewOf = ({ store, nowMs }: Context, { id: assignmentId, version, ...row }: WorkAssignmentRow): z.input<typeof workView> => ({
  ...row,
  assignmentId,
  organizationId: store.tenantId,
  status: shownStatus({ ...row, id: assignmentId, version }, nowMs),
  revision: version,
})

/** Whoever is named twice is named once. */
const people = z
  .array(id)
  .max(50, 'must be at most 50')
  .transform((given) => [...new Set(given)])

const toNobody = () =>
  new AppError('unprocessable', 'validation_failed', 'assignedTo: is required', {
    errors: [{ field: 'assignedTo', message: 'is required' }],
  })

const notFound = () => new AppError('not_found', 'assignment_not_found', 'Assignment not found')

/** Who assigns at large, not only within a team. */
const assignsAll = ({ scope }: Context): boolean => scope === 'tenant'

/** Errors: `user_not_found`, `forbidden` for a team that one may not assign in or a person who is not of it. */
async function planPeople(context: Context, teamId: string | null, assignedTo: readonly string[]): Promise<Change[]> {
  const { store, actor } = context
  if (teamId !== null) await theTeam(context, teamId)
  if (!assignsAll(context)) {
    const mine = teamId === null ? null : await membershipOf(context, teamId, actor.id)
    if (mine === null || mine.role === 'observer') throw forbidden()
    const members = await readAll<TeamMemberRow>(
      store,
      assignedTo.map((userId) => ({ type: TeamMember, id: memberId(teamId as string, userId) })),
    )
    if (members.includes(null)) throw forbidden()
  }
  const users = await readAll<UserRow>(
    store,
    assignedTo.map((userId) => ({ type: User, id: userId })),
  )
  return users.map((user) => {
    if (user?.isActive !== true) throw personNotFound()
    return check(User, user)
  })
}

function targetsOf({ now }: Context, { id: assignmentId, checklistId, teamId, assignedTo }: WorkAssignmentRow): WorkTargetRow[] {
  const all = [
    ...assignedTo.map((targetId) => ({ kind: 'user' as const, targetId })),
    ...(teamId === null ? [] : [{ kind: 'team' as const, targetId: teamId }]),
  ]
  return all.map((one) => create(WorkTarget, pairId(assignmentId, one.targetId), { ...one, assignmentId, checklistId }, now))
}

/** Assigns a checklist to people or a team. It is theirs to read and edit from then on. Errors: `checklist_not_found`, `team_not_found`, `user_not_found`, `forbidden`. */
export const createWork = operation({
  name: 'work.create',
  summary: 'Assign a checklist',
  needs: 'checklist:assign',
  elsewhere: true,
  input: z
    .object({
      ...where,
      checklistId: id,
      assignedTo: people.default([]),
      teamId: id.nullish(),
      dueDate: time.nullish(),
      priority: z.enum(priorities).default('medium'),
      notes: text(1_000).optional(),
    })
    .strict(),
  output: z.object({ assignment: workView }),
  async run(caller, { organization, actors, checklistId, assignedTo, teamId, dueDate, priority, notes = null }) {
    if (assignedTo.length === 0 && teamId == null) throw toNobody()
    const context = await entered(caller, { organization, actors })
    const { store, now, newId, actor } = context
    const { row: checklist, access } = await readableChecklist(context, checklistId)
    // to hand on what one may only read would be a way to edit it
    if (!access.mayEdit) throw forbidden()
    const pinned = await planPeople(context, teamId ?? null, assignedTo)
    const by = actor.id ?? ''
    const row = create(
      WorkAssignment,
      newId(),
      {
        checklistId,
        teamId: teamId ?? null,
        assignedTo,
        assignedBy: by,
        dueDate: dueDate ?? null,
        priority,
        status: 'assigned',
        notes,
        completedAt: null,
        history: [{ status: 'assigned', updatedBy: by, notes, timestamp: now }],
      },
      now,
    )
    return {
      output: { assignment: viewOf(context, row) },
      after: () => tell('holdfast_team_assignment_created_total', store.tenantId, { priority: row.priority }),
      changes: [
        insert(WorkAssignment, row),
        ...targetsOf(context, row).map((one) => insert(WorkTarget, one)),
        ...pinned,
        check(Checklist, checklist),
      ],
      store,
      entity: { type: 'assignment', id: row.id },
    }
  },
})

/** Whether an assignment names somebody or a team of theirs. */
const names = ({ assignedTo, teamId }: WorkAssignmentRow, userId: string, teams: Places): boolean =>
  assignedTo.includes(userId) || (teamId !== null && teams.has(teamId))

/** The same of those who work on it: a team's observer reads only. */
const worksOn = ({ assignedTo, teamId }: WorkAssignmentRow, userId: string, teams: Places): boolean =>
  assignedTo.includes(userId) || (teamId !== null && teams.has(teamId) && teams.get(teamId) !== 'observer')

/** What somebody is in each of their teams. */
type Places = ReadonlyMap<string, TeamRole>
const teamsOf = async (context: Context, userId: string | null): Promise<Places> =>
  new Map(userId === null || !isUuid(userId) ? [] : (await membershipsOf(context, userId)).map(({ teamId, role }) => [teamId, role]))

/** Assignments: all for who sees analytics, else those naming oneself or one's teams. */
export const listWork = operation({
  name: 'work.list',
  summary: 'List assignments of checklists',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object({
    ...where,
    ...listing,
    userId: z.string().optional(),
    teamId: z.string().optional(),
    checklistId: z.string().optional(),
    status: z.enum(['assigned', 'in_progress', 'completed', 'overdue']).optional(),
  }),
  output: z.object({ assignments: z.array(workView), nextCursor: z.string().nullable() }),
  async run(caller, { limit, cursor, userId, teamId, checklistId, status, ...place }) {
    assertIdCursor(cursor)
    const context = await entered(caller, place)
    const { store, actor, nowMs } = context
    const mine = await teamsOf(context, actor.id)
    const theirs = userId === undefined ? null : await teamsOf(context, userId)
    const fits = (row: WorkAssignmentRow): boolean =>
      (context.scope !== 'own' || names(row, actor.id ?? '', mine)) &&
      (theirs === null || names(row, userId ?? '', theirs)) &&
      (teamId === undefined || row.teamId === teamId) &&
      (checklistId === undefined || row.checklistId === checklistId) &&
      (status === undefined || shownStatus(row, nowMs) === status)
    const found: WorkAssignmentRow[] = []
    let next: string | null = null
    do {
      const page: Page<WorkAssignmentRow> = await store.list(WorkAssignment, {
        filter: cursor === null ? [] : [{ field: 'id', op: 'gt', value: cursor }],
        cursor: next,
        limit: 200,
      })
      for (const row of page.items) if (fits(row)) found.push(row)
      next = page.nextCursor
    } while (next !== null && found.length <= limit)
    const rows = found.slice(0, limit)
    return {
      output: { assignments: rows.map((row) => viewOf(context, row)), nextCursor: found.length > limit ? (rows.at(-1)?.id ?? null) : null },
    }
  },
})

/** An assignment that one may read. Errors: `assignment_not_found`. */
async function theWork(context: Context, given: string): Promise<{ row: WorkAssignmentRow; isWorker: boolean }> {
  const row = isUuid(given) ? await context.store.get(WorkAssignment, given) : null
  if (row === null) throw notFound()
  const teams = await teamsOf(context, context.actor.id)
  if (!readsAll(context) && !names(row, context.actor.id ?? '', teams)) throw notFound()
  return { row, isWorker: worksOn(row, context.actor.id ?? '', teams) }
}

export const getWork = operation({
  name: 'work.get',
  summary: 'Read an assignment of a checklist',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object({ ...where, assignmentId: z.string() }),
  output: z.object({ assignment: workView, history: step }),
  async run(caller, { assignmentId, ...place }) {
    const context = await entered(caller, place)
    const { row } = await theWork(context, assignmentId)
    return { output: { assignment: viewOf(context, row), history: row.history } }
  },
})

const allowed: Readonly<Record<string, readonly string[]>> = {
  assigned: ['in_progress', 'completed'],
  in_progress: ['completed'],
  completed: ['in_progress'],
}

/** Moves an assignment on; who assigns changes the rest of it. Errors: `assignment_not_found`, `forbidden`, `invalid_transition`, `revision_conflict`. */
export const updateWork = operation({
  name: 'work.update',
  summary: 'Change an assignment of a checklist',
  needs: 'checklist:assign',
  elsewhere: true,
  input: z
    .object({
      ...where,
      assignmentId: z.string(),
      revision,
      status: z.enum(workStatuses).optional(),
      notes: text(1_000).optional(),
      dueDate: time.nullable().optional(),
      priority: z.enum(priorities).optional(),
      assignedTo: people.optional(),
      teamId: id.nullable().optional(),
    })
    .strict(),
  output: z.object({ assignment: workView }),
  async run(caller, { organization, actors, assignmentId, revision: read, ...patch }) {
    const context = await entered(caller, { organization, actors })
    const { store, now, actor } = context
    const { row, isWorker } = await theWork(context, assignmentId)
    const isAssigning = assignsAll(context)
    const isMore = (['dueDate', 'priority', 'assignedTo', 'teamId'] as const).some((field) => patch[field] !== undefined)
    if ((!isAssigning && !isWorker) || (isMore && !isAssigning)) throw forbidden()
    assertRevision(row, read)
    if (patch.status !== undefined && patch.status !== row.status) {
      if (!allowed[row.status]?.includes(patch.status))
        throw new AppError('conflict', 'invalid_transition', `An assignment cannot go from ${row.status} to ${patch.status}.`)
      if (row.status === 'completed' && !isAssigning) throw forbidden()
    }
    const set = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as Partial<WorkAssignmentRow>
    if (patch.status !== undefined && patch.status !== row.status) {
      set.completedAt = patch.status === 'completed' ? now : null
      set.history = [...row.history, { status: patch.status, updatedBy: actor.id ?? '', notes: patch.notes ?? null, timestamp: now }]
    }
    const next = patched(WorkAssignment, row, set, now)
    const changes: Change[] = [update(WorkAssignment, row, next)]
    if (patch.assignedTo !== undefined || patch.teamId !== undefined) {
      if (next.assignedTo.length === 0 && next.teamId === null) throw toNobody()
      changes.push(...(await planPeople(context, next.teamId, next.assignedTo)))
      const before = await store.list(WorkTarget, { index: 'byAssignment', where: { assignmentId: row.id }, limit: 200 })
      const wanted = new Map(targetsOf(context, next).map((one) => [one.id, one]))
      for (const one of before.items) if (!wanted.delete(one.id)) changes.push(remove(WorkTarget, one))
      for (const one of wanted.values()) changes.push(insert(WorkTarget, one))
    }
    const detail = { checklistId: row.checklistId }
    return { output: { assignment: viewOf(context, next) }, changes, store, detail, entity: { type: 'assignment', id: row.id } }
  },
})

/** Takes an assignment back; what it made readable is not from then on. Errors: `assignment_not_found`, `forbidden`. */
export const removeWork = operation({
  name: 'work.remove',
  summary: 'Take an assignment of a checklist back',
  needs: 'checklist:assign',
  elsewhere: true,
  input: z.object({ ...where, assignmentId: z.string() }),
  output: z.null(),
  async run(caller, { assignmentId, ...place }) {
    const context = await entered(caller, place)
    const { row, isWorker } = await theWork(context, assignmentId)
    if (!assignsAll(context) && !(isWorker && row.assignedBy === context.actor.id)) throw forbidden()
    const targets = await context.store.list(WorkTarget, { index: 'byAssignment', where: { assignmentId: row.id }, limit: 200 })
    return {
      output: null,
      changes: [remove(WorkAssignment, row), ...targets.items.map((one) => remove(WorkTarget, one))],
      store: context.store,
      entity: { type: 'assignment', id: row.id },
    }
  },
})

/** How a team does: its assignments, and who did how many (contracts/prework.md section 5). Errors: `team_not_found`, `forbidden`. */
export const getTeamAnalytics = operation({
  name: 'team.analytics',
  summary: 'Count the work of a team',
  needs: 'team:read',
  readOnly: true,
  input: z.object({ ...where, teamId: z.string(), from: time.optional(), to: time.optional() }),
  output: z.object({
    totalAssignments: z.int(),
    completedAssignments: z.int(),
    overdueAssignments: z.int(),
    memberProductivity: z.array(z.object({ userId: z.string(), assigned: z.int(), completed: z.int(), completionRate: z.number() })),
    averageCompletionTime: z.number().nullable(),
  }),
  async run(caller, { teamId, from, to, ...place }) {
    const context = await entered(caller, place)
    const { store, nowMs, actor } = context
    await theTeam(context, teamId)
    const mine = await membershipOf(context, teamId, actor.id)
    if (context.scope === 'own' && (mine === null || mine.role === 'observer')) throw mine === null ? notInTeam() : forbidden()
    const rows = (await everyRow(store, WorkAssignment, { index: 'byTeam', where: { teamId } })).filter(
      ({ createdAt }) => (from === undefined || createdAt >= from) && (to === undefined || createdAt <= to),
    )
    const members = await everyRow(store, TeamMember, { index: 'byTeam', where: { teamId } })
    const done = rows.filter(({ status }) => status === 'completed')
    const seconds = done.map(({ createdAt, completedAt }) => (Date.parse(completedAt ?? createdAt) - Date.parse(createdAt)) / 1_000)
    return {
      output: {
        totalAssignments: rows.length,
        completedAssignments: done.length,
        overdueAssignments: rows.filter((row) => shownStatus(row, nowMs) === 'overdue').length,
        memberProductivity: members.map(({ userId }) => {
          const theirs = rows.filter(({ assignedTo }) => assignedTo.length === 0 || assignedTo.includes(userId))
          const completed = theirs.filter(({ status }) => status === 'completed').length
          return { userId, assigned: theirs.length, completed, completionRate: theirs.length === 0 ? 0 : completed / theirs.length }
        }),
        averageCompletionTime: seconds.length === 0 ? null : seconds.reduce((sum, each) => sum + each, 0) / seconds.length,
      },
    }
  },
})

const notInTeam = () => new AppError('not_found', 'team_not_found', 'Team not found')
