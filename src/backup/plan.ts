import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { withoutErased } from '../erasure/person.ts'
import type { Planned, RowDifference, Scope } from '../kernel/backups.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import { fold } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import type { View } from '../storage/port.ts'
import { covering, listSegments } from './coverage.ts'
import { differences, type RowReader, type StoredFields } from './difference.ts'
import { openingOf } from './keys.ts'
import { readManifest } from './manifest.ts'
import { type Moment, materialise } from './materialise.ts'
import type { Target } from './target.ts'
import type { Workshop } from './tasks.ts'

export type PlanInput = {
  url: string
  /** The snapshot to begin with, or null: the log from its first entry. */
  snapshot: string | null
  tenantId: string
  moment: Moment
  scope: Scope
  includeRemoved: boolean
  /** The tenant's newest entry now. */
  head: number
  /** Only count what differs, at the very entry at which the view of the storage is: others write meanwhile. */
  isCheck?: boolean
  /** Where the plan is written, a difference a line. */
  file: string
}

const pageSize = 500

/** Works out what has to be done to a tenant's rows so that they are what they were, and writes it to a file. Nothing else is changed. Errors: those of the backup; `not_found` for an unknown snapshot. */
export async function planRestore(workshop: Workshop, input: PlanInput): Promise<Planned> {
  const { entities, progress } = workshop
  const target = workshop.targets.find(({ url }) => url === input.url)
  if (target === undefined) throw new Error(`${input.url} is no target of this work`)
  const opening = await openingOf(target, workshop.keys)
  const scratch = await workshop.openScratch()
  const view = await workshop.openView()
  const out = createWriteStream(input.file, { mode: 0o600, flags: 'wx' })
  try {
    const manifest = input.snapshot === null ? null : await readManifest(target, input.snapshot, opening)
    if (input.snapshot !== null && manifest === null)
      throw new AppError('not_found', 'not_found', `There is no backup ${input.snapshot} in ${target.url}.`)
    await scratch.storage.transfer().begin()
    const { sequence, end } = await materialise(
      { target, identities: opening.identities, entities, manifest, scratch: scratch.storage, progress },
      input.tenantId,
      input.isCheck === true ? await momentOf(view, target, input.tenantId) : input.moment,
    )
    const reader =
      (from: Pick<View, 'rows'>): RowReader =>
      (type, cursor) =>
        from.rows(type, { cursor, limit: pageSize, tenantId: input.tenantId })
    const erased = await idsOf(
      entities.find(({ name }) => name === 'erasure'),
      reader(view),
    )
    const past = reader(scratch.storage.transfer())
    const sides = { present: reader(view), past: withoutThem(past, erased) }
    const chosen = await choose(entities, input, sides)
    // rows that come and go are brought to what they are now: of a target that does not know, they stay as they are
    const compared = entities.filter(
      (type) =>
        (!type.transient || (end >= input.head && input.isCheck !== true)) &&
        (!type.permanent || input.isCheck === true || input.moment === null),
    )
    const planned: Planned = { sequence, inserted: 0, updated: 0, removed: 0, kept: 0, isFound: chosen.isFound }
    for (const type of compared)
      for await (const each of differences(type, sides.present, sides.past)) {
        const verdict = chosen.verdict(type, each)
        if (verdict === 'kept') planned.kept += 1
        if (verdict !== 'taken') continue
        planned[`${each.op === 'remove' ? 'remov' : each.op === 'insert' ? 'insert' : 'updat'}ed`] += 1
        if (!out.write(`${JSON.stringify(each)}\n`)) await new Promise<void>((resolve) => out.once('drain', resolve))
      }
    return planned
  } finally {
    out.end()
    await finished(out)
    await view.close()
    await scratch.remove()
  }
}

const patienceMs = 10_000

