import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type BackupKeys, openingOf, type Trusted } from './backup/keys.ts'
import { scheduled } from './backup/schedule.ts'
import { createBackups } from './backup/service.ts'
import { createShipper, type Shipper } from './backup/ship.ts'
import { openSource } from './backup/source.ts'
import type { Target } from './backup/target.ts'
import { parseTarget, type TargetConfig } from './backup-config.ts'
import { inThread, type WorkshopConfig } from './backup-worker.ts'
import type { Config } from './config.ts'
import type { Backups } from './kernel/backups.ts'
import type { Clock } from './kernel/clock.ts'
import { AppError } from './kernel/errors.ts'
import type { Logger, LogKeys } from './kernel/services.ts'
import { keptFormerKeys, type MasterKeys } from './master-key.ts'
import { platformTenant, type Storage, type TenantStore } from './storage/port.ts'
import { wrapped } from './storage/wrapped.ts'
import { createTarget } from './targets.ts'

export type OpenBackups = {
  service: Backups
  /** Ships what is left, as far as it can. */
  stop(): Promise<void>
  /** Begins to ship, and to take snapshots by the schedule. */
  start(schedule: () => Promise<void>): void
  /** The same storage; in `sync` mode a commit resolves only when a second copy is durable. */
  acknowledging(storage: Storage): Storage
  lagSeconds(): number
}

type Parts = {
  config: Config
  masterKeys: MasterKeys
  keys: BackupKeys
  storage: Storage
  logKeys: Pick<LogKeys, 'signHead' | 'logKeys'>
  clock: Clock
  log: Logger
  version: string
}

/** Shipping and snapshots as the settings ask for, or null when they are off. */
export async function openBackups({ config, masterKeys, keys, storage, logKeys, clock, log, version }: Parts): Promise<OpenBackups | null> {
  if (config.backup === null) return null
  const { targets: configs, mode, schedule, keep, recipients } = config.backup
  const targets = await Promise.all(configs.map(createTarget))
  const shipper = createShipper({ storage, logKeys, keys, clock, targets, mode, log, isShared: storage.lease !== undefined })
  const { current, former } = masterKeys
  const workshop: WorkshopConfig & { targets: TargetConfig[] } = {
    storage: config.storage,
    dataFolder: config.dataFolder,
    masterKey: current,
    formerKeys: [...former, ...keptFormerKeys(config.dataFolder)],
    targets: [...configs],
    recipients,
  }
  const openings = new Map<string, Promise<Trusted>>()
  async function opening(target: Target): Promise<Trusted> {
    const known = openings.get(target.url) ?? openingOf(target, keys)
    openings.set(target.url, known)
    known.catch(() => openings.delete(target.url))
    return known
  }
  const service = createBackups({
    storage,
    shipper,
    targets,
    openingOf: opening,
    kit: keys.current.identity,
    recipients: keys.recipients,
    async another(url) {
      const made = parseTarget('--from', url, process.env)
      const target = await createTarget(made)
      const named = targets.find((each) => each.url === target.url)
      if (named !== undefined) return named
      const [first] = await storage.tenant(platformTenant).log(null, 0, 1)
      const source = await openSource(target, keys)
      if (source === null) throw nothingIn(url)
      if ((source.instance ?? source.manifests[0])?.instance !== first?.hash) throw foreign(url)
      workshop.targets.push(made)
      return target
    },
    workers: {
      takeSnapshot: (about, progress) => inThread(workshop, 'takeSnapshot', about, progress),
      proveSnapshot: (input, progress) => inThread(workshop, 'proveSnapshot', input, progress),
      planRestore: (input, progress) => inThread(workshop, 'planRestore', input, progress),
      verifyBackups: (input, progress) => inThread(workshop, 'verifyBackups', input, progress),
    },
    keep,
    clock,
    log,
    holdfast: version,
    newFile: async () => join(config.dataFolder, `.plan-${randomBytes(8).toString('hex')}`),
  })
  let unschedule = (): void => {}
  if (mode === 'sync') shipper.start() // every commit waits for it, a command's too
  return {
    service,
    start(work) {
      shipper.start()
      const failed = (error: unknown) => log.error({ err: error }, 'backup: the schedule cannot be kept')
      unschedule = scheduled({ storage, cron: schedule, failed }, work)
    },
    async stop() {
      unschedule()
      await shipper.stop()
    },
    acknowledging: (inner) => (mode === 'sync' ? secondCopy(inner, shipper) : inner),
    lagSeconds: shipper.lagSeconds,
  }
}

/** A commit that cannot be copied in this time is answered as unknown: it is durable here, and repeating it with its key does it once. */
const secondCopyMs = 10_000

function secondCopy(storage: Storage, shipper: Shipper): Storage {
  const sure = <S extends TenantStore>(store: S): S => ({
    ...store,
    async commit(changes, meta) {
      const receipt = await store.commit(changes, meta)
      await within(shipper.reached(receipt.stream, receipt.sequence))
      return { ...receipt, durability: [...receipt.durability, 'backed-up'] }
    },
  })
  return wrapped(storage, sure)
}

async function within(copied: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(notCopied()), secondCopyMs)
  try {
    await Promise.race([copied, promise])
  } finally {
    clearTimeout(timer)
  }
}

const notCopied = (): AppError =>
  new AppError(
    'unavailable',
    'not_backed_up',
    'The change is stored, but no backup target has a second copy of it yet, which this server promises. Repeat the request with the same Idempotency-Key.',
    { retryAfterSeconds: 30 },
  )

const nothingIn = (url: string): AppError => new AppError('not_found', 'not_found', `There is no backup in ${url}. Nothing was changed.`)

const foreign = (url: string): AppError =>
  new AppError('conflict', 'target_foreign', `${url} holds the backups of another instance. Nothing was changed.`)
