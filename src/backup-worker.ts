import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { folderTarget } from './backup/folder/target.ts'
import { backupKeysOf } from './backup/keys.ts'
import { tasks, type Workshop } from './backup/tasks.ts'
import type { TargetConfig } from './backup-config.ts'
import { createEngine, openView } from './engine.ts'
import { entities } from './entities.ts'
import { AppError, type ErrorKind } from './kernel/errors.ts'
import type { StorageConfig } from './storage-config.ts'
import { createTarget } from './targets.ts'

/** Everything that a thread needs to do the heavy work on backups by itself. */
export type WorkshopConfig = {
  storage: StorageConfig
  dataFolder: string
  masterKey: Uint8Array
  /** Master keys of before, whose backups are still to be read. */
  formerKeys: readonly Uint8Array[]
  targets: readonly TargetConfig[]
  /** Others that read what is written. */
  recipients: readonly string[]
}

type Tasks = typeof tasks
type Input<N extends keyof Tasks> = Parameters<Tasks[N]>[1]
type Output<N extends keyof Tasks> = Awaited<ReturnType<Tasks[N]>>

type Job = { holdfastBackup: true; config: WorkshopConfig; name: keyof Tasks; input: unknown }
type Told =
  | { progress: number }
  | { output: unknown }
  | { refused: { kind: ErrorKind; code: string; message: string } }
  | { failed: string }

/**
 * Does one piece of work in a thread of its own, so that requests are answered meanwhile: packing and restoring a large instance takes a core for many seconds. Errors: those of the work.
 */
export function inThread<N extends keyof Tasks>(
  config: WorkshopConfig,
  name: N,
  input: Input<N>,
  progress: (done: number) => void = () => {},
): Promise<Output<N>> {
  const job: Job = { holdfastBackup: true, config, name, input }
  const worker = new Worker(new URL(import.meta.url), { workerData: job })
  return new Promise((resolve, reject) => {
    worker.on('message', (told: Told) => {
      if ('progress' in told) progress(told.progress)
      else if ('output' in told) resolve(told.output as Output<N>)
      else if ('refused' in told) reject(new AppError(told.refused.kind, told.refused.code, told.refused.message))
      else reject(new Error(told.failed))
    })
    worker.on('error', reject)
    worker.on('exit', () => reject(new Error('The thread ended without a result')))
  })
}

/** The parts of the work, from the settings. */
async function workshopOf(config: WorkshopConfig, progress: (done: number) => void): Promise<Workshop> {
  const folderOf = (kind: string): string => {
    mkdirSync(config.dataFolder, { recursive: true, mode: 0o700 })
    return mkdtempSync(join(config.dataFolder, `.${kind}-`))
  }
  const removing = (folder: string) => async () => rmSync(folder, { recursive: true, force: true })
  return {
    entities,
    keys: await backupKeysOf(Buffer.from(config.masterKey), config.formerKeys.map(Buffer.from), config.recipients),
    targets: await Promise.all(config.targets.map(createTarget)),
    openView: () => openView({ ...config, entities }),
    async spool() {
      const folder = folderOf('snapshot')
      return { target: folderTarget(folder), remove: removing(folder) }
    },
    async openScratch() {
      const folder = folderOf('scratch')
      const remove = removing(folder)
      const storage = await createEngine({ storage: { engine: 'sqlite' }, dataFolder: folder, entities })
      await storage.open()
      return {
        storage,
        async remove() {
          await storage.close()
          await remove()
        },
      }
    },
    progress,
  }
}

async function work({ config, name, input }: Job): Promise<void> {
  const tell = (told: Told): void => parentPort?.postMessage(told)
  let toldMs = 0
  const progress = (done: number): void => {
    if (performance.now() - toldMs < 100) return
    toldMs = performance.now()
    tell({ progress: done })
  }
  try {
    const task = tasks[name] as (workshop: Workshop, input: unknown) => Promise<unknown>
    tell({ output: await task(await workshopOf(config, progress), input) })
  } catch (error) {
    if (error instanceof AppError) tell({ refused: { kind: error.kind, code: error.code, message: error.message } })
    else tell({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}

if (!isMainThread && (workerData as Partial<Job> | null)?.holdfastBackup === true) void work(workerData as Job)
