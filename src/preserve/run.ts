import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { employeeRole } from '../employee/rules.ts'
import type { Json } from '../kernel/canonical.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { metaOf } from '../kernel/meta.ts'
import { seedWorkforce } from '../seed/satshine.ts'
import { Conflict } from '../storage/port.ts'
import { type Destination, generationPaths, readGeneration, type Survey, survey } from './destination.ts'
import type { Step } from './durable-file.ts'
import { countsOf, fullDocument, fullRecord, legacyText, type Tombstone } from './form.ts'
import { peopleInLog } from './from-log.ts'
import { readManifest } from './manifest.ts'
import { type Roll, rollOf, tombstonesOf } from './people.ts'
import { planRestore } from './plan-restore.ts'
import { emptyReport, type Report } from './report.ts'
import { type SetSource, setIn } from './set.ts'
import { type Content, idsIn, onlyPeople } from './source.ts'
import { workforce } from './workforce.ts'
import { writeBackup } from './write-backup.ts'

export type Asked = {
  action: Report['action']
  destination: Destination
  includeDeleted: boolean
  force: boolean
  /** Whether a tenant that never had anyone gets the default users: the command's ensure does, a start does not. */
  mayBegin: boolean
  /** Writes no backup where a valid one is there: whoever only looks whether everyone is there. */
  onlyLooks?: boolean
  /** Whom the log knows, besides those that backups know. */
  known?: ReadonlySet<string>
  /** Hears of every line as it comes. */
  said?(line: { text: string; isError: boolean }): void
  step?: Step
}

/** Why a run ended early, in the words of its action. */
class Failed extends Error {
  readonly exitCode: 1 | 3
  constructor(message: string, exitCode: 1 | 3) {
    super(message)
    this.exitCode = exitCode
  }
}

type Run = { context: Context; asked: Asked; report: Report; say(text: string): void }

/** A valid source, wherever it came from, and what was found on the way. */
type Source = { path: string; sha256: string; content: Content; tombstones: readonly Tombstone[] }
type Looked = { source: Source | null; found: Survey | null; fileCount: number }

const words = { ensure: 'Ensure users', backup: 'Backup', restore: 'Restore', list: 'List' } as const
const attempts = 20

/** Performs one action. It does not throw for what is wrong with files or records: the report says it. Errors: those of the store. */
export async function preserve(context: Context, asked: Asked): Promise<Report> {
  const report = emptyReport(asked.action, context.store.tenantId)
  const tell = (text: string, isError: boolean): void => {
    report.lines.push({ text, isError })
    asked.said?.({ text, isError })
  }
  const run: Run = { context, asked, report, say: (text) => tell(text, false) }
  try {
    await { ensure, backup: backupAlone, restore: restoreAlone, list }[asked.action](run)
  } catch (error) {
    const failed = asFailure(error)
    if (failed === null) throw error
    report.error = failed.message
    report.exitCode = failed.exitCode
    tell(`[ERROR] ${words[asked.action]} failed: ${failed.message}`, true)
  }
  const roll = await rollOf(context.store)
  const { admins, fieldOfficers } = countsOf(roll.people)
  report.counts = { admins, fieldOfficers }
  if (report.exitCode === 0 && (report.totals.conflict > 0 || report.totals.invalid > 0)) report.exitCode = 1
  return report
}

/** What files and disks refuse is an answer, too. */
function asFailure(error: unknown): Failed | null {
  if (error instanceof Failed) return error
  if (error instanceof AppError && error.code === 'write_differs') return new Failed(error.message, 1)
  const { code, path } = error as NodeJS.ErrnoException
  if (typeof code !== 'string' || error instanceof AppError || path === undefined) return null
  return new Failed(`${path} cannot be used (${code}); free space or mend its permissions, and run it again`, 1)
}

/** The newest valid source under the path: generations of ours, or whatever an operator put there. */
async function look({ asked: { destination, force }, report }: Run): Promise<Looked> {
  const isFolder = (await stat(destination.path).catch(() => null))?.isDirectory() === true
  const set = await setIn(destination.path, isFolder)
  if (set !== null) return lookAtSet(set, report)
  if (isFolder) return { source: null, found: null, fileCount: 0 }
  const found = await survey(destination, { force })
  report.rejected.push(...found.rejected)
  const { valid, manifest } = found
  const source = valid === null ? null : { ...valid, tombstones: [...valid.content.tombstones, ...(manifest?.tombstones ?? [])] }
  noteSource(report, source)
  return { source, found, fileCount: found.count }
}

function lookAtSet(set: SetSource, report: Report): Looked {
  report.rejected.push(...set.rejected)
  const source = set.content === null ? null : { path: set.path, sha256: set.sha256, content: set.content, tombstones: [] }
  noteSource(report, source)
  return { source, found: null, fileCount: 1 }
}

function noteSource(report: Report, source: Source | null): void {
  if (source === null) return
  const { path, sha256, content } = source
  report.source = { path, format: content.format, sha256, records: content.records.length }
}

