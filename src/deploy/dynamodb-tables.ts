import { entities } from '../entities.ts'
import type { SetupResult } from '../storage/dynamodb/setup.ts'
import type { StorageConfig } from '../storage-config.ts'

/** Makes the tables that the settings name, where no template did. Errors: `table_refused`, `database_credentials`, `database_unreachable`. */
export async function setUpDynamodb(storage: Extract<StorageConfig, { engine: 'dynamodb' }>): Promise<SetupResult[]> {
  const { setUpTables } = await import('../storage/dynamodb/engine.ts')
  return setUpTables({ ...storage, entities })
}
