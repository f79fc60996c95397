import { randomBytes } from 'node:crypto'
import { createReadStream, type Dirent } from 'node:fs'
import { type FileHandle, link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../../kernel/errors.ts'
import { assertTargetName, type Target, type TargetBody, type TargetFile } from '../target.ts'

const fileMode = 0o600
const folderMode = 0o700

/** A target that is a folder, on a disk or a mounted share. Files are 0600, folders 0700; both are synced before a name is seen. */
export function folderTarget(folder: string): Target {
  const failed = (cause: unknown): AppError => failure(folder, cause)

  /** Makes a folder of the target, and makes it durable: each new name stands in its synced parent. */
  async function ensureFolder(path: string): Promise<void> {
    if ((await stat(path).catch(() => null))?.isDirectory()) return
    if (path !== folder) await ensureFolder(dirname(path))
    await mkdir(path, { recursive: true, mode: folderMode })
    await syncFolder(dirname(path))
  }

  async function put(name: string, body: TargetBody): Promise<'stored' | 'exists'> {
    assertTargetName(name)
    const path = join(folder, name)
    const parent = dirname(path)
    if (await exists(path)) {
      await syncFolder(parent) // whoever put it may not have come that far
      return 'exists'
    }
    await ensureFolder(parent)
    const temporary = join(parent, `.${randomBytes(8).toString('hex')}.tmp`)
    try {
      await writeDurably(temporary, body)
      const outcome = await linkNew(temporary, path)
      await syncFolder(parent)
      return outcome
    } finally {
      await unlink(temporary).catch(() => {})
    }
  }

  async function* list(prefix: string, after: string): AsyncGenerator<TargetFile> {
    for await (const file of walk(folder, '', prefix)) if (file.name > after) yield file
  }

  return {
    url: `file:${folder}`,
    async open() {
      try {
        await ensureFolder(folder)
        const probe = join(folder, `.${randomBytes(8).toString('hex')}.tmp`)
        await writeDurably(probe, new Uint8Array())
        await unlink(probe)
      } catch (error) {
        throw failed(error)
      }
    },
    put: (name, body) => put(name, body).catch((error: unknown) => Promise.reject(failed(error))),
    async read(name) {
      assertTargetName(name)
      try {
        return bytesOf(await open(join(folder, name), 'r'), failed)
      } catch (error) {
        if (!isAbsent(error) || !(await exists(folder))) throw failed(error)
        return null
      }
    },
    async *list(prefix, after = '') {
      try {
        yield* list(prefix, after)
      } catch (error) {
        throw failed(error)
      }
    },
    async remove(name) {
      assertTargetName(name)
      const path = join(folder, name)
      try {
        await unlink(path)
        await syncFolder(dirname(path))
      } catch (error) {
        if (!isAbsent(error) || !(await exists(folder))) throw failed(error)
      }
    },
  }
}

async function* bytesOf(file: FileHandle, failed: (cause: unknown) => AppError): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream('', { fd: file, autoClose: true, highWaterMark: 262_144 }) as AsyncIterable<Buffer>
  } catch (error) {
    throw failed(error)
  }
}

async function writeDurably(path: string, body: TargetBody): Promise<void> {
  const file = await open(path, 'wx', fileMode)
  try {
    if (body instanceof Uint8Array) await file.writeFile(body)
    else for await (const chunk of body) await file.writeFile(chunk)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A hard link cannot replace a file, where a rename would. */
async function linkNew(from: string, to: string): Promise<'stored' | 'exists'> {
  try {
    await link(from, to)
    return 'stored'
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return 'exists'
    throw error
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Files below a folder, in the order of their whole names, which is not the order of a tree: `a-b` comes before `a/b`. */
async function* walk(root: string, below: string, prefix: string): AsyncGenerator<TargetFile> {
  const entries = await readdir(join(root, below), { withFileTypes: true }).catch((error: unknown) => {
    // the target itself must be there; what is below may be removed meanwhile
    if (isAbsent(error) && below !== '') return [] as Dirent[]
    throw error
  })
  const named = entries
    .filter((entry) => !entry.name.startsWith('.') && (entry.isDirectory() || entry.isFile()))
    .map((entry) => ({ name: `${below}${entry.name}${entry.isDirectory() ? '/' : ''}`, isFolder: entry.isDirectory() }))
    .filter(({ name }) => name.startsWith(prefix) || (name.endsWith('/') && prefix.startsWith(name)))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const { name, isFolder } of named) {
    if (isFolder) yield* walk(root, name, prefix)
    else {
      const found = await stat(join(root, name)).catch(() => null)
      if (found !== null) yield { name, bytes: found.size }
    }
  }
}

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => null)) !== null

const codeOf = (error: unknown): string => (error as { code?: string } | null)?.code ?? ''

const isAbsent = (error: unknown): boolean => codeOf(error) === 'ENOENT'

function failure(folder: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause
  const code = codeOf(cause)
  if (code === '') throw cause // a bug of ours, or of whoever makes the bytes
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new AppError(
      'no_space',
      'target_full',
      `The backup folder ${folder} has no space left. Free some, or choose another one with HOLDFAST_BACKUP.`,
      {
        cause,
      },
    )
  return new AppError(
    'unavailable',
    'target_unreachable',
    `The backup folder ${folder} cannot be used (${code}). Make it readable and writable for this user, or choose another one with HOLDFAST_BACKUP.`,
    { cause, retryAfterSeconds: 30 },
  )
}
