import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { readFileSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { healAtStart } from './backup/losses.ts'
import { type OpenBackups, openBackups } from './backups.ts'
import { badSetting, type Config } from './config.ts'
import { createEngine } from './engine.ts'
import { entities } from './entities.ts'
import { resumeErasures } from './erasure/finish.ts'
import { createHealth, type Health } from './http/health.ts'
import { createLogger, type Log } from './http/log.ts'
import { createMetrics, type Metrics } from './http/metrics.ts'
import { createClock, toTime } from './kernel/clock.ts'
import { type Runtime, system } from './kernel/context.ts'
import { AppError } from './kernel/errors.ts'
import { createHub } from './kernel/hub.ts'
import { idSource } from './kernel/id.ts'
import { createSealer } from './kernel/seal.ts'
import type { Logger } from './kernel/services.ts'
import { smtpMailer } from './mail/smtp.ts'
import { isWithoutKey, type MasterKeys, openMasterKeys, removeKeyFile } from './master-key.ts'
import { writeEmf } from './metrics/emf.ts'
import { tell } from './metrics/series.ts'
import type { Objects } from './objects/port.ts'
import { openObjects } from './objects.ts'
import { backupKeys, type Mended, openStorage, type RecoveryOptions, recoverAside, toldOf } from './recovery.ts'
import { ensureFirstTenant, type FirstOwner, type FirstTenant, firstTenantProblem } from './session/first-start.ts'
import { createHasher, type Hasher } from './session/hasher.ts'
import { type KeyRing, openKeyRing } from './session/key-ring.ts'
import { closable } from './storage/closable.ts'
import { type Pause, pausable } from './storage/pausable.ts'
import { Conflict, type Storage } from './storage/port.ts'
import { networkFileSystem } from './storage/sqlite/folder.ts'
import { type Committed, timed } from './storage/timed.ts'
import type { StorageConfig } from './storage-config.ts'

export type { Mended, RecoveryOptions } from './recovery.ts'

/** The storage with everything that operations need: what the CLI opens when no server runs, and what a server is built on. */
export type Holdfast = {
  runtime: Runtime
  keys: KeyRing
  hasher: Hasher
  health: Health
  metrics: Metrics
  firstOwner: FirstOwner | null
  /** What was rebuilt from the backups before anything else was done, or null. */
  mended: Mended | null
  /** Null while the settings say that none are made. */
  backups: OpenBackups | null
  /** What it was opened with. */
  setup: { config: Config; masterKeys: MasterKeys }
  /** Holds back every write of this process (storage/pausable.ts). */
  pause(): Promise<Pause>
  close(): Promise<void>
}

export const version = String(
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: unknown }).version,
)

export type OpenOptions = {
  /** Told of every commit that became durable: how many seconds it took, whose it is, what it changed. */
  committed?(seconds: number, commit: Committed): void
  /** One of many short-lived processes on the same store: opening it writes nothing but what an empty store lacks. */
  isPassing?: boolean
  /** How a storage that is empty is filled from backups. */
  recovery?: RecoveryOptions
}

