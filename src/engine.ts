import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { copiedView } from './backup/copied-view.ts'
import type { AnyEntity } from './kernel/entity.ts'
import type { Storage, View } from './storage/port.ts'
import type { StorageConfig } from './storage-config.ts'

type EngineOptions = {
  storage: StorageConfig
  /** Where the embedded database lives. */
  dataFolder: string
  entities: readonly AnyEntity[]
  /** Told when the engine fails on its own, outside of any call. */
  onProblem?: (problem: Error) => void
}

/** The engine that the settings choose, not yet opened. Drivers of the others are not loaded. */
export async function createEngine({ storage, dataFolder, ...options }: EngineOptions): Promise<Storage> {
  switch (storage.engine) {
    case 'sqlite': {
      const { sqlite } = await import('./storage/sqlite/engine.ts')
      return sqlite({ folder: storage.folder ?? dataFolder, ...options })
    }
    case 'dynamodb': {
      const { dynamodb } = await import('./storage/dynamodb/engine.ts')
      return dynamodb({ ...storage, ...options })
    }
    case 'postgres': {
      const { postgres } = await import('./storage/postgres/engine.ts')
      return postgres({ url: storage.url, ...options })
    }
  }
}

/** Everything as it is now, beside the process that serves the storage. */
export async function openView({ storage, dataFolder, entities }: Omit<EngineOptions, 'onProblem'>): Promise<View> {
  switch (storage.engine) {
    case 'sqlite': {
      const { sqliteView } = await import('./storage/sqlite/view.ts')
      return sqliteView(storage.folder ?? dataFolder, entities)
    }
    case 'postgres': {
      const { postgresView } = await import('./storage/postgres/view.ts')
      return postgresView(storage.url, entities)
    }
    case 'dynamodb':
      return copyAside({ storage, dataFolder, entities })
  }
}

/** A view for an engine that has none of its own: a copy in the data folder, for as long as it is open. */
async function copyAside({ storage, dataFolder, entities }: Omit<EngineOptions, 'onProblem'>): Promise<View> {
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
  const folder = mkdtempSync(join(dataFolder, '.view-'))
  const source = await createEngine({ storage, dataFolder, entities })
  const scratch = await createEngine({ storage: { engine: 'sqlite' }, dataFolder: folder, entities })
  async function release(): Promise<void> {
    await Promise.allSettled([source.close(), scratch.close()])
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await Promise.all([source.open(), scratch.open()])
  } catch (error) {
    await release()
    throw error
  }
  return copiedView({ source, scratch, entities, release })
}
