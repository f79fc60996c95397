import { z } from 'zod'
import type { At, Backups, Plan, RowDifference, Scope } from '../kernel/backups.ts'
import { add, type Change, Counter, insert, remove, update } from '../kernel/change.ts'
import { type Context, system } from '../kernel/context.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { perform } from '../kernel/perform.ts'
import { Media, type MediaRow } from '../media/entity.ts'
import { healFiles } from '../media/heal.ts'
import { bytesCounter, bytesOf, countBytes } from '../media/quota.ts'
import { platformTenant } from '../storage/port.ts'
import { Tenant } from '../tenant/entity.ts'
import { resolveTenant } from '../tenant/resolve.ts'
import { ownersCounter } from '../user/entity.ts'
import { backupsOf, namedTarget } from './operations.ts'

const count = z.int().min(0)
const id = z.string().min(1).max(200)
const time = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' }).transform((text) => new Date(text).toISOString())
const at = z.union([z.strictObject({ snapshot: id }), z.strictObject({ time }), z.strictObject({ sequence: z.int().min(0) })])
const onProgress = z.custom<(done: number, total: number) => void>((given) => typeof given === 'function').optional()

const input = z.strictObject({
  scope: z.enum(['all', 'tenant', 'user', 'record']),
  /** Tenant (id or key), user (id or username) or record. */
  id: id.optional(),
  type: z.string().max(100).optional(),
  at: at.optional(),
  preview: z.boolean().default(false),
  includeRemoved: z.boolean().default(false),
  /** The target to read, when not any of them. */
  from: z.string().max(1_000).optional(),
  onProgress,
})
type Input = z.output<typeof input>

const output = z.object({
  id: z.string(),
  state: z.enum(['preview', 'done']),
  scope: z.enum(['all', 'tenant', 'user', 'record', 'undo']),
  at: z.union([z.object({ snapshot: z.string() }), z.object({ time: z.string() }), z.object({ sequence: count })]),
  changes: z.object({ inserted: count, updated: count, removed: count }),
})
type Counts = z.output<typeof output>['changes']

/** Brings rows back to what they were (native-api.md section 5). The tenants in scope are closed meanwhile; the others go on. Errors: `not_found`, `restore_point`, `restore_running`, those of the backup. */
export const createRestore = operation({
  name: 'restore.run',
  summary: 'Restore rows from the backups',
  needs: 'restore:run',
  input,
  output,
  async run(context, given) {
    checkShape(given)
    if (given.scope === 'all') return restoreAll(context, given)
    const tenantId = await tenantOf(context, given)
    const scope = scopeOf(given)
    const closure = given.preview ? null : await context.runtime.closures.close(tenantId)
    try {
      const plan = await planOf(context, given, tenantId, scope)
      try {
        if (!plan.isFound) throw absentThen(given)
        const done = { id: context.newId(), scope: given.scope, at: given.at ?? { sequence: plan.sequence }, changes: countsOf(plan) }
        if (closure === null) return { output: { ...done, state: 'preview' as const } }
        const changes = await changesOf(context, plan, scope)
        return {
          output: { ...done, state: 'done' as const },
          changes: changes.list,
          logged: true,
          store: closure.store,
          entity: { type: 'restore', id: done.id },
          detail: { scope: given.scope, at: done.at, changes: changes.counts, kept: plan.kept },
          ended: closure.open,
          after: () => filesBack(context, changes.list, tenantId),
        }
      } finally {
        await plan.dispose()
      }
    } catch (error) {
      closure?.open()
      throw error
    }
  },
})

/** One tenant's part of a restore of everything. */
export const restoreTenant = operation({
  name: 'restore.tenant',
  summary: 'One tenant’s part of a restore of everything',
  needs: 'restore:all',
  input: z.strictObject({
    at: at.optional(),
    includeRemoved: z.boolean(),
    from: z.string().optional(),
    id: z.string(),
    reason: z.string().optional(),
  }),
  output: z.object({ inserted: count, updated: count, removed: count }),
  async run(context, given) {
    const closure = await context.runtime.closures.close(context.store.tenantId)
    try {
      const plan = await planOf(context, given, context.store.tenantId, { kind: 'tenant' })
      try {
        const { list, counts } = await changesOf(context, plan, { kind: 'tenant' })
        // a look that finds all well leaves no entry
        const logged = given.reason === undefined || list.length > 0 ? { logged: true as const } : {}
        const written = { changes: list, ...logged, store: closure.store, entity: { type: 'restore', id: given.id } }
        return {
          output: counts,
          ...written,
          action: 'restore.run',
          detail: {
            scope: given.reason === undefined ? 'all' : 'tenant',
            at: given.at ?? null,
            changes: counts,
            ...(given.reason === undefined ? {} : { reason: given.reason }),
          },
          ended: closure.open,
          after: () => filesBack(context, list, context.store.tenantId),
        }
      } finally {
        await plan.dispose()
      }
    } catch (error) {
      closure.open()
      throw error
    }
  },
})

