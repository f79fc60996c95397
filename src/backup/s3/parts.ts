import { createHash } from 'node:crypto'

/** A piece of a file that is sent by itself. `number` counts from 1. */
export type Part = { number: number; bytes: Uint8Array; isLast: boolean }

/** S3 takes parts from 5 MiB; only the last may be smaller. */
const partBytes = 8 * 1024 * 1024

export const digest = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

/** Bytes as they come, in parts of one size. A part is given out when it is known whether more follows. */
export async function* inParts(body: AsyncIterable<Uint8Array>): AsyncGenerator<Part, undefined> {
  let number = 1
  let chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    for (let start = 0; start < chunk.length; ) {
      if (length === partBytes) {
        yield { number, bytes: Buffer.concat(chunks), isLast: false }
        number += 1
        chunks = []
        length = 0
      }
      const piece = chunk.subarray(start, start + partBytes - length)
      chunks.push(piece)
      length += piece.length
      start += piece.length
    }
  }
  if (length > 0) yield { number, bytes: Buffer.concat(chunks), isLast: true }
  return undefined
}
