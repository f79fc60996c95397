import { join } from 'node:path'
import type { AnyEntity } from '../../kernel/entity.ts'
import type { View } from '../port.ts'
import { connect } from './connection.ts'
import { databaseFile } from './folder.ts'
import { headReader } from './log.ts'
import { storedRows, storedSequences } from './stored.ts'
import { tables } from './tables.ts'

/**
 * The database of a folder as it is now, beside the process that holds the folder: one read transaction on a connection of its own, which takes no lock and delays no writer. Until it is
 * closed the write-ahead log grows.
 */
export function sqliteView(folder: string, entities: readonly AnyEntity[]): View {
  const db = connect(join(folder, databaseFile), { readonly: true })
  db.exec('BEGIN')
  db.prepare('SELECT 1 FROM heads LIMIT 1').get() // the instant is that of the first read
  const from = tables(db, entities)
  const { heads } = headReader(db)
  return {
    rows: async (type, query) => storedRows(from, type, query),
    sequences: async (query) => storedSequences(from, query),
    heads: async ({ cursor = null, limit = 200 }) => heads(cursor, limit),
    async close() {
      db.close()
    },
  }
}