const nothingValid = ({ report, asked }: Run, fileCount: number): Failed =>
  new Failed(
    fileCount === 0
      ? `No backup file found at ${asked.destination.path}; name one with --file`
      : `No valid backup found (${report.rejected.length} set aside); look at what was set aside, or name another file with --file`,
    3,
  )

async function restoreAlone(run: Run): Promise<void> {
  const { source, fileCount } = await look(run)
  if (source === null) {
    run.say(fileCount === 0 ? 'No backup file found' : `No valid backup found (${run.report.rejected.length} set aside)`)
    throw nothingValid(run, fileCount)
  }
  await restore(run, source, 'preserve.restore')
}

/** Everything that is missing, in one commit. A lost race is planned again. */
async function restore(run: Run, source: Source, action: string): Promise<void> {
  const { context, asked, report, say } = run
  if (source.path !== asked.destination.path) say(`[RESTORE] Restoring from ${basename(source.path)}`)
  for (let tried = 1; ; tried++) {
    try {
      const plan = await planRestore(context, {
        content: source.content,
        tombstones: source.tombstones,
        includeDeleted: asked.includeDeleted,
      })
      const { attendance, leaves } = plan.rows
      if (plan.changes.length > 0) {
        const detail = { file: source.sha256, format: source.content.format, totals: plan.totals, attendance, leaves } as unknown as {
          [key: string]: Json
        }
        asked.step?.('commit')
        await context.store.commit(plan.changes, metaOf(context, action, { detail }))
        asked.step?.('committed')
      }
      Object.assign(report, { records: plan.records, totals: plan.totals, attendance, leaves })
      break
    } catch (error) {
      if (!(error instanceof Conflict) || tried === attempts) throw error
    }
  }
  for (const { outcome, employeeId, message } of report.records) {
    if (outcome === 'created') say(`[RESTORE] Created user: ${employeeId}`)
    if (outcome === 'conflict' || outcome === 'invalid') say(`[RESTORE] Not restored: ${employeeId ?? 'a record'}: ${message}`)
  }
  if (source.content.ignored > 0) say(`[RESTORE] Ignored ${source.content.ignored} objects of other models`)
  say(`[RESTORE] Restored ${report.totals.created} users from backup`)
}

async function backupAlone(run: Run): Promise<void> {
  const looked = await look(run)
  await backup(run, looked, 'preserve.backup')
  if (run.report.backup !== null) run.say(`Successfully backed up ${run.report.backup.records} users`)
}

/** Writes everyone to the destination, and refuses to replace a good backup by less. */
async function backup(run: Run, { source, found, fileCount }: Looked, action: string): Promise<void> {
  const { context, asked, report, say } = run
  const { store, realMs } = context
  const { destination } = asked
  const roll = await rollOf(store)
  if (found === null && fileCount > 0)
    throw new Failed(`${destination.path} is a set of files of the older application; name a file to write to with --file`, 1)
  if (found === null) throw new Failed(`${destination.path} is a folder; name a file to write to with --file`, 1)
  if (roll.people.length === 0) {
    const isNothing = found.newest === null || found.newest.bytes.toString('utf8').trim() === '[]'
    if (isNothing && found.valid === null) return
    throw new Failed('the database has no employees; run restore first', 1)
  }
  if (!asked.force) refuseLess(roll, source)
  const { manifest } = found
  const tombstones = allTombstones(roll, manifest?.tombstones ?? [])
  const counts = countsOf(roll.people)
  const text =
    destination.form === 'legacy'
      ? legacyText(roll.people)
      : JSON.stringify(
          fullDocument({
            tenant: store.tenantId,
            createdAt: toTime(realMs),
            people: roll.people,
            tombstones,
            workforce: await workforce.read(store),
          }),
        )
  const { written, sha256 } = await writeBackup(
    destination,
    found,
    { text, counts, tombstones },
    { nowMs: context.runtime.clock.realMs(), prunes: !asked.force, ...(asked.step === undefined ? {} : { step: asked.step }) },
  )
  const { admins, fieldOfficers } = counts
  report.backup = { path: destination.path, written, records: counts.users, admins, fieldOfficers, sha256 }
  if (written)
    await store.commit([], metaOf(context, action, { detail: { backup: { ...report.backup, path: basename(destination.path) } } }))
  say(`[STARTUP] Backed up ${counts.users} users to persistent storage`)
}

/** People whom a backup knows and the store does not, and who were not deleted on purpose. */
function missingOf(roll: Roll, source: Source | null): string[] {
  if (source === null) return []
  const known = new Set([
    ...roll.people.map(({ employee }) => employee.employeeId),
    ...roll.deleted.map(({ employeeId }) => employeeId),
    ...source.tombstones.map(({ employee_id }) => employee_id),
  ])
  return idsIn(source.content).filter((id) => !known.has(id))
}

function refuseLess(roll: Roll, source: Source | null): void {
  const missing = Math.max(missingOf(roll, source).length, roll.lost.length)
  const hasAdmins = source?.content.records.some((one) => isAdminRecord(one)) === true
  const losesAdmins = hasAdmins && !roll.people.some(({ user }) => employeeRole(user.role) === 'admin')
  if (missing > 0 || losesAdmins)
    throw new Failed(`${Math.max(missing, 1)} users of the newest backup are missing from the database; run restore first`, 1)
}