const absentThen = ({ scope, type }: Input): AppError =>
  new AppError(
    'not_found',
    'not_found',
    `There was no such ${scope === 'user' ? 'user' : (type ?? 'record')} at that moment. Name an earlier or a later one.`,
  )

/** Rows of files that came back have their bytes again, from the backups; nobody waits for it. */
function filesBack({ runtime, services }: Context, changes: readonly Change[], tenantId: string): void {
  if (!changes.some(({ op, entity }) => entity === Media && (op === 'insert' || op === 'update'))) return
  void healFiles(runtime, tenantId).catch((error: unknown) =>
    services.log.error({ err: error, tenantId }, 'the bytes of restored files are not all back: the next start, or scrubbing, goes on'),
  )
}

/** Every tenant, one commit each, the platform's own last: whoever is interrupted runs it again. */
async function restoreAll(context: Context, given: Input) {
  if (context.scope !== 'platform') throw new AppError('forbidden', 'forbidden', 'Your role does not allow this.')
  if (given.at !== undefined && 'sequence' in given.at)
    throw invalid('at', 'A sequence counts in one tenant’s stream; for everything name a snapshot or a time.')
  const sum: Counts = { inserted: 0, updated: 0, removed: 0 }
  const done = { id: context.newId(), scope: 'all' as const, at: given.at ?? { time: new Date(context.realMs).toISOString() } }
  const each = {
    includeRemoved: given.includeRemoved,
    id: done.id,
    ...(given.at === undefined ? {} : { at: given.at }),
    ...(given.from === undefined ? {} : { from: given.from }),
  }
  for (const tenantId of await everyTenant(context)) {
    const counts = given.preview ? await previewOf(context, given, tenantId) : await performIn(context, tenantId, each)
    for (const kind of ['inserted', 'updated', 'removed'] as const) sum[kind] += counts[kind]
  }
  if (given.preview) return { output: { ...done, state: 'preview' as const, changes: sum } }
  const detail = { scope: 'all', at: done.at, changes: sum }
  return {
    output: { ...done, state: 'done' as const, changes: sum },
    logged: true as const,
    entity: { type: 'restore', id: done.id },
    detail,
  }
}

