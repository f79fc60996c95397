import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isBehind } from './backup/behind.ts'
import { type BackupKeys, backupKeysOf, openingOf } from './backup/keys.ts'
import { newestSource, type Recovered, recover } from './backup/recover.ts'
import type { Source } from './backup/source.ts'
import type { Target } from './backup/target.ts'
import type { TargetConfig } from './backup-config.ts'
import type { Config } from './config.ts'
import { createEngine } from './engine.ts'
import { entities } from './entities.ts'
import { AppError } from './kernel/errors.ts'
import { idSource } from './kernel/id.ts'
import { createSealer } from './kernel/seal.ts'
import type { Logger } from './kernel/services.ts'
import { keptFormerKeys, type MasterKeys } from './master-key.ts'
import { SigningKeyRow } from './session/entity.ts'
import type { Storage } from './storage/port.ts'
import { createTarget } from './targets.ts'

export type RecoveryOptions = {
  /** Where to look for backups; absent = the targets of the settings. */
  from?: readonly TargetConfig[]
  /** An empty storage beside which there is no backup is refused, where it would else begin anew. */
  isRequired?: boolean
  progress?: (done: number) => void
}

/** What opening the storage had to mend. `aside` is where the database that could not be used is now. */
export type Mended = Recovered & { id: string; at: string; aside: string | null; seconds: number }

type Parts = {
  config: Config
  masterKeys: MasterKeys
  log: Logger
  onProblem(problem: Error): void
  recovery: RecoveryOptions
}

/** The keys that open backups: the current one, those that are still accepted, and those that a rotation left in the data folder. */
export const backupKeys = (
  { current, former }: MasterKeys,
  { dataFolder, backup }: Pick<Config, 'dataFolder' | 'backup'>,
): Promise<BackupKeys> => backupKeysOf(current, [...former, ...keptFormerKeys(dataFolder)], backup?.recipients)

/**
 * Opens the storage that the settings name. One that is empty, damaged or without the platform's keys beside a target that holds this instance's backups is rebuilt from them first: a damaged database is put
 * aside, never deleted. Only where there is no backup an empty storage is opened as it is. Errors: those of the engine; `storage_loading`; those of a recovery; `not_found` where one is required and
 * there is no backup.
 */
export async function openStorage(parts: Parts): Promise<{ engine: Storage; mended: Mended | null }> {
  const startedMs = performance.now()
  let aside: string | null = null
  let engine = await create(parts)
  try {
    await engine.open()
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'storage_damaged' || (await findSource(parts)) === null) throw error
    aside = await putAside(parts, 'damaged')
    engine = await create(parts)
    await engine.open()
  }
  try {
    if (await isIncomplete(engine, parts)) {
      await engine.close()
      aside = await putAside(parts, 'incomplete')
      engine = await create(parts)
      await engine.open()
    }
    const recovered = await fill(engine, parts)
    if (recovered === null) return { engine, mended: null }
    const mended = mendedBy(recovered, { aside, startedMs })
    parts.log.warn(toldOf(mended), 'the storage was rebuilt from its backups')
    return { engine, mended }
  } catch (error) {
    await engine.close()
    throw error
  }
}

const mendedBy = (recovered: Recovered, { aside, startedMs }: { aside: string | null; startedMs: number }): Mended => ({
  ...recovered,
  id: idSource().newId(),
  at: new Date().toISOString(),
  aside,
  seconds: Math.round(performance.now() - startedMs) / 1000,
})

const create = ({ config: { storage, dataFolder }, onProblem }: Parts): Promise<Storage> =>
  createEngine({ storage, dataFolder, entities, onProblem })

/** Whether the embedded database lost its keys, or was set back to an earlier state, beside a backup that has more. A target that cannot be read keeps nobody from starting on data that is there. */
async function isIncomplete(engine: Storage, parts: Parts): Promise<boolean> {
  if (parts.config.storage.engine !== 'sqlite' || (await engine.transfer().state()) !== 'ready') return false
  try {
    const keys = await backupKeys(parts.masterKeys, parts.config)
    if (await isWithoutKeys(engine)) return (await findSource(parts)) !== null
    for (const target of await targetsThere(parts)) if (await isBehind(engine, target, await openingOf(target, keys))) return true
    return false
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    parts.log.warn({ err: error }, 'the backups cannot be looked at')
    return false
  }
}

