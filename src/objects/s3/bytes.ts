import { createHash } from 'node:crypto'
import { PassThrough, type Readable } from 'node:stream'
import { damaged } from '../described.ts'
import type { S3Options } from '../s3-client.ts'
import { failureOf } from '../s3-failures.ts'

export const base64Of = (sha256: string): string => Buffer.from(sha256, 'hex').toString('base64')

export const hexOf = (checksum: string): string => Buffer.from(checksum, 'base64').toString('hex')

type Expected = { key: string; size: number; sha256: string | null }

/** The same bytes: too few of them, or others than those with this digest, end in an error. `sha256` is null for a part of an object. Destroying it ends the request. */
export function proven(bytes: Readable, { key, size, sha256 }: Expected, options: S3Options): Readable {
  const hash = createHash('sha256')
  let met = 0
  const checked = new PassThrough({
    transform(chunk: Buffer, _encoding, done) {
      met += chunk.length
      hash.update(chunk)
      done(null, chunk)
    },
    flush: (done) => done(met === size && (sha256 === null || hash.digest('hex') === sha256) ? null : damaged(key)),
  })
  // the SDK compares the whole with S3's own checksum before we do, and throws a plain error
  bytes.on('error', (error) =>
    checked.destroy(/checksum mismatch/i.test(error.message) ? damaged(key, error) : (failureOf(error, options) as Error)),
  )
  // a connection that is cut ends without an error or an end
  bytes.on('close', () => {
    if (!bytes.readableEnded && !checked.destroyed)
      checked.destroy(failureOf(Object.assign(new Error('cut'), { code: 'ECONNRESET' }), options) as Error)
  })
  checked.on('close', () => bytes.destroy())
  return bytes.pipe(checked)
}
