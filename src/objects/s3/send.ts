import { Readable } from 'node:stream'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { verified } from '../described.ts'
import type { Described, ObjectBody } from '../port.ts'
import { base64Of } from './bytes.ts'

type Sending = { body: Uint8Array | Readable; signal: AbortSignal; end(): void }

/** Bytes are checked before they are sent and can be sent again; a stream is checked while it is sent, and cannot. Where it fails, the request is given up and the signal's reason says why. */
export async function sendingOf(body: ObjectBody, described: Described): Promise<Sending> {
  const giveUp = new AbortController()
  const { signal } = giveUp
  const checked = verified(body, described)
  if (body instanceof Uint8Array) {
    await checked.next()
    return { body, signal, end: () => {} }
  }
  const stream = Readable.from(checked)
  stream.on('error', (error) => giveUp.abort(error))
  return { body: stream, signal, end: () => void stream.destroy() }
}

export function putCommand(
  place: { Bucket: string; Key: string },
  Body: Uint8Array | Readable,
  { size, sha256, type }: Described,
): PutObjectCommand {
  const command = new PutObjectCommand({
    ...place,
    Body,
    ContentLength: size,
    ContentType: type,
    ChecksumSHA256: base64Of(sha256),
    IfNoneMatch: '*',
  })
  // the digest is known, so the signature covers the bytes of a stream too, which the SDK would leave out
  command.middlewareStack.add(
    (next) => (args) => {
      ;(args.request as { headers: Record<string, string> }).headers['x-amz-content-sha256'] = sha256
      return next(args)
    },
    { step: 'build', name: 'signedDigest' },
  )
  return command
}
