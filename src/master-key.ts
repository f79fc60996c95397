import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { AppError } from './kernel/errors.ts'

const fileName = 'master.key'

/**
 * The 32-byte master key: the setting's, or the one in the data folder, which is made (0600) when the folder holds no data yet.
 * Errors: `missing_key` when there is data but no key to open it with; `wrong_key` for a key file that is no key.
 */
export function loadMasterKey(folder: string, fromSetting: Buffer | null): Buffer {
  if (fromSetting !== null) return fromSetting
  const path = join(folder, fileName)
  if (existsSync(path)) {
    const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64')
    if (key.length === 32) return key
    throw new AppError(
      'internal',
      'wrong_key',
      `${path} does not hold a key. Put back the file that belongs to this data, or set HOLDFAST_KEY.`,
    )
  }
  if (existsSync(join(folder, 'holdfast.db'))) {
    throw new AppError(
      'internal',
      'missing_key',
      `${folder} holds data, but ${fileName} is not there and HOLDFAST_KEY is not set. Put the key back; without it the sealed values cannot be opened.`,
    )
  }
  makeFolder(folder)
  return createKeyFile(folder, path)
}

/** Written whole and durable before it appears under its name; of two processes that start at once one wins and both read its key. */
function createKeyFile(folder: string, path: string): Buffer {
  // a name that no start before this one can have left behind: in a container every process has the same number
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`
  const file = openSync(temporary, 'wx', 0o600)
  writeSync(file, `${randomBytes(32).toString('base64')}\n`)
  fsyncSync(file)
  closeSync(file)
  try {
    linkSync(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    unlinkSync(temporary)
  }
  syncFolder(folder)
  return Buffer.from(readFileSync(path, 'utf8').trim(), 'base64')
}

/** Makes the folder and makes it durable: each new name is written down in the folder above it. */
function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = folder; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made))
}

function syncFolder(folder: string): void {
  const directory = openSync(folder, 'r')
  fsyncSync(directory)
  closeSync(directory)
}
