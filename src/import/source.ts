import { accessSync, constants, readSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { extname, isAbsolute } from 'node:path'
import { z } from 'zod'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'

export type Format = 'csv' | 'ndjson'

/** Told now and then how many of how many rows are done. In the process only: whoever calls from elsewhere passes it on in a way of its own. */
export const onProgress = z.custom<(done: number, total: number) => void>((value) => typeof value === 'function').optional()

/** `file` is an absolute path on the machine that holds the store; only its operator may name one. `text` is the content itself. One of the two. */
export const sourceInput = { file: z.string().min(1).optional(), text: z.string().optional() }

/** Text that can be read from its beginning as often as needed, in pieces. */
export type Source = { file: string | null; pieces(): AsyncIterable<string> }

const pieceBytes = 64 * 1024

/** Errors: `forbidden` when anyone but the operator names a file; `import_source` when there is not exactly one source, or the file cannot be read. */
export function openSource(
  { actor }: Pick<Context, 'actor'>,
  { file, text }: { file?: string | undefined; text?: string | undefined },
): Source {
  if (file === undefined && text !== undefined) return { file: null, pieces: () => piecesOfText(text) }
  if (file === undefined || text !== undefined) throw sourceProblem('Name a file, or give its text: one of the two.')
  if (actor.kind !== 'system')
    throw new AppError('forbidden', 'forbidden', 'Only the operator of the server may import a file from its disk.')
  assertReadable(file)
  return { file, pieces: () => piecesOfFile(file) }
}

const mediaTypes = new Map<string, Format>([
  ['text/csv', 'csv'],
  ['application/x-ndjson', 'ndjson'],
])

/** CSV or NDJSON, by the `Content-Type` of a body. Errors: `unsupported_media_type`. */
export function formatOfMedia(mediaType: string): Format {
  const format = mediaTypes.get((mediaType.split(';')[0] ?? '').trim().toLowerCase())
  if (format !== undefined) return format
  throw new AppError('media_type', 'unsupported_media_type', 'Send the file as text/csv or application/x-ndjson.')
}

/** CSV or NDJSON, by the name of the file. Errors: `import_source` for another ending. */
export function formatOf({ file }: Source, given: Format | undefined): Format {
  if (given !== undefined) return given
  const ending = file === null ? '' : extname(file).toLowerCase()
  if (ending === '.csv') return 'csv'
  if (ending === '.ndjson' || ending === '.jsonl') return 'ndjson'
  throw sourceProblem(file === null ? 'Say whether the text is csv or ndjson.' : `The name of ${file} must end in .csv or .ndjson.`)
}

export const sourceProblem = (message: string, cause?: unknown): AppError =>
  new AppError('unprocessable', 'import_source', message, { cause })

function assertReadable(file: string): void {
  if (!isAbsolute(file)) throw sourceProblem(`${file} is not an absolute path.`)
  try {
    accessSync(file, constants.R_OK)
    if (statSync(file).isFile()) return
  } catch (error) {
    throw sourceProblem(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}.`, error)
  }
  throw sourceProblem(`${file} is not a file.`)
}

async function* piecesOfText(text: string): AsyncGenerator<string> {
  yield text.startsWith('\ufeff') ? text.slice(1) : text
}

/**
 * UTF-8, a byte-order mark taken off. What is not UTF-8 becomes U+FFFD, which no row may hold. A piece is read at once: that takes less than its rows do, and asking the
 * thread pool for it kept 40 MiB more in memory.
 */
async function* piecesOfFile(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  const bytes = new Uint8Array(pieceBytes)
  const handle = await open(file)
  try {
    for (let size = readSync(handle.fd, bytes); size > 0; size = readSync(handle.fd, bytes))
      yield decoder.decode(bytes.subarray(0, size), { stream: true })
    yield decoder.decode()
  } finally {
    await handle.close()
  }
}