/** A database that has a log but no key to sign it with lost its rows. */
const isWithoutKeys = async (engine: Storage): Promise<boolean> =>
  (await engine.transfer().rows(SigningKeyRow, { limit: 1 })).items.length === 0

async function putAside({ config: { storage, dataFolder }, log }: Parts, why: 'damaged' | 'incomplete'): Promise<string | null> {
  const { setAside } = await import('./storage/sqlite/aside.ts')
  const folder = (storage.engine === 'sqlite' ? storage.folder : null) ?? dataFolder
  const aside = setAside(folder, why, new Date().toISOString())
  log.error({ aside, why }, 'the database cannot be used: it was put aside and is rebuilt from the backups')
  return aside
}

/** Rebuilds a storage that is empty, or that an earlier rebuild left unfinished. */
async function fill(engine: Storage, parts: Parts): Promise<Recovered | null> {
  const { masterKeys, log, recovery } = parts
  const state = await engine.transfer().state()
  if (state === 'ready') return null
  const source = await findSource(parts)
  if (source === null) {
    if (state === 'loading') throw unfinished()
    if (recovery.isRequired === true) throw nowhere(targetsOf(parts))
    return null
  }
  log.info({ target: source.target.url }, 'the storage is empty and there are backups: it is rebuilt from them')
  const keys = await backupKeys(masterKeys, parts.config)
  const sealer = createSealer(masterKeys.current, masterKeys.former)
  const { progress } = recovery
  return recover(source, engine, { keys, sealer, entities, log, ...(progress === undefined ? {} : { progress }) })
}

const targetsOf = ({ config, recovery }: Parts): readonly TargetConfig[] => recovery.from ?? config.backup?.targets ?? []

/** The target to recover from, or null. */
const findSource = async (parts: Parts): Promise<Source | null> =>
  newestSource(await targetsThere(parts), { keys: await backupKeys(parts.masterKeys, parts.config) })

/** A folder that does not exist holds nothing, unless it was asked for by name. */
function targetsThere(parts: Parts): Promise<Target[]> {
  const isNamed = parts.recovery.from !== undefined
  return Promise.all(
    targetsOf(parts)
      .filter((target) => isNamed || target.kind !== 'folder' || existsSync(target.folder))
      .map(createTarget),
  )
}

/** What is told of a recovery in the log and in the audit. */
export const toldOf = ({ target, snapshot, skipped, rows, entries, streams, aside, seconds }: Mended) => ({
  target,
  snapshot,
  skipped: skipped.map(({ id }) => id),
  rows,
  streams,
  entries,
  aside,
  seconds,
})

type Side = {
  config: Config
  masterKeys: MasterKeys
  log: Logger
  targets: readonly TargetConfig[]
  progress?: ((done: number) => void) | undefined
}

/** Rebuilds the whole instance into a folder of its own below `root`, lets `work` look at it, and takes it away. Errors: as `openStorage` with a recovery that is required. */
export async function recoverAside<T>(
  root: string,
  { config, masterKeys, log, targets, progress }: Side,
  work: (folder: string, mended: Mended) => Promise<T>,
): Promise<T> {
  const startedMs = performance.now()
  const folder = mkdtempSync(join(root, '.scratch-'))
  try {
    const keys = await backupKeys(masterKeys, config)
    const source = await newestSource(await Promise.all(targets.map(createTarget)), { keys })
    if (source === null) throw nowhere(targets)
    const engine = await createEngine({ storage: { engine: 'sqlite' }, dataFolder: folder, entities })
    await engine.open()
    const sealer = createSealer(masterKeys.current, masterKeys.former)
    const recovered = await recover(source, engine, {
      keys,
      sealer,
      entities,
      log,
      ...(progress === undefined ? {} : { progress }),
    }).finally(() => engine.close())
    return await work(folder, mendedBy(recovered, { aside: null, startedMs }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const unfinished = () =>
  new AppError(
    'unavailable',
    'storage_loading',
    'A move or a restore into this storage has not finished. Run it again, from where it was started: it goes on where it is. Until then use the storage that it copies.',
  )

const nowhere = (targets: readonly TargetConfig[]) =>
  new AppError(
    'not_found',
    'not_found',
    `There is no backup in ${targets.map((target) => (target.kind === 'folder' ? target.folder : `s3://${target.bucket}/${target.prefix}`)).join(', ') || 'any target'}. Name where it is: holdfast restore --from URL. Nothing was changed.`,
  )
