import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { AppError } from '../kernel/errors.ts'

/** Told before each step that a crash may come before; only tests listen. */
export type Step = (name: string) => void

const quiet: Step = () => {}

/** The bytes of a file, or null where there is none. */
export async function bytesOf(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Makes names durable: what was linked or renamed in a folder is there after a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const temporary = (path: string): string => `${path}.tmp-${process.pid}-${randomBytes(4).toString('hex')}`

/** Removes what a killed run of ours left half-written of a file and of those beside it. Only whoever holds the lock of the file may. */
export async function removeLeftovers(path: string): Promise<void> {
  const isOurs = (name: string): boolean => name.startsWith(`${basename(path)}.`) && /\.tmp-\d+-[0-9a-f]{8}$/.test(name)
  for (const name of await readdir(dirname(path)).catch(() => [])) if (isOurs(name)) await rm(join(dirname(path), name), { force: true })
}

/**
 * Puts bytes under a name so that at every instant the name leads to the old file or the whole new one: temporary file (0600), fsync, read back and compare, `before`, rename, fsync of the folder. `before` runs
 * when the new file is whole and verified.
 */
export async function replaceFile(
  path: string,
  bytes: Buffer,
  { step = quiet, before }: { step?: Step; before?: () => Promise<void> } = {},
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const name = basename(path)
  const made = temporary(path)
  try {
    step(`create ${name}`)
    const file = await open(made, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      step(`sync ${name}`)
      await file.sync()
    } finally {
      await file.close()
    }
    step(`verify ${name}`)
    if (!bytes.equals(await readFile(made)))
      throw new AppError(
        'internal',
        'write_differs',
        `${path} reads back other than it was written: check the disk. The old file is as it was.`,
      )
    await before?.()
    step(`rename ${name}`)
    await rename(made, path)
    step(`sync folder of ${name}`)
    await syncFolder(dirname(path))
    step(`done ${name}`)
  } catch (error) {
    await rm(made, { force: true })
    throw error
  }
}

/** Gives a file a second name. That it has the name already, or a copy of it does, is fine: the caller looked. */
export async function linkFile(from: string, to: string): Promise<void> {
  await link(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}

/** Keeps a copy under a name, once. */
export async function keepCopy(bytes: Buffer, to: string): Promise<void> {
  if ((await bytesOf(to)) !== null) return
  await replaceFile(to, bytes)
}

export const removeFile = (path: string): Promise<void> => unlink(path)
