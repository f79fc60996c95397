import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { AppError } from '../../kernel/errors.ts'
import { noSpace } from './failures.ts'

/** File systems whose locks and shared memory do not hold across machines, by the magic numbers of statfs(2) in Linux's magic.h and the kernel's own headers. */
const network: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB2',
  16914839: '9P',
  22092: 'NCP',
  1397113167: 'AFS',
  1799439955: 'AFS',
  1937076805: 'Coda',
  12805120: 'Ceph',
  198183888: 'Lustre',
  1196443219: 'GPFS',
  1952539503: 'OCFS2',
  18225520: 'GFS2',
}

export const databaseFile = 'holdfast.db'

/** The name of the network file system that a statfs type stands for, or null. */
export const networkFileSystem = (type: number): string | null => network[type >>> 0] ?? null

/**
 * Makes the data folder ours alone: folder 0700, files 0600. Nothing here opens a file that exists: closing any descriptor of a file drops the process's locks on it (fcntl(2)).
 */
export function prepareFolder(folder: string, files: readonly string[]): void {
  try {
    prepare(folder, files)
  } catch (error) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
    if (error instanceof AppError || code === null) throw error
    if (code === 'ENOSPC' || code === 'EDQUOT') throw noSpace(error)
    throw folderUnusable(folder, code, error)
  }
}

function prepare(folder: string, files: readonly string[]): void {
  const isNew = mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined
  const name = networkFileSystem(statfsSync(folder).type)
  if (name !== null) {
    throw new AppError(
      'unavailable',
      'network_folder',
      `The data folder ${folder} is on ${name}, where SQLite loses data. Choose a folder on a local disk with HOLDFAST_DATA, or PostgreSQL with HOLDFAST_STORAGE.`,
    )
  }
  const found = readdirSync(folder)
  if (found.length === 0 || files.some((file) => found.includes(file))) chmodSync(folder, 0o700)
  for (const file of files) protect(join(folder, file))
  syncFolder(folder)
  if (isNew) syncFolder(dirname(folder))
}

export const folderUnusable = (folder: string, code: string, cause: unknown): AppError =>
  new AppError(
    'unavailable',
    'folder_unusable',
    `The data folder ${folder} cannot be used (${code}). Make it a folder that this user may write, or choose another with HOLDFAST_DATA.`,
    { cause },
  )

function protect(path: string): void {
  if (existsSync(path)) chmodSync(path, 0o600)
  else closeSync(openSync(path, 'wx', 0o600))
}

/** A new file survives a power cut only when its folder was synchronised too. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
