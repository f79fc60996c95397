import { newSystemJob } from '../job/enqueue.ts'
import type { JobHandler } from '../job/handler.ts'
import { type Change, check } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import type { Page } from '../kernel/page.ts'
import type { TenantStore } from '../storage/port.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { openStep } from './approval.ts'
import { Checklist, type ChecklistRow } from './entity.ts'

const kind = 'submission.remind'
const dayMs = 86_400_000
/** So many people hear of it at most. */
const most = 200

/**
 * A day before the deadline, which all steps of one submission share, the role above the step that is open then is told, if one is (contracts/prework.md, section 7). The first step's id says
 * which submission it was.
 */
export const reminderOf = ({ runtime, nowMs, realMs }: Context, row: Pick<ChecklistRow, 'id' | 'approvalSteps'>): Change[] =>
  row.approvalSteps.slice(0, 1).map(({ id, deadline }) => {
    // deadlines are business time, jobs are real time
    const runAtMs = realMs + (Date.parse(deadline) - dayMs - nowMs)
    return newSystemJob(runtime, { kind, payload: { checklistId: row.id, stepId: id }, runAtMs }).change
  })

const above = { manager: ['supervisor'], supervisor: ['admin', 'owner'], administrator: ['owner'], user: ['manager'] } as const

async function peopleWith(store: TenantStore, roles: readonly string[]): Promise<string[]> {
  const ids: string[] = []
  for (const role of roles) {
    const page: Page<UserRow> = await store.list(User, {
      filter: [
        { field: 'role', op: 'eq', value: role },
        { field: 'isActive', op: 'eq', value: true },
      ],
      limit: most,
    })
    ids.push(...page.items.map(({ id }) => id))
  }
  return ids.slice(0, most)
}

/** The commit that ends the job is what feeds tell (document/notices.ts): its result names who is notified. */
const remind: JobHandler = async ({ store, job }) => {
  const { checklistId, stepId } = job.payload as { checklistId?: unknown; stepId?: unknown }
  const row = await store.get(Checklist, String(checklistId))
  if (row === null || row.approvalSteps[0]?.id !== stepId) return undefined
  const step = openStep(row)
  if (step === null) return undefined
  const to = await peopleWith(store, above[step.approverRole])
  return { result: { checklistId: row.id, to }, changes: [check(Checklist, row)], entity: { type: 'submission', id: row.id } }
}

export const submissionJobs = { [kind]: remind }
