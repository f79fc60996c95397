import { type Change, check, create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import type { TenantStore } from '../storage/port.ts'
import { AssignmentStep, type AssignmentStepRow, HandOutClock, Workload, type WorkloadRow } from './entity.ts'
import { microsOf, momentOf } from './moment.ts'

const clockId = 'contacts'

type Delta = Partial<Record<'campaigns' | 'contacts' | 'score', number>>
type Step = Pick<AssignmentStepRow, 'at' | 'action' | 'kind' | 'assignmentId' | 'userId' | 'reason'> &
  Partial<Pick<AssignmentStepRow, 'campaignId' | 'contactId' | 'mode' | 'batchId'>>

const nothing = { campaigns: 0, contacts: 0, score: 0, lastAssignedAt: null }

/** Reads rows by id, in as few round trips as their number needs. */
export async function readAll<T>(store: TenantStore, references: Parameters<TenantStore['read']>[0]): Promise<(T | null)[]> {
  const found: (T | null)[] = []
  for (let start = 0; start < references.length; start += 5_000)
    found.push(...((await store.read(references.slice(start, start + 5_000))) as (T | null)[]))
  return found
}

type ClockRow = { id: string; last: string; version: number; createdAt: string; updatedAt: string }

/**
 * What the rows of a ledger will be once commits are done that are on their way: the next one of a chain can be planned and sent meanwhile. It asks for the `step` of the one before, so that it is
 * refused when that one was, whatever versions others have brought about.
 */
export type Ahead = { loads: ReadonlyMap<string, WorkloadRow>; clock: ClockRow | null; step: AssignmentStepRow | null }

/**
 * The books of one commit that assigns: who has how much to do, when the newest hand-out was, and the steps of the history. `context.store` must be the tenant's. `ahead` is what the commits before it write.
 */
export function openLedger(context: Context, ahead: Ahead | null = null) {
  const { store, actor, newId, now, nowMs } = context
  const before = new Map<string, WorkloadRow | null>()
  const loads = new Map<string, Omit<WorkloadRow, 'id' | 'version' | 'createdAt' | 'updatedAt'>>()
  const changed = new Set<string>()
  const steps: AssignmentStepRow[] = []
  const written = new Map(ahead?.loads)
  let clock: { row: ClockRow | null; last: number } | null = null
  let clockWritten: ClockRow | null = null
  let ticks = 0

  const loadOf = (userId: string) => loads.get(userId) ?? nothing

  return {
    /** Must have been called for everybody who is asked about or moved. */
    async read(userIds: Iterable<string>): Promise<void> {
      const wanted = [...new Set(userIds)].filter((id) => !before.has(id))
      for (const id of wanted) {
        const known = ahead?.loads.get(id)
        if (known === undefined) continue
        before.set(id, known)
        loads.set(id, known)
      }
      const fresh = wanted.filter((id) => !before.has(id))
      const rows = await readAll<WorkloadRow>(
        store,
        fresh.map((id) => ({ type: Workload, id })),
      )
      for (const [at, id] of fresh.entries()) {
        const row = rows[at] ?? null
        before.set(id, row)
        loads.set(id, row ?? nothing)
      }
    },
    load: loadOf,
    /** Makes it so that the tenant's hand-outs happen one after another. */
    async readClock(): Promise<void> {
      const row = ahead?.clock ?? (await store.get(HandOutClock, clockId))
      clock = { row, last: row === null ? 0 : microsOf(row.last) }
    },
    /** The next moment of the tenant's hand-outs: now, or as little later as makes it later than the one before. */
    tick(): string {
      if (clock === null) throw new Error('The clock of hand-outs was not read')
      clock.last = Math.max(nowMs * 1_000, clock.last + 1)
      ticks += 1
      return momentOf(clock.last)
    },
    /** Now, for what is no hand-out. */
    moment: (): string => momentOf(nowMs * 1_000),
    move(userId: string, delta: Delta, assignedAt: string | null = null): void {
      if (!before.has(userId)) throw new Error('Whose load moves must have been read')
      const load = loadOf(userId)
      const last = assignedAt === null || (load.lastAssignedAt ?? '') > assignedAt ? load.lastAssignedAt : assignedAt
      loads.set(userId, {
        campaigns: load.campaigns + (delta.campaigns ?? 0),
        contacts: load.contacts + (delta.contacts ?? 0),
        score: load.score + (delta.score ?? 0),
        lastAssignedAt: last,
      })
      changed.add(userId)
    },
    step(step: Step): void {
      const { campaignId = null, contactId = null, mode = null, batchId = null, ...rest } = step
      const row = create(AssignmentStep, newId(), { ...rest, campaignId, contactId, mode, batchId, by: actor.id }, now)
      steps.push(row)
    },
    changes(): Change[] {
      const made: Change[] = []
      for (const id of changed) {
        const row = before.get(id) ?? null
        const load = loadOf(id)
        const next = row === null ? create(Workload, id, load, now) : patched(Workload, row, load, now)
        written.set(id, next)
        made.push(row === null ? insert(Workload, next) : update(Workload, row, next))
      }
      // whom a choice passed over may not have changed meanwhile either: the clock stands for all of them
      if (clock !== null && ticks > 0) {
        const last = momentOf(clock.last)
        const next = clock.row === null ? create(HandOutClock, clockId, { last }, now) : patched(HandOutClock, clock.row, { last }, now)
        clockWritten = next
        made.push(clock.row === null ? insert(HandOutClock, next) : update(HandOutClock, clock.row, next))
      } else if (clock?.row != null && changed.size > 0) made.push(check(HandOutClock, clock.row))
      if (ahead?.step != null) made.push(check(AssignmentStep, ahead.step))
      return [...made, ...steps.map((row) => insert(AssignmentStep, row))]
    },
    /** Of what `changes` gave. */
    ahead: (): Ahead => ({ loads: written, clock: clockWritten ?? clock?.row ?? null, step: steps.at(-1) ?? ahead?.step ?? null }),
  }
}
export type Ledger = ReturnType<typeof openLedger>
