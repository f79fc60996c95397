import { createHash } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'
import type { Decrypter, Encrypter } from 'age-encryption'
import { AppError } from '../kernel/errors.ts'

/** What was written into a file: SHA-256 (hex) and size of the file as it lies in the target, and the lines of its NDJSON. */
export type Written = { sha256: string; bytes: number; lines: number }

/** A longer line was not written by Holdfast. Hostile files may unpack to more than there is memory. */
const longestLineBytes = 64 * 1024 * 1024

/** Entries of a log are packed as small as by level 3, in less than half the time (docs/results.md): what is left of them are digests, which nothing packs. */
const level = 1

/** Lines are gathered to this size before they are compressed. */
const chunkLength = 262_144

const nothing = (): void => {}

/** NDJSON → zstd → age, as the bytes to be put into a target. Lines come several at once, because a turn for each costs more than packing it. `written()` is complete when they have been read to the end. Whoever holds one of the recipients' identities can read it with `age -d | zstd -d`. */
export function packLines(
  lines: AsyncIterable<readonly string[]>,
  recipients: readonly string[],
): { body: AsyncIterable<Uint8Array>; written(): Written } {
  const hash = createHash('sha256')
  let bytes = 0
  let count = 0

  async function* gathered(): AsyncGenerator<Buffer> {
    let text = ''
    for await (const some of lines)
      for (const line of some) {
        count += 1
        text += `${line}\n`
        if (text.length < chunkLength) continue
        yield Buffer.from(text)
        text = ''
      }
    if (text !== '') yield Buffer.from(text)
  }

  async function* body(): AsyncGenerator<Uint8Array> {
    const compress = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 } })
    const source = Readable.from(gathered(), { objectMode: false })
    pipeline(source, compress, nothing) // an error of the source destroys what reads it
    const encrypter = await encrypterFor(recipients)
    for await (const chunk of await encrypter.encrypt(webStream(compress))) {
      hash.update(chunk)
      bytes += chunk.length
      yield chunk
    }
  }

  return { body: body(), written: () => ({ sha256: hash.copy().digest('hex'), bytes, lines: count }) }
}

/** Lines of a file that `packLines` made, opened by whichever of the identities fits. `name` is for the error texts. Errors: `backup_wrong_key`; `backup_damaged` for any byte that is not as it was written, the last ones included. */
export async function* unpackLines(body: AsyncIterable<Uint8Array>, identities: readonly string[], name: string): AsyncGenerator<string> {
  const decrypter = await decrypterFor(identities)
  const packed = Readable.from(body, { objectMode: false })
  let opened: ReadableStream<Uint8Array>
  try {
    opened = await decrypter.decrypt(webStream(packed))
  } catch (error) {
    throw packed.errored ?? openingFailed(name, error)
  }
  const unpacked = createZstdDecompress()
  pipeline(Readable.fromWeb(opened as Parameters<typeof Readable.fromWeb>[0]), unpacked, nothing)
  let rest: Buffer[] = []
  let restLength = 0
  try {
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      let from = 0
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
        if (rest.length === 0) yield chunk.toString('utf8', from, at)
        else yield Buffer.concat([...rest, chunk.subarray(from, at)]).toString('utf8')
        rest = []
        restLength = 0
        from = at + 1
      }
      if (from < chunk.length) rest.push(chunk.subarray(from))
      restLength += chunk.length - from
      if (restLength > longestLineBytes) throw new Error(`a line is longer than ${longestLineBytes} bytes`)
    }
  } catch (error) {
    throw packed.errored ?? damaged(name, error)
  }
  if (restLength > 0) throw damaged(name, new Error('the last line has no end'))
}

/** A small text as an age file of its own, without compression: `age -d` shows it. */
export async function packText(text: string, recipients: readonly string[]): Promise<Uint8Array> {
  return (await encrypterFor(recipients)).encrypt(text)
}

/** What `packText` packed. Errors: as `unpackLines`. */
export async function unpackText(bytes: Uint8Array, identities: readonly string[], name: string): Promise<string> {
  const decrypter = await decrypterFor(identities)
  try {
    return await decrypter.decrypt(bytes, 'text')
  } catch (error) {
    throw openingFailed(name, error)
  }
}

/** Bytes as an age file, without compression, as they are produced. */
export async function* packBytes(bytes: AsyncIterable<Uint8Array>, recipients: readonly string[]): AsyncGenerator<Uint8Array> {
  const encrypter = await encrypterFor(recipients)
  yield* await encrypter.encrypt(webStream(Readable.from(bytes, { objectMode: false })))
}

/** What `packBytes` packed. Errors: as `unpackLines`. */
export async function unpackBytes(body: AsyncIterable<Uint8Array>, identities: readonly string[], name: string): Promise<Buffer> {
  const decrypter = await decrypterFor(identities)
  const packed = Readable.from(body, { objectMode: false })
  try {
    return Buffer.concat(await Array.fromAsync(await decrypter.decrypt(webStream(packed))))
  } catch (error) {
    throw packed.errored ?? openingFailed(name, error)
  }
}

/** Loaded when something is packed: ten megabytes that an idle server does without. */
async function encrypterFor(recipients: readonly string[]): Promise<Encrypter> {
  const { Encrypter } = await import('age-encryption')
  const made = new Encrypter()
  for (const recipient of recipients) made.addRecipient(recipient)
  return made
}

async function decrypterFor(identities: readonly string[]): Promise<Decrypter> {
  const { Decrypter } = await import('age-encryption')
  const made = new Decrypter()
  for (const identity of identities) made.addIdentity(identity)
  return made
}

const webStream = (stream: Readable): ReadableStream<Uint8Array> => Readable.toWeb(stream) as ReadableStream<Uint8Array>

/** age says in words alone why a file does not open. */
function openingFailed(name: string, cause: unknown): AppError {
  if (!/no identity matched/i.test(String(cause))) return damaged(name, cause)
  return new AppError(
    'unprocessable',
    'backup_wrong_key',
    `The backup file ${name} was made with another key. Give the master key (HOLDFAST_KEY) of the server that made it, or the identity of its recovery kit.`,
    { cause },
  )
}

const damaged = (name: string, cause: unknown): AppError =>
  new AppError(
    'unprocessable',
    'backup_damaged',
    `The backup file ${name} is damaged: it was changed or cut after it was written. Take an older backup, or another target.`,
    {
      cause,
    },
  )
