import { z } from 'zod'
import { Contact, type ContactRow } from '../contact/entity.ts'
import { type Change, create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { everyRow } from '../kernel/every-row.ts'
import { metaOf } from '../kernel/meta.ts'
import { operation } from '../kernel/operation.ts'
import { Conflict } from '../storage/port.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { type Pool, poolOf } from './eligible.ts'
import { HandOut, type HandOutRow } from './entity.ts'
import { type Failure, type HandedOut, type Mode, planHandOut, type Rule } from './hand-out.ts'
import { asked, uuid, whole } from './input.ts'
import { handOutLane } from './lane.ts'
import { type Ahead, readAll } from './ledger.ts'
import { assertActive, placed, userNotFound } from './place.ts'

/** Contacts of one commit: a larger hand-out is a chain of them, each of whole contacts. */
const chunkSize = 1_000
const attempts = 50

const input = z
  .object({
    ...asked,
    mode: z.enum(['round_robin', 'lead_score', 'manual']),
    contactIds: z.array(uuid).max(1_000).optional(),
    filter: z
      .object({ owner: z.union([z.literal('none'), uuid]), importId: uuid.optional(), limit: whole(1, 100_000).optional() })
      .optional(),
    userIds: z.array(uuid).min(1).max(1_000).optional(),
    reassign: z.boolean().default(false),
  })
  .superRefine(({ mode, contactIds, filter, userIds }, { addIssue }) => {
    if ((contactIds === undefined) === (filter === undefined))
      addIssue({ code: 'custom', path: ['contactIds'], message: 'name either contact_ids or filter', input: contactIds })
    if (mode === 'manual' && userIds === undefined) addIssue({ code: 'custom', path: ['userIds'], message: 'is required', input: userIds })
  })
type Input = z.output<typeof input>

/** What a hand-out has done so far; it is kept when a lost race runs the operation again. */
type Progress = { batchId: string; row: HandOutRow | null; created: number; given: Map<string, number>; failed: Failure[] }

/** Hands contacts out to people (contracts/salesbrain.md section 4). Errors: `user_not_found`, `user_not_active`, `no_eligible_user`, those of `placed`. */
export const bulkAssign = operation({
  name: 'contact.bulk-assign',
  summary: 'Hand contacts out to users',
  needs: 'assignment:manage',
  elsewhere: true,
  serial: handOutLane,
  input,
  output: z.object({
    created: z.int(),
    distribution: z.record(z.string(), z.int()),
    failed: z.array(z.object({ id: z.string(), code: z.string(), error: z.string() })),
    batchId: z.string().nullable(),
  }),
  run: async (caller, given) => handedOut(caller, await placed(caller, given, 'change'), given),
})

/** What other operations that hand out say more: `anyStatus`: contacts that one may not write to as well. */
type Finer = { anyStatus?: boolean; rule?: Rule; weights?: Readonly<Record<string, number>> }

/** The same for other operations that hand out. */
export async function handedOut(caller: Context, context: Context, given: Input & Finer) {
  const { pool, inTurn } = await whoMay(context, given)
  const contacts = await whichOf(context, given)
  const progress = await caller.once(
    'hand-out',
    async (): Promise<Progress> => ({ batchId: context.newId(), row: null, created: 0, given: new Map(), failed: [] }),
  )
  if (contacts.length > 0 && given.mode !== 'manual' && pool.users.length === 0)
    throw new AppError('conflict', 'no_eligible_user', 'No user is eligible')
  const part = (from: number) => ({
    mode: given.mode as Mode,
    rule: given.rule ?? null,
    weights: new Map(Object.entries(given.weights ?? {})),
    batchId: progress.batchId,
    contacts: contacts.slice(from, from + chunkSize),
    isReassigning: given.reassign || (given.filter !== undefined && given.filter.owner !== 'none'),
    pool,
    inTurn,
  })
  const chain = partChain(context, progress, given.mode)
  let at = 0
  for (; at + chunkSize < contacts.length; at += chunkSize) {
    const from = at
    await chain.send((ahead) => planHandOut(context, part(from), ahead))
  }
  const last = await chain.last((ahead) => planHandOut(context, part(at), ahead))
  const given_ = merged(progress.given, last.given)
  const created = progress.created + last.created
  return {
    output: {
      created,
      distribution: named([...pool.users, ...inTurn], given_),
      failed: [...progress.failed, ...last.failed],
      batchId: created === 0 ? null : progress.batchId,
    },
    changes:
      last.created === 0
        ? []
        : [...last.changes, batchChange(context, progress.row, { batchId: progress.batchId, mode: given.mode, more: last.created }).change],
    store: context.store,
    entity: { type: HandOut.name, id: progress.batchId },
  }
}

type Plan = (ahead: Ahead | null) => Promise<HandedOut>

/** Parts that may be on their way at once: while one is written the next waits for its turn already, and one more is planned. */
const partsOnTheirWay = 2

/**
 * The parts of a hand-out, one commit after another, each planned and sent as if those before it were done. A part asks for a row of the one before: where that one loses a race both are refused, and
 * planned anew one after the other.
 */
function partChain(context: Context, progress: Progress, mode: Mode) {
  const onTheirWay: Promise<boolean>[] = []
  let ahead: Ahead | null = null
  let batch: HandOutRow | null = null
  let before: Promise<unknown> = Promise.resolve()

  /** Waits until at most so many parts are on their way, and says whether all that were waited for went as they were planned first. */
  async function landed(left: number): Promise<boolean> {
    let all = true
    while (onTheirWay.length > left) if ((await onTheirWay.shift()) === false) all = false
    return all
  }

  async function planned(plan: Plan, left: number): Promise<HandedOut> {
    const [first, went] = await Promise.allSettled([plan(ahead), landed(left)])
    try {
      if (went.status === 'rejected') throw went.reason
      if (went.value && first.status === 'rejected') throw first.reason
      if (went.value && first.status === 'fulfilled') return first.value
      await landed(0)
    } catch (error) {
      // nobody is answered while a part is still being written
      await Promise.allSettled(onTheirWay)
      throw error
    }
    ahead = null
    batch = progress.row
    return plan(null)
  }

  return {
    async send(plan: Plan): Promise<void> {
      const first = await planned(plan, partsOnTheirWay - 1)
      const made = batchChange(context, batch ?? progress.row, { batchId: progress.batchId, mode, more: first.created })
      if (first.created > 0) batch = made.row
      ahead = first.ahead
      const going = handOutPart(context, progress, { mode, first, batch: made, before, again: () => plan(null) })
      going.catch(() => undefined)
      before = going
      onTheirWay.push(going)
    },
    /** The last one is not sent: it belongs to the operation's own commit, after all the others. */
    last: (plan: Plan): Promise<HandedOut> => planned(plan, 0),
  }
}

type Batch = { row: HandOutRow; change: Change }
type Part = { mode: Mode; first: HandedOut; batch: Batch; before: Promise<unknown>; again: () => Promise<HandedOut> }

/** A commit of its own, planned anew, once the one before is done, when it loses a race. Resolves to whether it went as it was planned first. */
async function handOutPart(context: Context, progress: Progress, { mode, first, batch, before, again }: Part): Promise<boolean> {
  let [part, row] = [first, batch]
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (part.created > 0)
        await context.store.commit(
          [...part.changes, row.change],
          metaOf(context, bulkAssign.name, { entity: { type: HandOut.name, id: progress.batchId } }),
        )
      await before
    } catch (error) {
      if (!(error instanceof Conflict) || attempt >= attempts) throw error
      await before
      part = await again()
      row = batchChange(context, progress.row, { batchId: progress.batchId, mode, more: part.created })
      continue
    }
    if (part.created > 0) progress.row = row.row
    progress.created += part.created
    progress.given = merged(progress.given, part.given)
    progress.failed.push(...part.failed)
    return attempt === 1
  }
}

