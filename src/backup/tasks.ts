import type { Proof, Verified } from '../kernel/backups.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import type { Storage, View } from '../storage/port.ts'
import { type BackupKeys, openingOf } from './keys.ts'
import { digestOf, type Manifest, manifestBytes, openManifest } from './manifest.ts'
import { manifestName, provenName } from './names.ts'
import { planRestore } from './plan.ts'
import { prove } from './prove.ts'
import { writeSnapshot } from './snapshot.ts'
import type { Target } from './target.ts'
import { verifyTarget } from './verify.ts'

/** What the heavy work on backups is done with, in a thread or process of its own. */
export type Workshop = {
  entities: readonly AnyEntity[]
  keys: BackupKeys
  targets: readonly Target[]
  openView(): Promise<View>
  /** An empty target of one's own on this machine, and what takes it away again. */
  spool(): Promise<{ target: Target; remove(): Promise<void> }>
  /** An empty storage, opened, and what takes it away again. */
  openScratch(): Promise<{ storage: Storage; remove(): Promise<void> }>
  progress(done: number): void
}

export type NewSnapshot = { id: string; createdAt: string; instance: string; holdfast: string; engine: string }

const putAgain = async (from: Target, to: Target, name: string): Promise<void> => {
  const body = await from.read(name)
  if (body === null) throw new Error(`${name} went away while it was copied`)
  await to.put(name, body)
}

/** Writes a snapshot once and copies it to every target. Resolves to its manifest and the targets that did not take it. */
export async function takeSnapshot(
  workshop: Workshop,
  about: NewSnapshot,
): Promise<{ manifest: Manifest; failed: { url: string; detail: string }[] }> {
  const { entities, keys, targets, progress } = workshop
  const { signer } = keys.current
  const spool = await workshop.spool()
  try {
    const view = await workshop.openView()
    const here = spool.target
    const manifest = await writeSnapshot(view, here, { ...about, entities, recipients: keys.recipients, signer, progress }).finally(() =>
      view.close(),
    )
    const failed: { url: string; detail: string }[] = []
    for (const target of targets) {
      try {
        await target.open()
        for (const { name } of manifest.files) await putAgain(here, target, name)
        await putAgain(here, target, manifestName(manifest.id))
      } catch (error) {
        failed.push({ url: target.url, detail: error instanceof Error ? error.message : String(error) })
      }
    }
    return { manifest, failed }
  } finally {
    await spool.remove()
  }
}

export type ProvenNote = { id: string; provenAt: string; manifest: string; entities: Record<string, number>; seconds: number }

/** Restores a snapshot of one target and compares it; a good one gets a signed note beside it. Errors: `not_found` is null. */
export async function proveSnapshot(workshop: Workshop, { url, id, now }: { url: string; id: string; now: string }): Promise<Proof | null> {
  const { entities, keys, progress } = workshop
  const target = targetOf(workshop, url)
  const bytes = await manifestBytes(target, id)
  if (bytes === null) return null
  const opening = await openingOf(target, keys)
  const scratch = await workshop.openScratch()
  try {
    const manifest = await openManifest(bytes, id, opening)
    const proof = await prove({ target, manifest, identities: opening.identities, entities, scratch: scratch.storage, progress })
    const note: ProvenNote = { id, provenAt: now, manifest: digestOf(bytes), entities: proof.entities, seconds: proof.seconds }
    if (proof.ok) await target.put(provenName(id), Buffer.from(`${JSON.stringify(keys.current.signer.sign(note))}\n`))
    return proof
  } finally {
    await scratch.remove()
  }
}

export async function verifyBackups(workshop: Workshop, { url, id }: { url: string; id: string | null }): Promise<Verified> {
  const target = targetOf(workshop, url)
  return verifyTarget({ target, opening: await openingOf(target, workshop.keys), progress: workshop.progress }, id)
}

export function targetOf({ targets }: Workshop, url: string): Target {
  const target = targets.find((each) => each.url === url)
  if (target === undefined) throw new Error(`${url} is no target of this work`)
  return target
}

/** The work by name, as it is asked for across a thread's boundary. */
export const tasks = { takeSnapshot, proveSnapshot, verifyBackups, planRestore } as const
