import { randomBytes } from 'node:crypto'
import { type FileHandle, link, mkdir, open, readdir, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from './failures.ts'

/** Where files are written before they get their names; no tenant's id begins with a dot. */
const pending = '.pending'
const staleMs = 24 * 3_600_000

export type Files = {
  /** Makes the folder, and drops what a killed process left half written more than a day ago. */
  prepare(): Promise<void>
  /** Writes a file that appears whole and durable under its name, or not at all. False when the name is taken. */
  create(path: string, write: (file: FileHandle) => Promise<void>): Promise<boolean>
  /** Durable when it resolves. False when there was none. */
  drop(path: string): Promise<boolean>
}

/** Every file 0600, every folder 0700. A name is durable when the folder that holds it was synchronised after it was given (fsync(2)). */
export function filesIn(root: string): Files {
  const durable = new Set<string>()

  /** A folder that another call has just made is not durable yet: each folder is synchronised by this process before anything in it is acknowledged. */
  async function makeFolder(folder: string): Promise<void> {
    if (durable.has(folder)) return
    if (folder !== root) await makeFolder(dirname(folder))
    await mkdir(folder, { recursive: folder === root, mode: 0o700 }).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
    await syncFolder(dirname(folder))
    if (durable.size > 10_000) durable.clear()
    durable.add(folder)
  }

  return {
    async prepare() {
      await makeFolder(join(root, pending))
      for (const name of await readdir(join(root, pending))) {
        const path = join(root, pending, name)
        const isStale = await stat(path).then(
          ({ mtimeMs }) => Date.now() - mtimeMs > staleMs,
          () => false,
        )
        if (isStale) await rm(path, { force: true })
      }
    },

    async create(path, write) {
      const temporary = join(root, pending, randomBytes(16).toString('hex'))
      await makeFolder(dirname(temporary))
      await makeFolder(dirname(path))
      try {
        const file = await open(temporary, 'wx', 0o600)
        try {
          await write(file)
          await file.sync()
        } finally {
          await file.close()
        }
        // unlike a rename, a link never replaces what is there
        await link(temporary, path)
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return false
        throw error
      } finally {
        await rm(temporary, { force: true })
      }
      await syncFolder(dirname(path))
      return true
    },

    async drop(path) {
      try {
        await unlink(path)
      } catch (error) {
        if (isAbsent(error)) return false
        throw error
      }
      await syncFolder(dirname(path))
      return true
    },
  }
}

export const isAbsent = (error: unknown): boolean => codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
