import type { KeyObject } from 'node:crypto'
import { isErasedBy, isSignedHead } from '../audit/chain.ts'
import type { Json } from '../kernel/canonical.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import type { Logger, Sealer } from '../kernel/services.ts'
import { importSigningKey } from '../session/access-token.ts'
import { SigningKeyRow } from '../session/entity.ts'
import { type LoggedEntry, platformTenant, type Storage } from '../storage/port.ts'
import { covering, listSegments } from './coverage.ts'
import type { BackupKeys } from './keys.ts'
import type { Manifest } from './manifest.ts'
import { streamPieces } from './read-log.ts'
import { type Rebuilt, rebuild } from './rebuild.ts'
import { openSource, problemOf, type Source } from './source.ts'
import type { Target } from './target.ts'

export type Recovered = Rebuilt & {
  target: string
  /** The snapshot that it began with; null = the log alone. */
  snapshot: string | null
  /** Newer snapshots that could not be used. */
  skipped: readonly { id: string; detail: string }[]
  /** Where each stream ends now. */
  heads: readonly { stream: string; sequence: number }[]
}

export type RecoverParts = {
  keys: BackupKeys
  /** Opens the signing keys in the log: what it does not open was not written by us. */
  sealer: Sealer
  entities: readonly AnyEntity[]
  log: Logger
  progress?: (done: number) => void
}

/** Of several targets the one whose log is longest: an instance never goes back to less than any of them holds. Null when none of them holds backups. Errors: those of `openSource`. */
export async function newestSource(targets: readonly Target[], { keys }: Pick<RecoverParts, 'keys'>): Promise<Source | null> {
  let best: { source: Source; entries: number } | null = null
  for (const target of targets) {
    const source = await openSource(target, keys)
    if (source === null) continue
    const entries = [...(await listSegments(target)).values()].reduce((sum, segments) => sum + covering(segments).end, 0)
    if (best === null || entries > best.entries) best = { source, entries }
  }
  return best?.source ?? null
}

/**
 * Makes an empty storage what the instance was when the log in this target ends. It begins with the newest snapshot of which every byte is right, and without one with the log alone; nothing goes in
 * that this instance did not sign. Interrupted at any moment it can be run again. Errors: `not_found`, `storage_not_empty`, `backup_damaged`, `backup_incomplete`, `backup_foreign`, those of the target.
 */
export async function recover(source: Source, into: Storage, parts: RecoverParts): Promise<Recovered> {
  const { target, opening } = source
  const { manifest, skipped } = await chooseSnapshot(source, parts)
  const segments = await listSegments(target)
  if (manifest === null && segments.size === 0) throw nothingIn(target)
  const logKeys = await logKeysOf(source, parts.sealer)
  const rebuilt = await rebuild({
    target,
    manifest,
    identities: opening.identities,
    entities: parts.entities,
    into,
    isOurs: (head) => isSignedHead(head, logKeys),
    isErasure: isErasedBy(logKeys),
    ...(parts.progress === undefined ? {} : { progress: parts.progress }),
  })
  const heads = [...segments].map(([stream, all]) => ({ stream, sequence: covering(all).end }))
  return { ...rebuilt, target: target.url, snapshot: manifest?.id ?? null, skipped, heads }
}

async function chooseSnapshot(
  source: Source,
  { log }: Pick<RecoverParts, 'log'>,
): Promise<{ manifest: Manifest | null; skipped: Recovered['skipped'] }> {
  const skipped = [...source.damaged]
  for (const { id, detail } of skipped) log.warn({ id, detail }, `backup ${id} is damaged and passed over`)
  for (const manifest of source.manifests) {
    const detail = await problemOf(source, manifest)
    if (detail === null) return { manifest, skipped }
    log.warn({ id: manifest.id, detail }, `backup ${manifest.id} is damaged and passed over for the one before it`)
    skipped.push({ id: manifest.id, detail })
  }
  return { manifest: null, skipped }
}

/** The keys that heads of this instance are signed with, as the platform's log has them. A key is ours when the master key opens its private half. */
async function logKeysOf({ target, opening: { identities } }: Source, sealer: Sealer): Promise<Map<string, KeyObject>> {
  const keys = new Map<string, KeyObject>()
  const segments = (await listSegments(target, platformTenant)).get(platformTenant) ?? []
  for await (const { entries } of streamPieces({ target, identities, segments }, platformTenant))
    for (const logged of entries) for (const key of signingKeysIn(logged, sealer)) keys.set(key.kid, key.publicKey)
  return keys
}

function* signingKeysIn({ entry, secrets }: LoggedEntry, sealer: Sealer) {
  const hidden = secrets === null ? [] : (JSON.parse(secrets) as { changes: Record<string, Json>[] }).changes
  for (const [index, { type, id }] of entry.changes.entries()) {
    const sealed = hidden[index]?.privateKey
    if (type !== SigningKeyRow.name || typeof sealed !== 'string') continue
    try {
      yield importSigningKey(sealer.open(sealed, { tenant: platformTenant, entity: SigningKeyRow.name, id, field: 'privateKey' }))
    } catch {
      // sealed under a key that is not at hand: a later entry has it under the current one
    }
  }
}

const nothingIn = ({ url }: Target): AppError =>
  new AppError('not_found', 'not_found', `There is no backup in ${url}. Nothing was changed.`)