async function everyTenant({ runtime }: Context): Promise<string[]> {
  const ids = new Set<string>()
  const platform = runtime.storage.platform()
  for (let cursor: string | null = null; ; ) {
    const page: Awaited<ReturnType<typeof platform.heads>> = await platform.heads({ cursor, limit: 200 })
    for (const { tenantId } of page.items) ids.add(tenantId)
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  ids.delete(platformTenant)
  return [...ids, platformTenant]
}

async function previewOf(context: Context, given: Input, tenantId: string): Promise<Counts> {
  const plan = await planOf(context, given, tenantId, { kind: 'tenant' })
  await plan.dispose()
  return countsOf(plan)
}

async function performIn({ runtime, origin }: Context, tenantId: string, given: z.input<typeof restoreTenant.input>): Promise<Counts> {
  let counts: Counts = { inserted: 0, updated: 0, removed: 0 }
  await perform(runtime, restoreTenant, {
    actor: system,
    origin,
    tenantId,
    input: given,
    encode(output) {
      counts = output
      return { status: 200, body: '' }
    },
  })
  return counts
}

function checkShape({ scope, id: named, type }: Input): void {
  if ((scope === 'user' || scope === 'record') && named === undefined) throw invalid('id', `A restore of a ${scope} names it.`)
  if (scope === 'record' && type === undefined) throw invalid('type', 'A restore of a record names its type, such as contact.')
  if (scope === 'all' && named !== undefined) throw invalid('id', 'A restore of everything names nothing.')
}

const invalid = (field: string, message: string): AppError =>
  new AppError('unprocessable', 'validation_failed', `${field}: ${message}`, { errors: [{ field, message }] })

/** One's own tenant; the platform names one. Another's is absent. */
async function tenantOf(context: Context, { scope, id: named }: Input): Promise<string> {
  if (scope !== 'tenant' || named === undefined) return context.store.tenantId
  const tenant = await resolveTenant(context, named)
  if (tenant === null || (context.scope !== 'platform' && tenant.id !== context.store.tenantId)) throw notFound()
  return tenant.id
}

function scopeOf({ scope, id: named = '', type = '' }: Input): Scope {
  if (scope === 'user') return { kind: 'user', user: named }
  return scope === 'record' ? { kind: 'record', type, id: named } : { kind: 'tenant' }
}

type Wanted = { at?: At | undefined; includeRemoved: boolean; from?: string | undefined; onProgress?: Input['onProgress'] }

function planOf(
  context: Context,
  { at: moment, includeRemoved, from, onProgress: report }: Wanted,
  tenantId: string,
  scope: Scope,
): Promise<Plan> {
  const backups: Backups = backupsOf(context)
  return backups.plan({ tenantId, at: moment ?? null, scope, includeRemoved, ...namedTarget(context, from) }, (done) => report?.(done, 0))
}

const countsOf = ({ inserted, updated, removed }: Plan): Counts => ({ inserted, updated, removed })

/** The plan as guarded changes. A tenant's licence is the platform's to change, so only its staff restores it. */
async function changesOf(context: Context, plan: Plan, scope: Scope): Promise<{ list: Change[]; counts: Counts }> {
  const types = new Map(context.services.entities.map((type) => [type.name, type]))
  const list: Change[] = []
  const counts: Counts = { inserted: 0, updated: 0, removed: 0 }
  let owners = 0
  let bytes = 0
  for await (const difference of plan.differences()) {
    const type = types.get(difference.type)
    if (type === undefined || (type.name === Tenant.name && context.scope !== 'platform')) continue
    if (type.name === 'user') owners += ownersBy(difference)
    if (type === Media) bytes += bytesBy(difference)
    list.push(changeOf(type, difference))
    counts[difference.op === 'insert' ? 'inserted' : difference.op === 'update' ? 'updated' : 'removed'] += 1
  }
  // a restore of everything, and what undoes one, brings the counters back with the rest
  const isBack = (counter: string) =>
    scope.kind === 'tenant' || list.some((one) => one.entity === Counter && 'row' in one && one.row.id === counter)
  if (!isBack(bytesCounter)) list.push(...(await countBytes(context, bytes, { isBounded: false })))
  if (owners !== 0 && !isBack(ownersCounter)) list.push(add(ownersCounter, owners, context.now, { min: 1 }))
  return { list, counts }
}

function changeOf(type: AnyEntity, difference: RowDifference): Change {
  switch (difference.op) {
    case 'insert':
      return insert(type, difference.after as never)
    case 'update':
      return update(type, difference.before as never, { ...difference.after, version: Number(difference.before.version) + 1 } as never)
    case 'remove':
      return remove(type, difference.before as never)
  }
}

/** By how many active owners a difference moves their number. */
function ownersBy(difference: RowDifference): number {
  const isOwner = (row: { readonly [field: string]: unknown } | null): number =>
    row !== null && row.role === 'owner' && row.isActive === true ? 1 : 0
  const before = difference.op === 'insert' ? null : difference.before
  const after = difference.op === 'remove' ? null : difference.after
  return isOwner(after) - isOwner(before)
}

/** By how many bytes it changes what the tenant's files take. */
function bytesBy(difference: RowDifference): number {
  const before = difference.op === 'insert' ? 0 : bytesOf(difference.before as MediaRow)
  const after = difference.op === 'remove' ? 0 : bytesOf(difference.after as MediaRow)
  return after - before
}

/** Brings back what a restore replaced; rows that were changed since stay as they are. Errors: `not_found`. */
export const undoRestore = operation({
  name: 'restore.undo',
  summary: 'Undo a restore',
  needs: 'restore:run',
  input: z.strictObject({ id, from: z.string().max(1_000).optional(), onProgress }),
  output,
  async run(context, given) {
    const entry = await entryOf(context, given.id)
    if (entry === null) throw notFound()
    const rows = entry.changes.flatMap(({ op, type, id: row, fields }) =>
      op === 'add' ? [] : [{ type, id: row, version: op === 'remove' ? null : Number(fields.version) }],
    )
    const tenantId = entry.stream
    const closure = await context.runtime.closures.close(tenantId)
    try {
      const moment = { sequence: entry.sequence - 1 }
      const scope: Scope = { kind: 'rows', rows }
      const plan = await planOf(context, { ...given, at: moment, includeRemoved: true }, tenantId, scope)
      try {
        const { list, counts } = await changesOf({ ...context, store: closure.store }, plan, scope)
        return {
          output: { id: context.newId(), state: 'done' as const, scope: 'undo' as const, at: moment, changes: counts },
          changes: list,
          logged: true,
          store: closure.store,
          entity: { type: 'restore', id: given.id },
          detail: { at: moment, changes: counts },
          ended: closure.open,
        }
      } finally {
        await plan.dispose()
      }
    } catch (error) {
      closure.open()
      throw error
    }
  },
})

const chunk = 500

/** The log's entry of a restore, looked for from the newest on: in one's own tenant, by the platform in all. */
async function entryOf(context: Context, restore: string) {
  for (const tenantId of context.scope === 'platform' ? await everyTenant(context) : [context.store.tenantId]) {
    const store = context.runtime.storage.tenant(tenantId)
    for (let end = (await store.head())?.sequence ?? 0; end > 0; end -= chunk) {
      const page = await store.log(null, Math.max(0, end - chunk), Math.min(chunk, end))
      const found = page.findLast(({ entry }) => entry.action === 'restore.run' && entry.entity?.id === restore && entry.changes.length > 0)
      if (found !== undefined) return found.entry
    }
  }
  return null
}
