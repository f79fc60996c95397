import type { Context } from '../kernel/context.ts'
import { readGeneration } from './destination.ts'
import { readManifest } from './manifest.ts'
import { destinationOf } from './operations.ts'

/** The newest backup of a tenant's people, and whether it is a valid one now; null where there is none. A file that cannot be read is not valid. */
export async function lastBackupOf(context: Context): Promise<{ at: string; records: number; valid: boolean } | null> {
  const destination = await destinationOf(context, {})
  try {
    const read = await readManifest(destination.path)
    const manifest = 'broken' in read ? null : read.manifest
    const newest = await readGeneration(destination, destination.path, { manifest, force: false })
    if (newest === null) return null
    return { at: newest.createdAt, records: newest.content?.records.length ?? 0, valid: newest.problem === null }
  } catch {
    // its path is a folder, or its permissions are wrong: the run that writes it says so
    return null
  }
}
