import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { At, Backup, Backups, Plan, Planned, Proof, RowDifference, Verified } from '../kernel/backups.ts'
import { type Clock, toTime } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/services.ts'
import { platformTenant, type Storage } from '../storage/port.ts'
import { anchorsIn } from './anchors.ts'
import type { Trusted } from './keys.ts'
import { kitProblem } from './kit.ts'
import { type Manifest, readManifest } from './manifest.ts'
import type { Moment } from './materialise.ts'
import { provenName, snapshotOf, snapshotsPrefix } from './names.ts'
import { objectCopies } from './object-copies.ts'
import type { PlanInput } from './plan.ts'
import { beyondNewest, type Dated, type Keep, superfluous } from './retention.ts'
import type { Shipper } from './ship.ts'
import { isSignedBy, type Signed } from './signature.ts'
import type { Target } from './target.ts'
import type { NewSnapshot, ProvenNote } from './tasks.ts'

type Progress = (done: number) => void

/** The heavy work, done elsewhere. `url` names the target. */
export type Workers = {
  takeSnapshot(about: NewSnapshot, progress?: Progress): Promise<{ manifest: Manifest; failed: { url: string; detail: string }[] }>
  proveSnapshot(input: { url: string; id: string; now: string }, progress?: Progress): Promise<Proof | null>
  planRestore(input: PlanInput, progress?: Progress): Promise<Planned>
  verifyBackups(input: { url: string; id: string | null }, progress?: Progress): Promise<Verified>
}

type Parts = {
  storage: Storage
  shipper: Shipper
  targets: readonly Target[]
  openingOf(target: Target): Promise<Trusted>
  /** The identity that the recovery kit has, and what new files are encrypted to. */
  kit: string
  recipients: readonly string[]
  /** A target that the settings do not name, for a restore: one that holds this instance's backups. Errors: `target_foreign`, `bad_setting`, those of `openSource`. */
  another(url: string): Promise<Target>
  workers: Workers
  keep: Keep
  clock: Clock
  log: Logger
  holdfast: string
  /** A file name that nobody uses, on a disk where the data may lie. */
  newFile(): Promise<string>
}

