import { link, open, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { AppError } from '../kernel/errors.ts'

export type Output = {
  write(text: string): Promise<void>
  /** Makes the file appear under its name, whole and durable. The path, or null for standard output. */
  finish(): Promise<string | null>
  /** Takes away what was not finished. */
  discard(): Promise<void>
}

/** A new file, or standard output for null. A file that exists is not touched. Errors: `file_exists`, `cannot_write`, `no_space`. */
export function openOutput(path: string | null): Output {
  return path === null ? standardOutput : fileOutput(resolve(path))
}

const standardOutput: Output = {
  async write(text) {
    if (!process.stdout.write(text)) await new Promise((done) => process.stdout.once('drain', done))
  },
  finish: async () => null,
  discard: async () => {},
}

function fileOutput(path: string): Output {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`)
  const handle = open(temporary, 'wx', 0o600)
  // whoever writes first hears of it
  handle.catch(() => {})
  let isOpen = true
  return {
    write: (text) => refusing(path, async () => void (await (await handle).writeFile(text))),
    finish: () =>
      refusing(path, async () => {
        const file = await handle
        await file.sync()
        // a link refuses where a rename would replace
        await link(temporary, path)
        await rm(temporary)
        await file.close()
        isOpen = false
        const folder = await open(dirname(path), 'r')
        await folder.sync()
        await folder.close()
        return path
      }),
    async discard() {
      if (!isOpen) return
      isOpen = false
      const file = await handle.catch(() => null)
      if (file === null) return
      await file.close()
      await rm(temporary, { force: true })
    },
  }
}

/** Does work on a file. Errors: `file_exists`, `cannot_write`, `no_space`, for what the system refused. */
export async function refusing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException
    if (code === 'EEXIST')
      throw new AppError('conflict', 'file_exists', `${path} exists already. Choose another name, or move it away.`, { cause })
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new AppError('no_space', 'no_space', `There is no space left to write ${path}.`, { cause })
    throw new AppError(
      'partner',
      'cannot_write',
      `${path} cannot be written (${code}). Choose a folder that exists and that you may write to.`,
      { cause },
    )
  }
}
