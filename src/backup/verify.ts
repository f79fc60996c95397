import type { KeyObject } from 'node:crypto'
import { createPublicKey } from 'node:crypto'
import { entryProblem, firstHash, isErasedBy, isSignedHead } from '../audit/chain.ts'
import type { FileProblem, Verified } from '../kernel/backups.ts'
import { AppError } from '../kernel/errors.ts'
import type { Head } from '../storage/port.ts'
import { covering, listSegments } from './coverage.ts'
import { unpackBytes, unpackLines } from './format.ts'
import { type Instance, readInstance } from './instance.ts'
import { readFormerKey } from './keys.ts'
import { digestOf, type Manifest, manifestBytes, type Opening, openManifest } from './manifest.ts'
import {
  headsPrefix,
  instanceName,
  keysPrefix,
  manifestName,
  objectCopiesPrefix,
  parseHeadName,
  parseSegmentName,
  provenName,
  type SegmentName,
  snapshotOf,
  snapshotsPrefix,
} from './names.ts'
import { linesOf } from './read-snapshot.ts'
import { readSegment } from './segment.ts'
import { isSignedBy, type Signed } from './signature.ts'
import type { Target } from './target.ts'

export type VerifyParts = { target: Target; opening: Opening; progress?: (files: number) => void }

type Check = {
  target: Target
  opening: Opening
  /** Files by name with their sizes, as the target lists them. */
  files: ReadonlyMap<string, number>
  tell(file: string, code: FileProblem['code'], detail: string): void
  /** Counts a file as read to its end. */
  done(file: string): void
}

/** Reads and checks every byte of a snapshot and of every log segment and head of its target; `id` null means every snapshot. Errors: `target_unreachable`. What is damaged is told in `problems`. */
export async function verifyTarget({ target, opening, progress = () => {} }: VerifyParts, id: string | null): Promise<Verified> {
  const files = new Map<string, number>()
  for await (const { name, bytes } of target.list('')) files.set(name, bytes)
  const problems: FileProblem[] = []
  const read = new Set<string>()
  const check: Check = {
    target,
    opening,
    files,
    tell: (file, code, detail) => void problems.push({ file, code, detail }),
    done(file) {
      read.add(file)
      progress(read.size)
    },
  }
  await checkInstance(check)
  for (const snapshot of id === null ? finishedIn(files) : [id]) await checkSnapshot(check, snapshot)
  for (const name of files.keys())
    if (name.startsWith(keysPrefix)) await guarded(check, name, async () => void (await readFormerKey(target, name, opening)))
  for (const name of files.keys()) if (name.startsWith(objectCopiesPrefix)) await guarded(check, name, () => checkObject(check, name))
  const keys = await checkHeads(check)
  await checkLog(check, keys)
  for (const name of files.keys()) if (!isKnown(name)) check.tell(name, 'foreign', 'This file is no part of a backup.')
  const bytes = [...read].reduce((sum, name) => sum + (files.get(name) ?? 0), 0)
  return { ok: problems.length === 0, files: read.size, bytes, problems: problems.sort((a, b) => (a.file < b.file ? -1 : 1)) }
}

/** age tells every changed byte. That it is the object which its row means, scrubbing and restoring compare by digest. */
async function checkObject({ target, opening }: Check, name: string): Promise<void> {
  const body = await target.read(name)
  if (body !== null) await unpackBytes(body, opening.identities, name)
}

/** Without a manifest and a note of its proof a snapshot was never finished, or is being removed: that is no damage. */
const finishedIn = (files: ReadonlyMap<string, number>): string[] =>
  [...new Set([...files.keys()].flatMap((name) => snapshotOf(name) ?? []))].filter(
    (id) => files.has(manifestName(id)) || files.has(provenName(id)),
  )

const isKnown = (name: string): boolean =>
  name === instanceName ||
  name.startsWith(keysPrefix) ||
  name.startsWith(objectCopiesPrefix) ||
  parseSegmentName(name) !== null ||
  parseHeadName(name) !== null ||
  snapshotOf(name) !== null

/**
 * Runs one file's check; whatever says that it cannot be read becomes a problem of that file. An outage is none. A changed header of an age file cannot be told from one that was written for someone else: in a
 * target of ours it is called changed unless `isForeign` knows better.
 */
