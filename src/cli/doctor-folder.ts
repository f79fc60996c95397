import { accessSync, constants, lstatSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'

export type Check = { name: string; ok: boolean; detail: string; advice: string | null }

const mebibyte = 1024 * 1024
/** Below this a write may fail at any moment; below the second figure an operator should know. */
const leastFreeBytes = 256 * mebibyte
const tightFreeBytes = 2048 * mebibyte

const passed = (name: string, detail: string, advice: string | null = null): Check => ({ name, ok: true, detail, advice })
const failed = (name: string, detail: string, advice: string): Check => ({ name, ok: false, detail, advice })

/** What can be told of the data folder from outside, before anything is opened. */
export async function folderChecks(config: Config): Promise<Check[]> {
  const { dataFolder } = config
  const stat = statSync(dataFolder, { throwIfNoEntry: false })
  if (stat === undefined)
    return [failed('data-folder', `${dataFolder} does not exist.`, 'Start the server once, or name the right folder with HOLDFAST_DATA.')]
  if (!stat.isDirectory()) return [failed('data-folder', `${dataFolder} is not a folder.`, 'Name a folder with HOLDFAST_DATA.')]
  return [
    folderCheck(dataFolder, stat.mode),
    modesCheck(dataFolder),
    await fileSystemCheck(dataFolder),
    spaceCheck(dataFolder),
    keyCheck(config),
    clockCheck(config),
  ]
}

const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(4, '0')

function folderCheck(folder: string, mode: number): Check {
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return failed(
      'data-folder',
      `${folder} cannot be read and written by this user.`,
      `Run this as the user that runs the server, or give that user the folder: chown -R USER ${folder}`,
    )
  }
  if ((mode & 0o077) === 0) return passed('data-folder', `${folder}, mode ${octal(mode)}.`)
  return failed('data-folder', `${folder} has mode ${octal(mode)}: others on this machine can look into it.`, `chmod 700 ${folder}`)
}

function modesCheck(folder: string): Check {
  const open = readdirSync(folder)
    .filter((name) => /^(holdfast\.|master\.key)/.test(name))
    .filter((name) => ((lstatSync(join(folder, name), { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0)
  if (open.length === 0) return passed('file-modes', 'The files are readable by their owner alone.')
  return failed(
    'file-modes',
    `Others on this machine can read ${open.join(', ')}.`,
    `chmod 600 ${open.map((name) => join(folder, name)).join(' ')}`,
  )
}

async function fileSystemCheck(folder: string): Promise<Check> {
  const { networkFileSystemOf } = await import('../main.ts')
  const name = networkFileSystemOf(folder)
  if (name === null) return passed('file-system', 'The data folder is on a local file system.')
  return failed(
    'file-system',
    `The data folder is on ${name}, where SQLite loses data.`,
    'Move the folder to a local disk and set HOLDFAST_DATA.',
  )
}

function spaceCheck(folder: string): Check {
  const { bavail, bsize } = statfsSync(folder)
  const free = bavail * bsize
  const detail = `${Math.round(free / mebibyte).toLocaleString('en')} MiB are free.`
  const advice = 'Free some space, or move the data folder to a larger disk. A full disk refuses writes; it loses nothing.'
  return free < leastFreeBytes ? failed('free-space', detail, advice) : passed('free-space', detail, free < tightFreeBytes ? advice : null)
}

function keyCheck({ dataFolder, masterKey, keyWrapping }: Config): Check {
  if (keyWrapping !== null) return passed('master-key', 'The master key comes from HOLDFAST_KEY_WRAPPED, opened by AWS KMS.')
  if (masterKey !== null) return passed('master-key', 'The master key comes from HOLDFAST_KEY.')
  if (statSync(join(dataFolder, 'master.key'), { throwIfNoEntry: false }) !== undefined)
    return passed(
      'master-key',
      'The master key is the file master.key in the data folder.',
      'Keep a copy of master.key somewhere else, and backups on another disk: who loses this folder without them loses everything.',
    )
  return failed(
    'master-key',
    'There is no master.key in the data folder, and HOLDFAST_KEY is not set.',
    'Put the key back; without it the sealed values cannot be opened.',
  )
}

/** Holdfast did not exist before this day. */
const earliestMs = Date.UTC(2026, 0, 1)

function clockCheck({ testClockMs }: Config): Check {
  const now = new Date()
  if (now.getTime() < earliestMs)
    return failed(
      'clock',
      `This machine says that it is ${now.toISOString()}.`,
      'Set the clock and keep it right with NTP: sign-ins, licences and the log go by it.',
    )
  return passed(
    'clock',
    `${now.toISOString()}.`,
    testClockMs === null ? null : 'HOLDFAST_TEST_CLOCK is set: licences and records go by a frozen time.',
  )
}
