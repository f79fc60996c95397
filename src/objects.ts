import { hkdfSync } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from './kernel/clock.ts'
import type { IdSource } from './kernel/id.ts'
import type { Objects } from './objects/port.ts'
import type { ObjectsConfig } from './storage-config.ts'

type ObjectsOptions = { objects: ObjectsConfig; dataFolder: string; masterKey: Buffer; clock: Clock; ids: IdSource }

/** The object store that the settings choose, open. Errors: those of `Objects.open`. */
export async function openObjects(options: ObjectsOptions): Promise<Objects> {
  const objects = await createObjects(options)
  await objects.open()
  return objects
}

/** The object store that the settings choose, not yet opened. The driver of the other is not loaded. */
export async function createObjects({ objects, dataFolder, masterKey, clock, ids }: ObjectsOptions): Promise<Objects> {
  if (objects.kind === 's3') {
    const { s3Objects } = await import('./objects/s3/objects.ts')
    return s3Objects(objects)
  }
  const { folderObjects } = await import('./objects/folder/objects.ts')
  const signingKey = Buffer.from(hkdfSync('sha256', masterKey, '', 'holdfast signed object addresses', 32))
  return folderObjects({ folder: join(dataFolder, 'objects'), signingKey, nowMs: clock.realMs, newId: ids.newId })
}