async function guarded(
  check: Check,
  file: string,
  work: () => Promise<void>,
  isForeign: () => Promise<boolean> = async () => false,
): Promise<void> {
  try {
    await work()
    check.done(file)
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'unprocessable') throw error
    const isOthers = error.code === 'backup_foreign' || (error.code === 'backup_wrong_key' && (await isForeign()))
    const code = isOthers ? 'foreign' : error.code === 'backup_incomplete' ? 'missing' : 'changed'
    check.tell(
      file,
      check.files.get(file) === 0 ? 'truncated' : code,
      code === 'changed' ? 'The file is not as it was written.' : error.message,
    )
  }
}

/** Whether no other file of the snapshot opens either: then all of it was written for someone else. */
async function isSnapshotForeign({ target, opening, files }: Check, id: string): Promise<boolean> {
  for (const name of files.keys()) {
    if (snapshotOf(name) !== id || !name.endsWith('.ndjson.zst.age')) continue
    const body = await target.read(name)
    if (body === null) continue
    const opened = await drain(unpackLines(body, opening.identities, name)).then(
      () => true,
      (error: unknown) => !(error instanceof AppError && error.code === 'backup_wrong_key'),
    )
    if (opened) return false
  }
  return true
}

async function checkInstance(check: Check): Promise<void> {
  const { target, opening } = check
  if (!check.files.has(instanceName)) return check.tell(instanceName, 'missing', 'The target does not say whose backups it holds.')
  await guarded(check, instanceName, async () => {
    const text = await textOf(target, instanceName)
    const found = await readInstance(target)
    if (found === null || `${JSON.stringify(found, null, 2)}\n` !== text)
      check.tell(instanceName, 'changed', 'The file is not as it was written.')
    else if (opening.publicKeys !== null && !isSignedBy(opening.publicKeys, found as Signed<Instance>))
      check.tell(instanceName, 'foreign', 'The file carries the signature of another instance, or was changed.')
  })
}

async function checkSnapshot(check: Check, id: string): Promise<void> {
  const { target, opening, files } = check
  const name = manifestName(id)
  let manifest: Manifest | null = null
  let digest = ''
  await guarded(
    check,
    name,
    async () => {
      const bytes = await manifestBytes(target, id)
      if (bytes === null) return check.tell(name, 'missing', 'The snapshot has no manifest: it was not finished, or the file is gone.')
      digest = digestOf(bytes)
      manifest = await openManifest(bytes, id, opening)
    },
    () => isSnapshotForeign(check, id),
  )
  if (manifest === null) return
  const source = { target, manifest: manifest as Manifest, identities: opening.identities }
  const parts = new Set([name, provenName(id)])
  for (const file of source.manifest.files) {
    parts.add(file.name)
    const size = files.get(file.name)
    if (size === undefined) check.tell(file.name, 'missing', 'The manifest names this file, but it is not there.')
    else if (size < file.bytes) check.tell(file.name, 'truncated', `The file has ${size} bytes, but was written with ${file.bytes}.`)
    else await guarded(check, file.name, () => drain(linesOf(source, file.part)))
  }
  if (files.has(provenName(id))) await checkProof(check, id, digest)
  for (const other of files.keys())
    if (other.startsWith(`${snapshotsPrefix}${id}/`) && !parts.has(other))
      check.tell(other, 'foreign', 'The manifest does not name this file.')
}

async function checkProof(check: Check, id: string, digest: string): Promise<void> {
  const name = provenName(id)
  await guarded(check, name, async () => {
    const text = await textOf(check.target, name)
    const proof = parsed(text) as (Signed<{ id: string; manifest: string }> & object) | null
    const isOurs = proof !== null && (check.opening.publicKeys === null || isSignedBy(check.opening.publicKeys, proof))
    if (!isOurs || `${JSON.stringify(proof)}\n` !== text || proof.id !== id || proof.manifest !== digest)
      check.tell(name, 'changed', 'The note that this snapshot was proven is not as it was written.')
  })
}

type Keys = Map<string, KeyObject>
type Anchor = Signed<{ head: Head; publicKey: string | null }>