/** Snapshots of this instance in its targets (DESIGN.md section 8). */
export function createBackups(parts: Parts): Backups {
  const { storage, shipper, targets, workers, clock, log } = parts
  /** Manifests never change, and are dear to open. */
  const manifests = new Map<string, Manifest>()
  const openTargets = new Set<Target>()
  let isRunning = false
  let newest: string | null = null

  async function manifestOf(target: Target, id: string): Promise<Manifest | null> {
    const key = `${target.url}\n${id}`
    const known = manifests.get(key)
    if (known !== undefined) return known
    const found = await readManifest(target, id, await parts.openingOf(target)).catch((error: unknown) => {
      if (!(error instanceof AppError) || error.kind !== 'unprocessable') throw error
      log.warn({ err: error, target: target.url }, 'backup: a manifest cannot be used')
      return null
    })
    if (found !== null) manifests.set(key, found)
    return found
  }

  /** A target that nobody has written into yet is made before it is listed, once a process: a folder that is not there would look like an outage. */
  async function opened(target: Target): Promise<void> {
    if (openTargets.has(target)) return
    await target.open()
    openTargets.add(target)
  }

  async function listOf(target: Target): Promise<Backup[]> {
    await opened(target)
    const files = new Map<string, { bytes: number; files: number }>()
    for await (const { name, bytes } of target.list(snapshotsPrefix)) {
      const id = snapshotOf(name)
      if (id === null) continue
      const sum = files.get(id) ?? { bytes: 0, files: 0 }
      files.set(id, { bytes: sum.bytes + bytes, files: sum.files + 1 })
    }
    const found: Backup[] = []
    for (const [id, size] of files) {
      const manifest = await manifestOf(target, id)
      if (manifest === null) continue
      const { createdAt, entities, heads, tenants } = manifest
      const provenAt = await provenAtOf(target, id)
      if (provenAt !== null && (newest === null || provenAt > newest)) newest = provenAt
      found.push({ id, target: target.url, createdAt, provenAt, ...size, entities, heads, tenants })
    }
    return found
  }

  async function provenAtOf(target: Target, id: string): Promise<string | null> {
    const body = await target.read(provenName(id))
    if (body === null) return null
    try {
      const note = JSON.parse(Buffer.concat(await Array.fromAsync(body)).toString()) as Signed<ProvenNote>
      return isSignedBy((await parts.openingOf(target)).publicKeys, note) && note.id === id ? note.provenAt : null
    } catch (error) {
      if (error instanceof AppError) throw error
      return null
    }
  }

  const chosen = async (url: string | undefined): Promise<readonly Target[]> => (url === undefined ? targets : [await parts.another(url)])

  async function list(url?: string): Promise<Backup[]> {
    const all = (await Promise.all((await chosen(url)).map(listOf))).flat()
    return all.sort((a, b) => orderOf(b) - orderOf(a) || (a.createdAt < b.createdAt ? 1 : -1))
  }

  async function create(progress?: Progress): Promise<Backup> {
    const [first] = await storage.tenant(platformTenant).log(null, 0, 1)
    if (first === undefined) throw new Error('A storage without a first entry has nothing to save')
    const now = toTime(clock.realMs())
    const id = `${now.replace(/[-:.]/g, '')}-${randomBytes(4).toString('hex')}`
    const about: NewSnapshot = { id, createdAt: now, instance: first.hash, holdfast: parts.holdfast, engine: storage.engine }
    const { failed } = await workers.takeSnapshot(about, progress)
    const problems = failed.map(({ url, detail }) => `${url}: ${detail}`)
    await shipper.flush().catch((error: unknown) => void problems.push(String(error)))
    for (const { url } of targets) {
      if (failed.some((each) => each.url === url)) continue
      const proof = await workers.proveSnapshot({ url, id, now: toTime(clock.realMs()) }, progress)
      if (proof?.ok !== true) problems.push(`${url}: ${proof?.problems[0]?.detail ?? 'the snapshot went away'}`)
    }
    for (const problem of problems) log.error({ id, problem }, 'backup: a target has no proven snapshot')
    const made = (await list()).find((backup) => backup.id === id && backup.provenAt !== null)
    if (made === undefined) throw notProven(problems)
    log.info({ id, target: made.target, entities: made.entities }, 'backup: proven')
    return made
  }

  async function plan({ tenantId, at, scope, includeRemoved, url }: Parameters<Backups['plan']>[0], progress?: Progress): Promise<Plan> {
    const isShipped = await shipper.flush().then(
      () => true,
      (error: unknown) => {
        log.warn({ err: error }, 'restore: not every target has the newest entries')
        return false
      },
    )
    const all = await list(url)
    const [target] = await chosen(url ?? all[0]?.target ?? targets[0]?.url)
    if (target === undefined) throw absent(null)
    const here = all.filter((backup) => backup.target === target.url)
    const { snapshot, moment } = begin(here, tenantId, at)
    const last = (await storage.tenant(tenantId).head())?.sequence ?? 0
    if (moment !== null && 'sequence' in moment && moment.sequence > last) throw beyond(moment.sequence, last)
    const file = await parts.newFile()
    const remove = () => rm(file, { force: true })
    try {
      const input: PlanInput = { url: target.url, snapshot, tenantId, moment, scope, includeRemoved, head: last, file }
      const planned = await workers.planRestore(input, progress)
      if (moment === null && !isShipped && planned.sequence < last) throw beyond(last, planned.sequence)
      return { ...planned, differences: () => differencesIn(file), dispose: remove }
    } catch (error) {
      await remove()
      throw error
    }
  }

  return {
    objects: objectCopies(parts),
    async create(progress) {
      if (isRunning) throw new AppError('conflict', 'backup_running', 'A backup is being made already. Wait until it is done.')
      isRunning = true
      try {
        return await create(progress)
      } finally {
        isRunning = false
      }
    },
    list,
    async verify({ id, url }, progress) {
      const results: Verified[] = []
      for (const target of await chosen(url)) {
        if (id !== null && (await isEmpty(target.list(`${snapshotsPrefix}${id}/`)))) continue
        results.push(await workers.verifyBackups({ url: target.url, id }, progress))
      }
      if (results.length === 0) throw absent(id)
      return {
        ok: results.every(({ ok }) => ok),
        files: results.reduce((sum, { files }) => sum + files, 0),
        bytes: results.reduce((sum, { bytes }) => sum + bytes, 0),
        problems: results.flatMap(({ problems }) => problems),
      }
    },
    async prove({ id, url }, progress) {
      const all = await list(url)
      const backup = id === null ? all[0] : all.find((each) => each.id === id)
      if (backup === undefined) throw absent(id)
      const proof = await workers.proveSnapshot({ url: backup.target, id: backup.id, now: toTime(clock.realMs()) }, progress)
      if (proof === null) throw absent(id)
      return proof
    },
    async prune({ keep, dryRun }) {
      const removed = new Set<string>()
      const kept = new Set<string>()
      for (const target of targets) {
        const all = await listOf(target)
        const dated = all.map(
          (backup): Dated => ({ id: backup.id, createdAt: backup.createdAt, order: orderOf(backup), isProven: backup.provenAt !== null }),
        )
        const gone = keep === null ? superfluous(dated, parts.keep) : beyondNewest(dated, keep)
        const locked = dryRun ? [] : await removeSnapshots(target, gone)
        for (const { id, problem } of locked) log.info({ id, target: target.url, problem }, 'backup: a snapshot stays for now')
        const stays = new Set(locked.map(({ id }) => id))
        for (const { id } of dated) (gone.includes(id) && !stays.has(id) ? removed : kept).add(id)
      }
      return { kept: [...kept], removed: [...removed].filter((id) => !kept.has(id)) }
    },
    plan,
    async openedByKit({ id, target: url }) {
      const [target] = await chosen(url)
      return target === undefined ? null : kitProblem(target, id, parts.kit)
    },
    async differing(tenantId) {
      await shipper.flush()
      const all = await list()
      const [target] = await chosen(all[0]?.target ?? targets[0]?.url)
      if (target === undefined) return 0
      const here = all.filter((backup) => backup.target === target.url)
      const { snapshot } = begin(here, tenantId, null)
      const about = { url: target.url, snapshot, tenantId, moment: null, scope: { kind: 'tenant' as const }, includeRemoved: true }
      const file = await parts.newFile()
      try {
        const found = await workers.planRestore({ ...about, head: 0, isCheck: true, file })
        return found.inserted + found.updated + found.removed
      } finally {
        await rm(file, { force: true })
      }
    },
    anchors: async ({ url, stream }) =>
      Promise.all((await chosen(url)).map(async (target) => anchorsIn(target, await parts.openingOf(target), stream))),
    newestProvenAt: () => newest,
    targets: () => targets.map(({ url }) => url),
  }
}

