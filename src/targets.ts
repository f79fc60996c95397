import { folderTarget } from './backup/folder/target.ts'
import type { Target } from './backup/target.ts'
import type { TargetConfig } from './backup-config.ts'

/** The adapter for each place that the settings name. The client of a bucket is loaded for one alone. */
export async function createTarget(config: TargetConfig): Promise<Target> {
  if (config.kind === 'folder') return folderTarget(config.folder)
  const { s3Target } = await import('./backup/s3/target.ts')
  return s3Target(config)
}
