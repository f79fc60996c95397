import { z } from 'zod'
import { type Anchors, backupsOff } from '../kernel/backups.ts'
import { canonical, type Json } from '../kernel/canonical.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context, Runtime } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { decodeCursor, encodeCursor, pageInput, pageOf } from '../kernel/page.ts'
import type { LoggedEntry, Storage, TenantStore } from '../storage/port.ts'
import { streamsOf } from '../tenant/streams.ts'
import { compareAnchors } from './anchored.ts'
import { walkChain } from './chain.ts'
import { compareRows, createReplay } from './rows.ts'
import { searchLog } from './search.ts'
import { createSummaries, type Summaries } from './summaries.ts'

const json = z.record(z.string(), z.unknown())
export const auditItem = z.object({
  stream: z.string(),
  sequence: z.int(),
  time: z.string(),
  actor: z.object({ id: z.string().nullable(), kind: z.enum(['user', 'apiKey', 'platform', 'system', 'anonymous']), name: z.string() }),
  action: z.string(),
  entity: z.object({ type: z.string(), id: z.string() }).nullable(),
  requestId: z.string().nullable(),
  changes: z.array(z.object({ op: z.string(), type: z.string(), id: z.string(), fields: json })),
  detail: json.nullable(),
  previousHash: z.string(),
  hash: z.string(),
})

/** What the log may show of an entry: all of it, for it holds no secret. */
export const shownEntry = ({ entry, hash }: LoggedEntry) => ({ ...entry, changes: [...entry.changes], detail: entry.detail ?? null, hash })

const time = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' })
const filters = {
  requestId: z.string().max(100).optional(),
  entityType: z.string().max(100).optional(),
  entityId: z.string().max(200).optional(),
  actorId: z.string().max(100).optional(),
  action: z.string().max(100).optional(),
  from: time.optional(),
  to: time.optional(),
}
/** What is remembered of each storage's log. */
const remembered = new WeakMap<Storage, Summaries>()

function summariesOf({ storage }: Runtime): Summaries {
  const known = remembered.get(storage) ?? createSummaries()
  remembered.set(storage, known)
  return known
}

/** Who did what: newest first unless asked otherwise. Reading it is itself an entry. */
export const listAudit = operation({
  name: 'audit.read',
  summary: 'Search the audit log',
  needs: 'audit:read',
  readOnly: true,
  input: z.strictObject({ ...pageInput, ...filters, order: z.enum(['asc', 'desc']).optional() }),
  output: pageOf(auditItem),
  async run({ store, runtime }, { limit = 50, cursor, order = 'desc', ...wanted }) {
    const list = `audit ${order}`
    const [position] = cursor === undefined ? [] : decodeCursor(list, cursor, 1)
    const start = order === 'asc' ? Number(position ?? 0) : Number(position ?? (await lastSequence(store)) + 1)
    const { items, next } = await searchLog({ store, filters: wanted, limit, order, start, summaries: summariesOf(runtime) })
    const criteria = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)) as Record<string, Json>
    return {
      output: { items: items.map(shownEntry), nextCursor: next === null ? null : encodeCursor(list, [next]) },
      logged: true,
      detail: { criteria },
    }
  },
})

const lastSequence = async (store: TenantStore): Promise<number> => (await store.head())?.sequence ?? 0

const problem = z.object({
  stream: z.string(),
  sequence: z.int(),
  code: z.enum(['changed', 'missing', 'order', 'tail_missing', 'head_invalid']),
  detail: z.string(),
})

/** Walks the chain of one tenant, or of all, checks the signed heads, and compares with those in the backup targets. Heals nothing. */
export const verifyAudit = operation({
  name: 'audit.verify',
  summary: 'Verify the audit log',
  needs: 'audit:read',
  readOnly: true,
  input: z.strictObject({ everything: z.boolean().optional(), target: z.string().max(1_000).optional() }),
  output: z.object({ ok: z.boolean(), streams: z.int(), entries: z.int(), problems: z.array(problem) }),
  async run(context, { everything = false, target }) {
    const keys = context.services.keys.logKeys()
    const isOfAll = everything && context.scope === 'platform'
    const anchors = await anchorsFor(context, { target, stream: isOfAll ? undefined : context.store.tenantId })
    const seen = new Set<string>()
    const total = { ok: true, streams: 0, entries: 0, problems: [] as z.output<typeof problem>[] }
    for await (const { store, stream } of streamsOf(context, everything)) {
      const { entries, last, problems } = await walkChain(store, stream, keys)
      seen.add(stream)
      total.streams += 1
      total.entries += entries
      total.problems.push(...problems)
      for (const each of anchors) total.problems.push(...(await compareAnchors(each, { store, stream, last })))
    }
    for (const { target: url, streams } of anchors)
      for (const [stream, sequences] of streams)
        if (!seen.has(stream))
          total.problems.push({
            stream,
            sequence: 1,
            code: 'tail_missing',
            detail: `${url} has heads up to entry ${Math.max(...sequences)}, but nothing of this stream is there.`,
          })
    return { output: { ...total, ok: total.problems.length === 0 } }
  },
})