function batchChange(
  { now, actor }: Context,
  row: HandOutRow | null,
  { batchId, mode, more }: { batchId: string; mode: Mode; more: number },
): Batch {
  if (row === null) {
    const made = create(HandOut, batchId, { mode, byId: actor.id, assignments: more, undoneAt: null }, now)
    return { row: made, change: insert(HandOut, made) }
  }
  const next = patched(HandOut, row, { mode, assignments: row.assignments + more }, now)
  return { row: next, change: update(HandOut, row, next) }
}

const merged = (one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): Map<string, number> => {
  const sum = new Map(one)
  for (const [id, count] of other) sum.set(id, (sum.get(id) ?? 0) + count)
  return sum
}

function named(users: readonly UserRow[], given: ReadonlyMap<string, number>): Record<string, number> {
  const byId = new Map(users.map((user) => [user.id, user.email ?? user.username]))
  return Object.fromEntries([...given].map(([id, count]) => [byId.get(id) ?? id, count]))
}

/** Who may be chosen. Errors: `user_not_found`, `user_not_active`. */
async function whoMay(context: Context, { mode, userIds, filter }: Input): Promise<{ pool: Pool; inTurn: UserRow[] }> {
  const nobody: Pool = { users: [], skipped: { inactive: 0, suspended: 0, on_leave: 0, not_assignable: 0 } }
  if (mode === 'manual') {
    const rows = await readAll<UserRow>(
      context.store,
      (userIds ?? []).map((id) => ({ type: User, id })),
    )
    if (rows.includes(null)) throw userNotFound()
    for (const user of rows as UserRow[]) assertActive(user)
    return { pool: nobody, inTurn: rows as UserRow[] }
  }
  const pool = await poolOf(context, userIds ?? null)
  const owner = filter?.owner
  if (owner !== undefined && owner !== 'none' && (await context.store.get(User, owner)) === null) throw userNotFound()
  return { pool: { ...pool, users: pool.users.filter(({ id }) => id !== owner) }, inTurn: [] }
}

/** Which contacts are meant, each once. */
async function whichOf(
  { store }: Context,
  { mode, contactIds, filter, anyStatus = false }: Input & Finer,
): Promise<{ id: string; place: number }[]> {
  if (filter === undefined) return [...new Set(contactIds)].map((id, place) => ({ id, place }))
  const { owner, importId, limit = 100_000 } = filter
  const found: ContactRow[] = await everyRow(store, Contact, {
    filter: [
      { field: 'ownerId', op: 'eq', value: owner === 'none' ? null : owner },
      ...(anyStatus ? [] : [{ field: 'status', op: 'eq' as const, value: 'active' }]),
      ...(importId === undefined ? [] : [{ field: 'importId', op: 'eq' as const, value: importId }]),
    ],
  })
  found.sort((a, b) => (a.createdAt === b.createdAt ? (a.id < b.id ? -1 : 1) : a.createdAt < b.createdAt ? -1 : 1))
  const taken = found.slice(0, limit)
  // the best first over all commits of the call, not only within each
  if (mode === 'lead_score') taken.sort((a, b) => b.leadScore - a.leadScore || (a.id < b.id ? -1 : 1))
  return taken.map(({ id }, place) => ({ id, place }))
}
