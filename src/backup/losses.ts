import { compareRows, createReplay } from '../audit/rows.ts'
import type { Backup, Backups } from '../kernel/backups.ts'
import { Counter } from '../kernel/change.ts'
import { type Origin, type Runtime, system } from '../kernel/context.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import { perform } from '../kernel/perform.ts'
import { platformTenant, type TenantStore } from '../storage/port.ts'
import { restoreTenant } from './restore.ts'

/** A tenant with at most so many entries and rows is compared row by row at the start. */
const fewEntries = 3_000
const fewRows = 5_000

/** How much of a start the look may take; what it does not come to, the running check does. */
const startBudgetMs = 1_000

type Found = { tenantId: string; lost: number }
type Looked = { found: Found[]; unchecked: string[] }

/** Compares what is stored with what the log says, tenant by tenant, as far as the time goes. Rows that come and go with sign-ins are left out: engines let them expire. */
async function findLosses({ storage, services }: Runtime, budgetMs: number): Promise<Looked> {
  const startedMs = performance.now()
  const looked: Looked = { found: [], unchecked: [] }
  const kept = services.entities.filter(({ transient }) => !transient)
  let known: Promise<Backup | null> | null = null
  const newest = () => (known ??= newestBackup(services.backups, budgetMs))
  const isLate = () => performance.now() - startedMs > budgetMs
  for await (const { tenantId, sequence } of everyTenant(storage)) {
    const store = storage.tenant(tenantId)
    const isSmall = sequence <= fewEntries
    const compared = isSmall && !isLate() ? await lostIn(store, kept, isLate) : null
    const lost = compared ?? (isLate() ? null : await missingIn(store, kept, await newest()))
    if (lost === null) looked.unchecked.push(tenantId)
    else if (lost > 0) looked.found.push({ tenantId, lost })
  }
  return looked
}

/** How many rows are not what the log says, or null when that takes too long to tell. */
async function lostIn(store: TenantStore, entities: readonly AnyEntity[], isLate: () => boolean): Promise<number | null> {
  const replay = createReplay()
  for (let page = await store.log(null, 0, 100); page.length > 0; page = await store.log(null, replay.sequence, 100)) {
    page.forEach(replay.apply)
    const rows = [...replay.rows.values()].reduce((sum, { size }) => sum + size, 0)
    if (isLate() || rows > fewRows) return null
  }
  return (await compareRows(store, entities, replay)).problems.length
}

/** The newest snapshot, or null when the targets do not tell it soon. */
async function newestBackup(backups: Backups | null, patienceMs: number): Promise<Backup | null> {
  if (backups === null) return null
  const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), patienceMs).unref())
  const list = backups.list().then(
    (all) => all[0] ?? null,
    () => null,
  )
  return Promise.race([list, late])
}

/** How many rows are missing by number alone: those of a snapshot, and what the log says since. Null when that cannot be told quickly. */
async function missingIn(store: TenantStore, entities: readonly AnyEntity[], backup: Backup | null): Promise<number | null> {
  const { tenantId } = store
  const saved = backup?.heads.find((head) => head.tenantId === tenantId && head.stream === tenantId)
  const last = (await store.head())?.sequence ?? 0
  if (backup === null || saved === undefined || last < saved.sequence || last - saved.sequence > fewEntries) return null
  const expected = new Map(Object.entries(backup.tenants[tenantId] ?? {}))
  for (let at = saved.sequence; at < last; ) {
    const page = await store.log(null, at, 500)
    if (page.length === 0) break
    for (const { op, type } of page.flatMap(({ entry }) => entry.changes))
      if (op === 'insert' || op === 'remove') expected.set(type, (expected.get(type) ?? 0) + (op === 'insert' ? 1 : -1))
    at = page.at(-1)?.entry.sequence ?? last
  }
  let missing = 0
  // counters come into being by being added to
  for (const type of entities.filter(({ name }) => name !== Counter.name))
    missing += Math.max(0, (expected.get(type.name) ?? 0) - (await store.count(type, {})))
  return missing
}

async function* everyTenant(storage: Runtime['storage']): AsyncGenerator<{ tenantId: string; sequence: number }> {
  const platform = storage.platform()
  for (let cursor: string | null = null; ; ) {
    const page: Awaited<ReturnType<typeof platform.heads>> = await platform.heads({ cursor, limit: 200 })
    for (const { tenantId, stream, sequence } of page.items) if (stream === tenantId) yield { tenantId, sequence }
    if (page.nextCursor === null) return
    cursor = page.nextCursor
  }
}

const origin: Origin = { requestId: 'integrity', surface: 'cli', network: null, userAgent: null, deviceToken: null }

/** Brings a tenant's rows back to what its log says, from the backups and in one commit of the system. Resolves to how many it mended. Errors: those of a restore. */
export async function healTenant(runtime: Runtime, tenantId: string): Promise<number> {
  const { log, health } = runtime.services
  let mended = 0
  await perform(runtime, restoreTenant, {
    actor: system,
    origin,
    tenantId,
    input: { includeRemoved: true, id: runtime.ids.newId(), reason: 'integrity' },
    encode(output) {
      mended = output.inserted + output.updated + output.removed
      if (mended > 0) log.warn({ tenantId, ...output }, 'rows that were lost or damaged were healed from the backups')
      return { status: 200, body: '' }
    },
  })
  health.checked(tenantId, true)
  return mended
}

/** Compares one tenant's rows with its backups and its log, away from requests, and heals what is not right. Resolves to how many rows were mended. Errors: those of a restore. */
export async function checkTenant(runtime: Runtime, tenantId: string): Promise<number> {
  const { backups, log, health } = runtime.services
  const lost = (await backups?.differing(tenantId)) ?? 0
  if (lost === 0) return 0
  log.error({ tenantId, lost }, 'rows are not what the log says')
  health.checked(tenantId, false)
  return healTenant(runtime, tenantId)
}

/** One look at every tenant, one after the other, each by its own. A tenant that cannot be looked at holds up no other. */
export async function checkEveryTenant(runtime: Runtime): Promise<void> {
  if (runtime.services.backups === null) return
  for await (const { tenantId } of everyTenant(runtime.storage))
    await checkTenant(runtime, tenantId).catch((error: unknown) =>
      runtime.services.log.error({ err: error, tenantId }, 'rows cannot be compared with the backups'),
    )
}

/** At the start: looks, and heals what it finds. What cannot be healed is told, and the tenant stays suspect. */
export async function healAtStart(runtime: Runtime): Promise<void> {
  const { log, health, backups } = runtime.services
  const { found } = await findLosses(runtime, startBudgetMs)
  // the platform's own rows last: they say who the tenants are
  for (const { tenantId, lost } of found.sort((a) => (a.tenantId === platformTenant ? 1 : -1))) {
    log.error({ tenantId, lost }, 'rows are not what the log says')
    health.checked(tenantId, false)
    if (backups === null) continue
    await healTenant(runtime, tenantId).catch((error: unknown) => log.error({ err: error, tenantId }, 'rows cannot be healed'))
  }
}