/** Errors: `backups_off` for a target that is named where none are made. */
async function anchorsFor(
  { services }: Context,
  { target, stream }: { target: string | undefined; stream: string | undefined },
): Promise<readonly Anchors[]> {
  if (services.backups !== null)
    return services.backups.anchors({ ...(target === undefined ? {} : { url: target }), ...(stream === undefined ? {} : { stream }) })
  if (target === undefined) return []
  throw backupsOff()
}

/** A part of the tenant's log as lines of canonical JSON, each entry with its hash. `sealed` is the signed last line, once `to` is reached. */
export const exportAudit = operation({
  name: 'audit.export',
  summary: 'Export the audit log',
  needs: 'audit:read',
  readOnly: true,
  input: z.strictObject({ after: z.int().min(0), to: z.int().min(1).optional(), limit: z.int().min(1).max(1000).optional() }),
  output: z.object({ lines: z.array(z.string()), last: z.int(), sealed: z.string().nullable() }),
  async run({ store, services, realMs }, { after, to, limit = 1000 }) {
    const end = Math.min(to ?? Number.MAX_SAFE_INTEGER, await lastSequence(store))
    const page = (await store.log(null, after, limit)).filter(({ entry }) => entry.sequence <= end)
    const last = page.at(-1)
    const lines = page.map(({ entry, hash }) => canonical({ ...entry, hash } as unknown as Json))
    if (last !== undefined && last.entry.sequence < end) return { output: { lines, last: last.entry.sequence, sealed: null } }
    const closing = last ?? (await store.log(null, after - 1, 1))[0]
    if (closing === undefined || closing.entry.sequence !== end)
      throw new AppError('not_found', 'not_found', 'There are no entries to export.')
    const head = services.keys.signHead({ stream: store.tenantId, sequence: end, hash: closing.hash, time: toTime(realMs) })
    return { output: { lines, last: end, sealed: canonical({ head } as unknown as Json) }, logged: true, detail: { last: end } }
  },
})

const integrityProblem = z.object({
  code: z.string(),
  entity: z.string().nullable(),
  stream: z.string(),
  sequence: z.int().nullable(),
  detail: z.string(),
})

/** The whole check, run now: the engine's own, the chain, the signed heads, and every row against what the log says. */
export const checkIntegrity = operation({
  name: 'integrity.check',
  summary: 'Check the integrity of log and rows',
  needs: 'integrity:read',
  readOnly: true,
  input: z.strictObject({}),
  output: z.object({
    status: z.enum(['ok', 'suspect']),
    checkedAt: z.iso.datetime({ precision: 3 }),
    log: z.object({ streams: z.int(), entries: z.int() }),
    rows: z.object({ checked: z.int(), mismatched: z.int() }),
    backups: z.object({ newestProvenAt: z.string().nullable() }),
    problems: z.array(integrityProblem),
  }),
  async run(context) {
    const keys = context.services.keys.logKeys()
    const found = {
      log: { streams: 0, entries: 0 },
      rows: { checked: 0, mismatched: 0 },
      problems: [] as z.output<typeof integrityProblem>[],
    }
    const { health } = context.services
    const unsound = new Map<string, boolean>()
    const broken = await context.runtime.storage.check()
    health.checked('engine', broken.length === 0)
    for (const detail of broken)
      found.problems.push({ code: 'engine', entity: null, stream: context.store.tenantId, sequence: null, detail })
    for await (const { store, stream, tenantId } of streamsOf(context, context.scope === 'platform')) {
      const replay = createReplay()
      const { entries, problems } = await walkChain(store, stream, keys, replay.apply)
      const rows = stream === store.tenantId ? await compareRows(store, context.services.entities, replay) : { checked: 0, problems: [] }
      found.log.streams += 1
      found.log.entries += entries
      found.rows.checked += rows.checked
      found.rows.mismatched += rows.problems.length
      found.problems.push(...problems.map((one) => ({ ...one, entity: null })))
      found.problems.push(
        ...rows.problems.map(({ entity, id, detail }) => ({ code: 'row', entity: `${entity.name}/${id}`, stream, sequence: null, detail })),
      )
      unsound.set(tenantId, unsound.get(tenantId) === true || problems.length + rows.problems.length > 0)
    }
    for (const [tenantId, isUnsound] of unsound) health.checked(tenantId, !isUnsound)
    const status = found.problems.length === 0 ? ('ok' as const) : ('suspect' as const)
    return {
      output: {
        ...found,
        status,
        checkedAt: toTime(context.realMs),
        backups: { newestProvenAt: context.services.backups?.newestProvenAt() ?? null },
      },
    }
  },
})