const isAdminRecord = (raw: unknown): boolean => {
  const { role, role_level, employee_id } = (raw ?? {}) as Record<string, unknown>
  const word = role ?? role_level
  return typeof word === 'string'
    ? /^(super_admin|admin|hr|manager|delivery_head)$/i.test(word)
    : typeof employee_id === 'string' && employee_id.startsWith('MP')
}

function allTombstones(roll: Roll, listed: readonly Tombstone[]): Tombstone[] {
  const living = new Set(roll.people.map(({ employee }) => employee.employeeId))
  const own = tombstonesOf(roll)
  const known = new Set(own.map(({ employee_id }) => employee_id))
  return [...own, ...listed.filter(({ employee_id }) => !known.has(employee_id) && !living.has(employee_id))].sort((a, b) =>
    a.employee_id < b.employee_id ? -1 : 1,
  )
}

async function ensure(run: Run): Promise<void> {
  const { context, asked, report, say } = run
  say('[PRESERVATION] Starting user preservation system...')
  const looked = await look(run)
  const roll = await rollOf(context.store)
  const { admins, fieldOfficers } = countsOf(roll.people)
  say(`[CHECK] Current DB: ${fieldOfficers} field officers, ${admins} admins`)
  const { source, fileCount } = looked
  const never = roll.people.length + roll.deleted.length + roll.lost.length === 0
  if (source !== null && missingOf(roll, source).length > 0) {
    say('[RESTORE] Missing users detected, restoring from backup...')
    await restore(run, source, 'preserve.ensure')
  } else if (source === null && fileCount > 0 && (admins === 0 || fieldOfficers === 0)) {
    say(`No valid backup found (${report.rejected.length} set aside)`)
    throw nothingValid(run, fileCount)
  } else if (source === null && fileCount === 0 && never && asked.mayBegin) {
    say('[RESTORE] No backup file found, creating default users...')
    const made = await seedWorkforce(context)
    for (const { employeeId, role } of made.created)
      say(role === 'admin' ? `[DEFAULT] Created admin user: ${employeeId}` : `[DEFAULT] Created field officer: ${employeeId}`)
    report.defaults = made.created.map(({ employeeId, password }) => ({ employeeId, password }))
  } else say('[CHECK] All users present, no restore needed')
  await healFromLog(run)
  // a set of files is only read: what is written has a file of its own
  const isKept = asked.onlyLooks === true && looked.found?.newest?.problem === null && report.totals.created === 0
  if (looked.found !== null && !isKept) await backup(run, looked, 'preserve.ensure')
  const now = countsOf((await rollOf(context.store)).people)
  say(`[FINAL] System ready: ${now.fieldOfficers} field officers, ${now.admins} admins`)
}

/** Brings back people whom the log knows and neither the store nor a backup: they were made and lost before a backup could be written. */
async function healFromLog(run: Run): Promise<void> {
  const { context, asked, report } = run
  if (asked.known === undefined) return
  const roll = await rollOf(context.store)
  const there = new Set([...roll.people.map(({ employee }) => employee.employeeId), ...roll.deleted.map(({ employeeId }) => employeeId)])
  const gone = new Set([...asked.known].filter((id) => !there.has(id)))
  if (gone.size === 0) return
  const people = await peopleInLog(context.store, gone)
  if (people.length === 0) return
  const before = { records: report.records, totals: report.totals }
  const records = people.map((person) => fullRecord(person, new Map()))
  const content: Content = { ...onlyPeople, format: 'full', records }
  await restore(run, { path: asked.destination.path, sha256: '', content, tombstones: [] }, 'preserve.ensure')
  report.records = [...before.records, ...report.records]
  for (const outcome of Object.keys(before.totals) as (keyof typeof before.totals)[]) report.totals[outcome] += before.totals[outcome]
}

async function list({ context, asked: { destination, force }, report, say }: Run): Promise<void> {
  const read = await readManifest(destination.path)
  const manifest = 'broken' in read ? null : read.manifest
  for (const path of await generationPaths(destination)) {
    const generation = await readGeneration(destination, path, { manifest, force })
    if (generation === null) continue
    const listed = manifest?.generations.find(({ sha256 }) => sha256 === generation.sha256)
    const records = generation.content?.records ?? []
    const admins = listed?.admins ?? records.filter(isAdminRecord).length
    const count = listed?.records ?? records.length
    const { sha256, createdAt } = generation
    report.generations.push({
      name: basename(path),
      records: count,
      admins,
      fieldOfficers: listed?.fieldOfficers ?? count - admins,
      createdAt,
      sha256,
      valid: generation.problem === null,
    })
  }
  for (const one of report.generations)
    say(
      `${one.name}  ${one.createdAt}  ${one.records} users (${one.admins} admins, ${one.fieldOfficers} field officers)  ${one.valid ? 'valid' : 'NOT VALID'}  ${one.sha256}`,
    )
  if (report.generations.length === 0) say(`No backup file found at ${destination.path}`)
  void context
}