/** Checks the anchored heads and gathers the keys that they were signed with: who holds the master key knows by its signature that they are ours. */
async function checkHeads(check: Check): Promise<Keys> {
  const keys: Keys = new Map()
  for (const name of check.files.keys()) {
    const place = parseHeadName(name)
    if (place === null) continue
    await guarded(check, name, async () => {
      const text = await textOf(check.target, name)
      const anchor = parsed(text) as Anchor | null
      const isWhole =
        anchor !== null &&
        `${JSON.stringify(anchor)}\n` === text &&
        anchor.head?.stream === place.stream &&
        anchor.head.sequence === place.sequence
      if (!isWhole) return check.tell(name, 'changed', 'The head is not as it was written.')
      if (check.opening.publicKeys !== null && !isSignedBy(check.opening.publicKeys, anchor))
        return check.tell(name, 'foreign', 'The head carries the signature of another instance, or was changed.')
      if (anchor.publicKey !== null)
        keys.set(anchor.head.kid, createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: anchor.publicKey }, format: 'jwk' }))
      if (!isSignedHead(anchor.head, keys)) check.tell(name, 'changed', 'The head is not signed by the key that it names.')
    })
  }
  return keys
}

/** Follows every stream from its first entry on, and compares it with the heads that were anchored. */
async function checkLog(check: Check, keys: Keys): Promise<void> {
  const anchors = new Map<string, Head[]>()
  for (const name of check.files.keys()) {
    const place = parseHeadName(name)
    if (place === null) continue
    const anchor = parsed(await textOf(check.target, name)) as Anchor | null
    if (anchor?.head !== undefined) anchors.set(place.stream, [...(anchors.get(place.stream) ?? []), anchor.head])
  }
  const streams = await listSegments(check.target)
  for (const [stream, segments] of streams) await checkStream(check, { stream, segments, keys, anchors: anchors.get(stream) ?? [] })
  for (const [stream, heads] of anchors)
    if (!streams.has(stream))
      check.tell(`log/${stream}/`, 'gap', `${heads.length} heads of stream ${stream} are anchored, but none of its entries is here.`)
}

type Stream = { stream: string; segments: readonly SegmentName[]; keys: Keys; anchors: readonly Head[] }

async function checkStream(check: Check, { stream, segments, keys, anchors }: Stream): Promise<void> {
  const { end } = covering(segments)
  const hashes = new Map<number, string>()
  const wanted = new Set(anchors.map(({ sequence }) => sequence))
  let before = { sequence: 0, hash: firstHash }
  const beyond = segments.find(({ first, last }) => first > end + 1 && last > end)
  if (beyond !== undefined) check.tell(beyond.name, 'gap', `Entries ${end + 1} to ${beyond.first - 1} of stream ${stream} are in no file.`)
  for (const { name, first, last } of segments) {
    await guarded(check, name, async () => {
      const body = await check.target.read(name)
      if (body === null) return check.tell(name, 'missing', 'The file went away while it was checked.')
      const segment = await readSegment(body, check.opening.identities, name)
      const reached = segment.entries.at(-1)
      if (segment.entries[0]?.entry.sequence !== first || reached?.entry.sequence !== last)
        return check.tell(name, 'changed', 'The file holds other entries than its name says.')
      if (first > before.sequence + 1) before = { sequence: first - 1, hash: segment.entries[0]?.entry.previousHash ?? '' }
      for (const logged of segment.entries) {
        const { sequence } = logged.entry
        if (sequence <= before.sequence) {
          if ((hashes.get(sequence) ?? logged.hash) !== logged.hash)
            return check.tell(name, 'changed', `Entry ${sequence} is another one than in the file before.`)
          continue
        }
        const problem = entryProblem(logged, stream, before, isErasedBy(keys))
        if (problem !== null) return check.tell(name, 'changed', `Entry ${problem.sequence}: ${problem.detail}`)
        before = { sequence, hash: logged.hash }
        if (wanted.has(sequence)) hashes.set(sequence, logged.hash)
      }
      const { head } = segment
      const isItsHead = head.stream === stream && head.sequence === last && head.hash === reached.hash
      if (!isItsHead || (keys.has(head.kid) && !isSignedHead(head, keys)))
        check.tell(name, 'changed', 'The last entry is not signed as a head.')
    })
  }
  for (const head of anchors) {
    const name = `${headsPrefix}${stream}/${String(head.sequence).padStart(12, '0')}.json`
    const hash = hashes.get(head.sequence)
    if (hash === undefined && head.sequence > end) check.tell(name, 'gap', `The log of stream ${stream} ends at ${end}, before this head.`)
    else if (hash !== undefined && hash !== head.hash)
      check.tell(name, 'changed', 'The log has another entry here than the head that was anchored.')
  }
}

async function textOf(target: Target, name: string): Promise<string> {
  const body = await target.read(name)
  return body === null ? '' : Buffer.concat(await Array.fromAsync(body)).toString()
}

function parsed(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

async function drain(lines: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of lines);
}