/** Opens the data folder. Errors: `bad_setting`, `folder_in_use`, `wrong_key`, `missing_key`, `storage_damaged` and the other refusals of the engine. */
export async function openHoldfast(config: Config, log: Logger, options: OpenOptions = {}): Promise<Holdfast> {
  const first = { tenant: config.firstTenant, username: config.ownerUsername, password: config.ownerPassword }
  refuseBadFirst(first)
  const clock = createClock(config.testClockMs)
  const ids = idSource()
  const isNewKey = isWithoutKey(config)
  const masterKeys = await openMasterKeys(config)
  const { current: masterKey, former } = masterKeys
  if (former.length > 0)
    log.warn({ former: former.length }, 'a former master key is still accepted: run `bin/holdfast keys rotate-master` to be done with it')
  const health = createHealth()
  const hasher = createHasher(config.hash)
  const metrics = createMetrics({
    version,
    engine: config.storage.engine,
    storage: () => engine.stats(),
    hasher: hasher.stats,
    health,
    backups: () =>
      backups && { lag: backups.lagSeconds(), lastProven: Date.parse(backups.service.newestProvenAt() ?? '1970-01-01T00:00:00Z') / 1000 },
  })
  function onProblem(problem: Error): void {
    health.checked('engine', false)
    log.error({ err: problem }, 'storage problem')
  }
  const { engine, mended } = await openStorage({ config, masterKeys, log, onProblem, recovery: options.recovery ?? {} }).catch(
    (error: unknown) => {
      // a key that was made a moment ago is not the one of this data, and would be in the way of the right one; one that fits may be another process's by now
      if (isNewKey && error instanceof AppError && isOtherKeys(error)) removeKeyFile(config.dataFolder)
      throw error
    },
  )
  const { storage: held, pause } = pausable(engine)
  const storage = timed(
    held,
    (seconds, commit) => {
      metrics.committed(seconds)
      tell('holdfast_database_operation_duration_seconds', commit.tenantId, { operation: 'commit', status: 'success' }, seconds)
      options.committed?.(seconds, commit)
    },
    (tenantId, error) => {
      const labels = { operation: 'commit', error_type: error instanceof Conflict ? 'conflict' : 'failed' }
      tell('holdfast_database_operation_errors_total', tenantId, labels)
    },
  )
  const stopEmf = config.metrics === 'emf' ? writeEmf((line) => process.stdout.write(line), Date.now) : null
  let backups: OpenBackups | null = null
  let objects: Promise<Objects> | null = null
  try {
    const sealer = createSealer(masterKey, former)
    const keys = await openKeyRing({ storage, sealer, clock, ids, isPassing: options.isPassing ?? false })
    const macKey = Buffer.from(hkdfSync('sha256', masterKey, '', 'holdfast known devices', 32))
    const parts = { config, masterKeys, storage, clock, log, version }
    const {
      accessTokenSeconds,
      publicUrl,
      vantagepointTenant,
      docsUrl,
      docsToken,
      fsm,
      preserve,
      webhooks,
      onboardingMissesPerMinute,
      mediaQuotaBytes,
    } = config
    // what ships in the background has no place where the process is frozen between requests
    if (options.isPassing !== true) backups = await openBackups({ ...parts, keys: await backupKeys(masterKeys, config), logKeys: keys })
    // outermost, so that what a restore writes into a closed tenant is timed, and in `sync` mode copied, like every other commit
    const { storage: served, closures } = closable(backups?.acknowledging(storage) ?? storage)
    const hub = createHub(storage)
    const runtime: Runtime = {
      storage: served,
      hub,
      closures,
      clock,
      ids,
      random: randomBytes,
      services: {
        hasher,
        sealer,
        tokens: keys,
        keys,
        entities,
        log,
        health,
        backups: backups?.service ?? null,
        mailer: smtpMailer(config.mail),
        objects: () => (objects ??= openObjects({ objects: config.objects, dataFolder: config.dataFolder, masterKey, clock, ids })),
        mac: (text) => createHmac('sha256', macKey).update(text).digest('base64url'),
        settings: {
          version,
          accessTokenSeconds,
          publicUrl,
          vantagepointTenant,
          docsUrl,
          docsToken,
          fsm,
          preserve,
          webhooks,
          onboardingMissesPerMinute,
          mediaQuotaBytes,
        },
      },
    }
    if (mended !== null) await tellMended(runtime, mended)
    if (options.isPassing !== true) await healAtStart(runtime)
    if (options.isPassing !== true)
      void resumeErasures(runtime, { everyone: mended !== null }).catch((error: unknown) =>
        log.error({ err: error }, 'erasures cannot be looked at'),
      )
    const firstOwner = await ensureFirstTenant(runtime, first)
    health.ready()
    const close = async (): Promise<void> => {
      await backups?.stop()
      await (await objects)?.close()
      await storage.close()
      stopEmf?.()
    }
    return { runtime, keys, hasher, health, metrics, firstOwner, mended, backups, setup: { config, masterKeys }, pause, close }
  } catch (error) {
    await backups?.stop()
    await storage.close()
    stopEmf?.()
    throw error
  }
}

const firstSettings = { tenant: 'HOLDFAST_TENANT', username: 'HOLDFAST_OWNER_USERNAME', password: 'HOLDFAST_OWNER_PASSWORD' } as const

/** Before anything is opened: a first start that fails leaves nothing behind. Errors: `bad_setting`. */
function refuseBadFirst(first: FirstTenant): void {
  const problem = firstTenantProblem(first)
  if (problem === null) return
  const given = problem.of === 'password' ? '(not shown)' : (first[problem.of] ?? '')
  throw badSetting(firstSettings[problem.of], given, problem.rule)
}

const isOtherKeys = ({ code }: AppError): boolean => code === 'wrong_key' || code === 'backup_wrong_key'

/** The audit's entry of a storage that was rebuilt: like every restore it is a commit. */
async function tellMended({ storage, clock }: Runtime, mended: Mended): Promise<void> {
  const { kind, id, name } = system
  const detail = { scope: 'all', reason: 'the storage was lost', ...toldOf(mended) }
  await storage.platform().commit([], {
    actor: { id, kind, name },
    action: 'restore.run',
    entity: { type: 'restore', id: mended.id },
    requestId: null,
    time: toTime(clock.realMs()),
    detail,
  })
}

/** What a recovery into an empty storage would bring back: it is done to the side, and taken away again. Errors: `missing_key`, those of a recovery. */
export async function previewRecovery(config: Config, log: Logger, { from, progress }: RecoveryOptions): Promise<Mended> {
  if (isWithoutKey(config))
    throw new AppError(
      'internal',
      'missing_key',
      `There is no master.key in ${config.dataFolder}, and HOLDFAST_KEY is not set. Put the key back; without it no backup can be read.`,
    )
  const masterKeys = await openMasterKeys(config)
  const targets = from ?? config.backup?.targets ?? []
  return recoverAside(tmpdir(), { config, masterKeys, log, targets, progress }, async (_, mended) => mended)
}

/** Another storage beside the one that is open, such as the target of a move. */
export async function openBeside(storage: StorageConfig, dataFolder: string, log: Logger): Promise<Storage> {
  const onProblem = (problem: Error) => log.error({ err: problem }, 'problem of the other storage')
  const engine = await createEngine({ storage, dataFolder, entities, onProblem })
  await engine.open()
  return engine
}

/** Where a server logs to: JSON lines on the standard output. */
export const openLog = (config: Config): Log => createLogger(config)

/** The name of the network file system that the folder is on, or null. */
export const networkFileSystemOf = (folder: string): string | null => networkFileSystem(statfsSync(folder).type)
