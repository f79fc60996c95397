import { createPublicKey } from 'node:crypto'
import { isSignedHead } from '../audit/chain.ts'
import type { Anchors } from '../kernel/backups.ts'
import type { Head } from '../storage/port.ts'
import type { Trusted } from './keys.ts'
import { headName, headsPrefix, parseHeadName } from './names.ts'
import { isSignedBy, type Signed } from './signature.ts'
import type { Target } from './target.ts'

type Anchor = Signed<{ head: Head; publicKey: string | null }>

/** The heads that stand in a target, of all streams or one. They count by the signature of whoever holds the master key, whatever the database says of its keys. */
export async function anchorsIn(target: Target, trusted: Trusted, stream?: string): Promise<Anchors> {
  const streams = new Map<string, number[]>()
  for await (const { name } of target.list(stream === undefined ? headsPrefix : `${headsPrefix}${stream}/`)) {
    const place = parseHeadName(name)
    if (place === null) continue
    const known = streams.get(place.stream)
    if (known === undefined) streams.set(place.stream, [place.sequence])
    else known.push(place.sequence)
  }
  return {
    target: target.url,
    streams,
    async head(of, sequence) {
      const body = await target.read(headName(of, sequence))
      return body === null ? null : headIn(Buffer.concat(await Array.fromAsync(body)).toString(), { stream: of, sequence }, trusted)
    },
  }
}

function headIn(text: string, place: { stream: string; sequence: number }, { publicKeys }: Trusted): Head | null {
  try {
    const anchor = JSON.parse(text) as Anchor
    const { head, publicKey } = anchor
    const isOurs = `${JSON.stringify(anchor)}\n` === text && isSignedBy(publicKeys, anchor)
    if (!isOurs || head.stream !== place.stream || head.sequence !== place.sequence || publicKey === null) return null
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' })
    return isSignedHead(head, new Map([[head.kid, key]])) ? head : null
  } catch {
    return null // no JSON, or not of this form
  }
}
