import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { AppError } from '../kernel/errors.ts'
import { storageText } from '../storage-config.ts'

const name = 'moved.json'

const moved = z.object({
  /** The storages, as `storageText` says them. */
  from: z.string(),
  to: z.string(),
  at: z.string(),
  /** A server ran beside the move. It took no writes since, and none that is started by mistake shall. */
  sealed: z.boolean(),
})
export type Moved = z.output<typeof moved>

/** Written beside the data that was moved away, and durable. It is the operator's to delete: that is the way back. */
export function writeMoved(folder: string, what: Moved): void {
  const path = join(folder, name)
  const file = openSync(`${path}.tmp`, 'w', 0o600)
  writeSync(file, `${JSON.stringify(what, null, 2)}\n`)
  fsyncSync(file)
  closeSync(file)
  renameSync(`${path}.tmp`, path)
  const directory = openSync(folder, 'r')
  fsyncSync(directory)
  closeSync(directory)
}

/** What was moved away from the storage that the settings name, or null. */
export function movedFrom({ dataFolder, storage }: Config): (Moved & { path: string }) | null {
  const path = join(dataFolder, name)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return null
  }
  const read = moved.safeParse(parsed(text))
  return read.success && read.data.from === storageText(storage) ? { ...read.data, path } : null
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Before a server starts: what is written to a storage that was moved away is missing where it was moved to. Errors: `storage_moved`. */
export function refuseMoved(config: Config, say: (words: string) => void): void {
  const found = movedFrom(config)
  if (found === null) return
  const where = `The data of this storage (${found.from}) was moved to ${found.to} on ${found.at}`
  const back = `To go back to this storage for good, delete ${found.path}; what was written to the other since then is not here.`
  if (found.sealed) throw new AppError('unavailable', 'storage_moved', `${where}. Set HOLDFAST_STORAGE to that and start again. ${back}`)
  say(`Warning: ${where}. What is written here now is not there. ${back}`)
}
