import type { Database } from './db.ts'
import { tableRefused } from './failures.ts'
import { heldBy, owner } from './item.ts'
import { directoryPartitions, streamsPartition } from './keys.ts'
import { loadState } from './load.ts'
import { keysKey, logKey, type TableDefinition, tenantsKey } from './tables.ts'

const remedy =
  'Its items stay as they are. Give Holdfast a table of its own, by another name or prefix (docs/aws.md, Names of tables), and bring an old system’s tenants in with bin/holdfast import fsm-table.'

export type Counted = { table: TableDefinition; items: number }

/**
 * Of a store without any history: refuses the tables that hold items all the same, for they are somebody else's. Where a log is there it is a store of ours that lost its keys, which a recovery from the backups
 * mends. Errors: `table_refused`.
 */
export function refuseFilled(counted: readonly Counted[]): void {
  const [filled] = counted.filter(({ table, items }) => items > 0 && table.key !== keysKey)
  if (filled === undefined || counted.some(({ table, items }) => items > 0 && table.key === logKey)) return
  throw tableRefused(filled.table.name, `holds items (${filled.items} when AWS last counted them), and none of them is Holdfast's.`, remedy)
}

/**
 * Refuses tables that some other system filled: rows are found through the table of keys, so that whoever stands in such a table would look as if they were not there. A store without any history has no rows, so
 * that whatever its tables hold is somebody else's; and one with a history has its tenants in the table that the settings name for them. Nothing is scanned, which the function may not: counts are what
 * DescribeTable told, which AWS brings up to date every six hours. Errors: `table_refused`.
 */
export async function refuseForeign(db: Database, counted: readonly Counted[], isTenantsNamed: boolean): Promise<void> {
  if (!isTenantsNamed && counted.every(({ items }) => items === 0)) return
  if (await isWithoutHistory(db)) refuseFilled(counted)
  else if (isTenantsNamed) await assertTenants(db)
}

async function isWithoutHistory(db: Database): Promise<boolean> {
  return (await first(db, streamsPartition)) === null && (await loadState(db)) === null
}

/** Tenants are never removed: the first that is known has its row, or the table is another one than it was. */
async function assertTenants(db: Database): Promise<void> {
  const table = db.definitions.find(({ key }) => key === tenantsKey)
  const [partition] = table?.entity?.directory.byId === undefined ? [] : directoryPartitions(table.entity, 'byId')
  if (table === undefined || partition === undefined) return
  const known = await first(db, partition)
  // one that a large commit is at work on may not be there yet
  if (known?.id === undefined || known[heldBy] !== undefined) return
  const row = await db.getItem({ table, key: { [table.hash.attribute]: known.id } })
  if (row?.[owner] === undefined)
    throw tableRefused(table.name, `does not hold the tenants that ${db.keys.name} leads to: it is another one than it was.`, remedy)
}

async function first(db: Database, partition: string) {
  const { items } = await db.query(
    {
      KeyConditionExpression: '#p = :p',
      ExpressionAttributeNames: { '#p': 'pk' },
      ExpressionAttributeValues: { ':p': { S: partition } },
      Limit: 1,
    },
    db.keys,
  )
  return items[0] ?? null
}