async function isEmpty(files: AsyncIterable<unknown>): Promise<boolean> {
  for await (const _ of files) return false
  return true
}

async function* differencesIn(file: string): AsyncGenerator<RowDifference> {
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) yield JSON.parse(line) as RowDifference
}

/** The snapshot to begin with, the newest that is not after the moment, and the moment in the tenant's own stream. */
function begin(backups: readonly Backup[], tenantId: string, at: At | null): { snapshot: string | null; moment: Moment } {
  const headOf = ({ heads }: Backup) => heads.find((head) => head.tenantId === tenantId && head.stream === tenantId)
  if (at !== null && 'snapshot' in at) {
    const named = backups.find(({ id }) => id === at.snapshot)
    if (named === undefined) throw absent(at.snapshot)
    return { snapshot: named.id, moment: { sequence: headOf(named)?.sequence ?? 0 } }
  }
  const isBefore = (backup: Backup): boolean => {
    const head = headOf(backup)
    if (head === undefined) return false
    if (at === null) return true
    return 'sequence' in at ? head.sequence <= at.sequence : head.time <= at.time
  }
  return { snapshot: backups.find(isBefore)?.id ?? null, moment: at }
}

const beyond = (wanted: number, last: number): AppError =>
  new AppError('unprocessable', 'restore_point', `There is no entry ${wanted} to go back to: the newest that can be read is ${last}.`)

/** Where the platform's log stood. */
const orderOf = ({ heads }: Pick<Backup, 'heads'>): number => heads.find(({ stream }) => stream === platformTenant)?.sequence ?? 0

/** Those that their place keeps until a time are told, and hold up no other. */
async function removeSnapshots(target: Target, ids: readonly string[]): Promise<{ id: string; problem: string }[]> {
  const locked: { id: string; problem: string }[] = []
  for (const id of ids)
    await removeSnapshot(target, id).catch((error: unknown) => {
      if (!(error instanceof AppError) || error.code !== 'target_locked') throw error
      locked.push({ id, problem: error.message })
    })
  return locked
}

/** The proof, written last and so locked longest, goes first, then the manifest: what is left behind by a crash is no snapshot, and goes with the next pruning. */
async function removeSnapshot(target: Target, id: string): Promise<void> {
  await target.remove(provenName(id))
  await target.remove(`${snapshotsPrefix}${id}/manifest.json.age`)
  for await (const { name } of target.list(`${snapshotsPrefix}${id}/`)) await target.remove(name)
}

const absent = (id: string | null): AppError =>
  new AppError(
    'not_found',
    'not_found',
    id === null ? 'There is no backup yet. Make one with bin/holdfast backup create.' : `There is no backup ${id}.`,
  )

const notProven = (problems: readonly string[]): AppError =>
  new AppError('unavailable', 'backup_failed', `No target has a proven backup of this moment. ${problems.join(' ')}`.trim(), {
    retryAfterSeconds: 60,
  })
