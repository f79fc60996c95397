import { folderTarget } from './backup/folder/target.ts'
import type { Target } from './backup/target.ts'
import type { TargetConfig } from './backup-config.ts'

/** The adapter for each place that the settings name.  */
export async function createTarget(config: TargetConfig): Promise<Target> {
  if (config.kind === 'folder') return folderTarget(config.folder)
  throw new Error('Backups into a bucket are not built yet')
}
