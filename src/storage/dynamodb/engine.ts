import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { Counter } from '../../kernel/change.ts'
import type { AnyEntity } from '../../kernel/entity.ts'
import { erasable } from '../../kernel/erased-entry.ts'
import { AppError } from '../../kernel/errors.ts'
import { encoder } from '../encoded.ts'
import type { EngineStats, PlatformStore, Storage, TenantStore } from '../port.ts'
import { type Signing, signingOf } from '../signing.ts'
import { broadcaster } from './broadcast.ts'
import { connect, isLocal, type Place } from './client.ts'
import { committer } from './commit.ts'
import { database } from './db.ts'
import { refuseForeign } from './foreign.ts'
import { rowsSeen } from './known.ts'
import { leaser } from './lease.ts'
import { lister } from './list.ts'
import { loadState } from './load.ts'
import { logOf } from './log.ts'
import { numbersOf } from './numbers.ts'
import { openQueue } from './queue.ts'
import { reader } from './read.ts'
import { assertTables, type SetupResult, setUp } from './setup.ts'
import { forms } from './staged-form.ts'
import { platformStore, type Running, tenantStore } from './store.ts'
import { type TableNames, tableDefinitions, tenantsKey } from './tables.ts'
import { transferOf } from './transfer.ts'
import { watchers } from './watch.ts'

export type DynamoOptions = Place &
  TableNames & {
    entities: readonly AnyEntity[]
    /** Told when the engine fails on its own: a listener threw. */
    onProblem?: (error: Error) => void
  }

const idle = (): EngineStats => ({ commits: 0, groups: 0, fsyncs: 0, conflicts: 0, commitSeconds: 0, largestGroup: 0 })

const withCounter = (declared: readonly AnyEntity[]): readonly AnyEntity[] =>
  declared.includes(Counter) ? declared : [...declared, Counter]

/** The engine on Amazon DynamoDB: any number of processes on one set of tables (DESIGN.md section 6, docs/decisions/0007-dynamodb-engine.md). */
export function dynamodb({ entities: declared, onProblem = () => {}, ...options }: DynamoOptions): Storage {
  const entities = withCounter(declared)
  const definitions = tableDefinitions(entities, options)
  const place = { region: options.region, endpoint: options.endpoint }
  const encode = encoder(entities)
  const stats = idle()
  let client: DynamoDBClient | null = null
  let signing: Signing | null = null
  let running: Running | null = null
  let isOpened = false

  async function start(): Promise<Running> {
    client = connect(place)
    const counted = await assertTables({ client, ...place }, definitions, isLocal(place))
    const db = database(client, definitions)
    await refuseForeign(db, counted, options.tables[tenantsKey] !== undefined)
    const settled = forms(db)
    const rows = rowsSeen()
    const log = logOf(db)
    const numbers = numbersOf(db)
    const watching = watchers(log, onProblem)
    const read = reader(db, settled, rows)
    const commit = committer({
      db,
      forms: settled,
      log,
      numbers,
      rows,
      stats,
      signing: () => signing as Signing,
      // AWS answers when the write is on disks in at least two of three data centres; an emulator is one process
      durability: isLocal(place) ? ['fsync'] : ['fsync', 'replicated'],
      onCommit: ({ stream, sequence }, tenantId) => watching.tell({ tenantId, stream, sequence }),
    })
    const isLoading = (await loadState(db))?.state === 'loading'
    return {
      db,
      encode,
      read,
      list: lister(db, settled, read),
      log,
      numbers,
      queue: openQueue(commit),
      watchers: watching,
      isSigned: false,
      isLoading,
    }
  }

  function current(): Running {
    if (running !== null) return running
    throw new AppError('unavailable', 'storage_closed', 'The server is stopping or not ready yet. Try again in a moment.', {
      retryAfterSeconds: 5,
    })
  }

  const transfer = transferOf(current, entities)
  const lease = leaser(() => current().db)
  const broadcast = broadcaster(() => current().db, onProblem)

  return {
    engine: 'dynamodb',
    async open() {
      if (isOpened) throw new Error('An engine is opened once')
      isOpened = true
      try {
        running = await start()
      } catch (error) {
        client?.destroy()
        throw error
      }
    },
    async close() {
      const last = running
      running = null
      if (last === null) return
      await last.queue.drain()
      last.watchers.stop()
      broadcast.stop()
      client?.destroy()
    },
    async setSigner(signer) {
      signing = signingOf(signer)
      current().isSigned = true
    },
    tenant: (id): TenantStore => tenantStore(current, id),
    platform: (): PlatformStore => platformStore(current),
    watch: (listener) => current().watchers.watch(listener),
    async check() {
      const { db } = current()
      return assertTables({ client: db.client, ...place }, definitions, isLocal(place)).then(
        () => [],
        (error: Error) => [error.message],
      )
    },
    async describe() {
      const { db } = current()
      const local = isLocal(place)
      return {
        name: local ? 'DynamoDB (an emulator on this machine)' : 'Amazon DynamoDB',
        version: '2012-08-10',
        settings: {
          region: place.region,
          endpoint: place.endpoint,
          consistentReads: true,
          itemsPerTransaction: db.limits.items,
          protection: local ? 'waived on a loopback endpoint' : 'deletion protection, point-in-time recovery and encryption are on',
          tables: definitions.map(({ name }) => name),
        },
      }
    },
    transfer: () => transfer,
    async erase(tenantId, entries) {
      for (const entry of erasable(entries)) await current().log.replace(tenantId, entry)
    },
    lease,
    broadcast,
    stats: () => ({ ...stats }),
  }
}

/** Makes the tables where no template did, and protects those that are there. Errors: as those of opening, apart from `table_missing`. */
export async function setUpTables({ entities, ...options }: Omit<DynamoOptions, 'onProblem'>): Promise<SetupResult[]> {
  const place = { region: options.region, endpoint: options.endpoint }
  const client = connect(place)
  try {
    return await setUp({ client, ...place }, tableDefinitions(withCounter(entities), options), isLocal(place))
  } finally {
    client.destroy()
  }
}