/** The tenant's newest entry in the view, once the target has it too. Errors: `backup_incomplete`, later, when it does not come. */
async function momentOf(view: View, target: Target, tenantId: string): Promise<Moment> {
  let sequence = 0
  for (let cursor: string | null = null; ; ) {
    const page: Awaited<ReturnType<View['heads']>> = await view.heads({ cursor, limit: 200 })
    sequence = page.items.find(({ stream }) => stream === tenantId)?.sequence ?? sequence
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  for (const startedMs = performance.now(); performance.now() - startedMs < patienceMs; ) {
    if (covering((await listSegments(target, tenantId)).get(tenantId) ?? []).end >= sequence) break
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  return { sequence }
}

const idsOf = async (type: AnyEntity | undefined, read: RowReader): Promise<Set<string>> =>
  type === undefined ? new Set() : idsWhere(type, read, () => true)

/** People who were erased stay so, whatever is brought back. */
const withoutThem =
  (read: RowReader, erased: ReadonlySet<string>): RowReader =>
  async (type, cursor) => {
    const page = await read(type, cursor)
    const items = page.items.flatMap(({ tenantId, row }) => {
      const left = withoutErased(type, row, erased)
      return left === null ? [] : [{ tenantId, row: left }]
    })
    return { ...page, items }
  }

type Sides = { present: RowReader; past: RowReader }
type Verdict = 'taken' | 'kept' | 'out'
type Chosen = { isFound: boolean; verdict(type: AnyEntity, difference: RowDifference): Verdict }

/** Decides for each difference whether it is meant, and whether someone who was deleted on purpose would come back by it. */
async function choose(entities: readonly AnyEntity[], { scope, includeRemoved }: PlanInput, sides: Sides): Promise<Chosen> {
  const deleted = includeRemoved ? new Set<string>() : await deletedOnPurpose(entities, sides)
  const meant = await meantBy(entities, scope, sides)
  return {
    isFound: meant.isFound,
    verdict(type, difference) {
      if (!meant.has(type, difference)) return 'out'
      const row = difference.op === 'remove' ? difference.before : difference.after
      const people = [
        row.id,
        ...Object.entries(type.belongsTo).flatMap(([field, parent]) => (parent === 'user' ? [String(row[field])] : [])),
      ]
      return people.some((id) => deleted.has(id)) ? 'kept' : 'taken'
    },
  }
}

/** Ids of rows, and of people, that are deleted now and were not then. */
async function deletedOnPurpose(entities: readonly AnyEntity[], { present, past }: Sides): Promise<Set<string>> {
  const deleted = new Set<string>()
  for (const type of entities) {
    const field = type.deletedBy
    if (field === null) continue
    for await (const each of differences(type, present, past)) {
      if (each.op !== 'update' || each.before[field] === null || each.after[field] !== null) continue
      deleted.add(each.before.id)
      for (const [owner, parent] of Object.entries(type.belongsTo)) if (parent === 'user') deleted.add(String(each.before[owner]))
    }
  }
  return deleted
}

type Meant = { isFound: boolean; has(type: AnyEntity, difference: RowDifference): boolean }

async function meantBy(entities: readonly AnyEntity[], scope: Scope, { past }: Sides): Promise<Meant> {
  switch (scope.kind) {
    case 'tenant':
      return { isFound: true, has: () => true }
    case 'record': {
      const type = entities.find(({ name }) => name === scope.type)
      if (type === undefined) throw new AppError('unprocessable', 'validation_failed', `${scope.type} is no type of record.`)
      const rows = await idsWhere(type, past, ({ id }) => id === scope.id)
      // a person's row alone: with all that is theirs it is the scope `user`
      const owned = scope.type === 'user' ? new Map([[scope.type, rows]]) : await belongingTo(entities, new Map([[scope.type, rows]]), past)
      return { isFound: rows.size > 0, has: ({ name }, each) => each.op !== 'remove' && (owned.get(name)?.has(each.after.id) ?? false) }
    }
    case 'rows': {
      const rows = new Map(scope.rows.map(({ type, id, version }) => [`${type}\n${id}`, version]))
      return {
        isFound: true,
        has(type, each) {
          const id = each.op === 'insert' ? each.after.id : each.before.id
          const version = rows.get(`${type.name}\n${id}`)
          if (version === undefined) return false
          return each.op === 'insert' ? version === null : each.before.version === version
        },
      }
    }
    case 'user': {
      const owned = await belongingTo(entities, await personNamed(entities, scope.user, past), past)
      return {
        isFound: (owned.get('user')?.size ?? 0) > 0,
        has: (type, each) => each.op !== 'remove' && (owned.get(type.name)?.has(each.after.id) ?? false),
      }
    }
  }
}

async function personNamed(entities: readonly AnyEntity[], user: string, past: RowReader): Promise<Map<string, Set<string>>> {
  const people = entities.find(({ name }) => name === 'user')
  if (people === undefined) return new Map()
  return new Map([['user', await idsWhere(people, past, (row) => row.id === user || row.usernameFold === fold(user))]])
}

/** These rows and every row that belonged to them, directly or through another row of theirs. */
async function belongingTo(
  entities: readonly AnyEntity[],
  owned: Map<string, Set<string>>,
  past: RowReader,
): Promise<Map<string, Set<string>>> {
  for (let grew = true; grew; ) {
    grew = false
    for (const type of entities) {
      const links = Object.entries(type.belongsTo).filter(([, parent]) => owned.has(parent ?? ''))
      if (links.length === 0 || owned.has(type.name)) continue
      owned.set(
        type.name,
        await idsWhere(type, past, (row) => links.some(([field, parent]) => owned.get(parent ?? '')?.has(String(row[field])) ?? false)),
      )
      grew = true
    }
  }
  return owned
}

async function idsWhere(type: AnyEntity, read: RowReader, fits: (row: StoredFields) => boolean): Promise<Set<string>> {
  const ids = new Set<string>()
  for (let cursor: string | null = null; ; ) {
    const page = await read(type, cursor)
    for (const { row } of page.items) if (fits(row)) ids.add(row.id)
    if (page.nextCursor === null) return ids
    cursor = page.nextCursor
  }
}
