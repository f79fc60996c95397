import { AppError } from '../kernel/errors.ts'
import { type Instance, readInstance } from './instance.ts'
import { type BackupKeys, openingOf, type Trusted } from './keys.ts'
import { type Manifest, readManifest } from './manifest.ts'
import { logPrefix, snapshotOf, snapshotsPrefix } from './names.ts'
import { linesOf } from './read-snapshot.ts'
import { isSignedBy, type Signed } from './signature.ts'
import type { Target } from './target.ts'

/** A target that holds backups of the instance whose keys are at hand. */
export type Source = { target: Target; opening: Trusted; instance: Signed<Instance> | null; manifests: Manifest[]; damaged: Damaged[] }
export type Damaged = { id: string; detail: string }

/**
 * Looks into a target: null when nobody wrote backups into it. A damaged `instance.json` alone keeps nobody from a restore, as long as a snapshot shows by its signature that it is ours.
 * Errors: `backup_wrong_key`, `backup_damaged`, those of the target.
 */
export async function openSource(target: Target, keys: BackupKeys): Promise<Source | null> {
  const opening = await openingOf(target, keys)
  const instance = await readInstance(target).catch(orNull)
  const isOurs = instance !== null && isSignedBy(opening.publicKeys, instance)
  if (instance !== null && !opening.publicKeys.includes(instance.signedBy)) throw wrongKey(target)
  const { manifests, damaged } = await manifestsOf(target, opening)
  if (isOurs || manifests.length > 0) return { target, opening, instance: isOurs ? instance : null, manifests, damaged }
  const isEmpty = instance === null && damaged.length === 0 && (await hasNothing(target, logPrefix))
  if (isEmpty) return null
  throw damaged.length > 0 ? wrongKey(target) : withoutInstance(target)
}

/** The snapshots, newest first whatever the clock says, and those that cannot be read. */
async function manifestsOf(target: Target, opening: Trusted): Promise<{ manifests: Manifest[]; damaged: Damaged[] }> {
  const ids = new Set<string>()
  for await (const { name } of target.list(snapshotsPrefix)) {
    const id = snapshotOf(name)
    if (id !== null && name.endsWith('/manifest.json.age')) ids.add(id)
  }
  const manifests: Manifest[] = []
  const damaged: Damaged[] = []
  for (const id of ids) {
    try {
      const manifest = await readManifest(target, id, opening)
      if (manifest !== null) manifests.push(manifest)
    } catch (error) {
      damaged.push({ id, detail: orNullText(error) })
    }
  }
  manifests.sort((a, b) => orderOf(b) - orderOf(a) || (a.createdAt < b.createdAt ? 1 : -1))
  return { manifests, damaged }
}

/** Reads every byte of a snapshot. Resolves to what is wrong with it, or null. Errors: those of the target. */
export async function problemOf({ target, opening: { identities } }: Source, manifest: Manifest): Promise<string | null> {
  try {
    for (const { part } of manifest.files) for await (const _ of linesOf({ target, manifest, identities }, part));
    return null
  } catch (error) {
    return orNullText(error)
  }
}

/** Where the platform's log stood. */
const orderOf = ({ heads }: Manifest): number => heads.find(({ stream }) => stream === 'platform')?.sequence ?? 0

async function hasNothing(target: Target, prefix: string): Promise<boolean> {
  for await (const _ of target.list(prefix)) return false
  return true
}

const orNull = (error: unknown): null => {
  orNullText(error)
  return null
}

/** Damage in words; whatever else is wrong, such as an outage, is thrown on. */
function orNullText(error: unknown): string {
  if (error instanceof AppError && error.kind === 'unprocessable') return error.message
  throw error
}

const wrongKey = (target: Target): AppError =>
  new AppError(
    'unprocessable',
    'backup_wrong_key',
    `The backups in ${target.url} were made under another master key. Give that one with HOLDFAST_KEY, or put its master.key back. Nothing was changed.`,
  )

const withoutInstance = (target: Target): AppError =>
  new AppError(
    'unprocessable',
    'backup_damaged',
    `${target.url} holds files of a backup, but its instance.json is missing or damaged and no snapshot shows whose they are. Put it back, or take another target.`,
  )
