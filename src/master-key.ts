import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { AppError } from './kernel/errors.ts'
import { createSealer } from './kernel/seal.ts'
import type { KeyConfig } from './key-config.ts'
import { unwrapKeys } from './kms.ts'

const fileName = 'master.key'

/** What seals from now on, and what still opens values that were sealed before. */
export type MasterKeys = { current: Buffer; former: readonly Buffer[] }

/**
 * The 32-byte master keys: the settings', those that AWS KMS wrapped, or those of the data folder.
 * Errors: `missing_key`, `wrong_key`, `kms_refused`, `kms_unreachable`.
 */
export async function openMasterKeys({
  masterKey,
  formerKeys,
  keyWrapping,
  dataFolder,
}: KeyConfig & { dataFolder: string }): Promise<MasterKeys> {
  if (keyWrapping === null) return masterKey === null ? loadMasterKeys(dataFolder) : { current: masterKey, former: formerKeys }
  const [current, ...former] = await unwrapKeys(keyWrapping)
  if (current === undefined) throw new Error('a wrapped key opens to one key at least')
  return { current, former: [...former, ...formerKeys] }
}

/**
 * The keys in the data folder: the current one in the first line, and while a rotation is under way the former one below it. A key is made (0600) when the folder holds no data yet.
 * Errors: `missing_key` when there is data but no key to open it with; `wrong_key` for a key file that is no key.
 */
export function loadMasterKeys(folder: string): MasterKeys {
  const path = join(folder, fileName)
  if (existsSync(path)) return readKeyFile(path)
  if (existsSync(join(folder, 'holdfast.db'))) {
    // another process that starts for the first time makes the key before the database: it may have made both since
    if (existsSync(path)) return readKeyFile(path)
    throw new AppError(
      'internal',
      'missing_key',
      `${folder} holds data, but ${fileName} is not there and HOLDFAST_KEY is not set. Put the key back; without it the sealed values cannot be opened.`,
    )
  }
  makeFolder(folder)
  return createKeyFile(folder, path)
}

/**
 * Begins a rotation: a new key becomes the current one of the folder, and the former one stays below it until `endRotation`. One that was broken off goes on with the key it had made.
 * Whoever holds the folder open must not seal meanwhile.
 */
export function beginRotation(folder: string): void {
  const { current, former } = loadMasterKeys(folder)
  if (former.length === 0) replaceKeyFile(folder, [randomBytes(32), current])
}

/**
 * Ends a rotation: the current key is alone in `master.key`. Backups and history from before need the former ones, which are put beside it as `master.key.<id>.former`, to be kept
 * elsewhere or deleted. Returns their paths.
 */
export function endRotation(folder: string): string[] {
  const { current, former } = loadMasterKeys(folder)
  const kept = former.map((key) => {
    const path = join(folder, `${fileName}.${createSealer(key).kid}.former`)
    if (!existsSync(path)) writeDurably(folder, path, [key], linkSync)
    return path
  })
  if (former.length > 0) replaceKeyFile(folder, [current])
  return kept
}

/** Former keys that a rotation left in the folder (`endRotation`): they seal nothing, but backups and history from before open with them. */
export function keptFormerKeys(folder: string): Buffer[] {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => /^master\.key\.[0-9a-f]{8}\.former$/.test(name)) : []
  return names.flatMap((name) => readKeyFile(join(folder, name)).current)
}

/** Takes away a key that was made at this start for data that turned out to be another key's. Not for any other reason to stop: another process may have begun to seal under it. */
export const removeKeyFile = (folder: string): void => rmSync(join(folder, fileName), { force: true })

/** Whether opening the master keys makes one. */
export const isWithoutKey = ({ masterKey, keyWrapping, dataFolder }: KeyConfig & { dataFolder: string }): boolean =>
  masterKey === null && keyWrapping === null && !existsSync(join(dataFolder, fileName))

function readKeyFile(path: string): MasterKeys {
  const [current, ...former] = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => Buffer.from(line.trim(), 'base64'))
  if (current !== undefined && [current, ...former].every((key) => key.length === 32)) return { current, former }
  throw new AppError(
    'internal',
    'wrong_key',
    `${path} does not hold a key. Put back the file that belongs to this data, or set HOLDFAST_KEY.`,
  )
}

const replaceKeyFile = (folder: string, keys: readonly Buffer[]): void => writeDurably(folder, join(folder, fileName), keys, renameSync)

/** Of two processes that start at once one wins and both read its key. */
function createKeyFile(folder: string, path: string): MasterKeys {
  writeDurably(folder, path, [randomBytes(32)], linkSync)
  return readKeyFile(path)
}

/** Written whole and durable before it appears under its name. `place` puts it there: a link leaves a file that is there, a rename replaces it. */
function writeDurably(folder: string, path: string, keys: readonly Buffer[], place: (from: string, to: string) => void): void {
  // a name that no start before this one can have left behind: in a container every process has the same number
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`
  const file = openSync(temporary, 'wx', 0o600)
  writeSync(file, keys.map((key) => `${key.toString('base64')}\n`).join(''))
  fsyncSync(file)
  closeSync(file)
  try {
    place(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    if (existsSync(temporary)) unlinkSync(temporary)
  }
  syncFolder(folder)
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
