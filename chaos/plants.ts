import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { EngineName } from './databases.ts'

/** A change of one source file that a server under test makes to itself while loading: `from` must be there exactly once. */
export type Edit = { file: string; from: string; to: string }

/** A planted bug: the proof that a fault can turn red. It lives here and nowhere else; production code has no switch for it. */
export type Plant = {
  fault: string
  /** Absent: SQLite. */
  engines?: readonly EngineName[]
  says: string
  edits: readonly Edit[]
  /** What at least one of the problems must say: a server that does not even start proves nothing. */
  shows: RegExp
}

const synchronousNormal: Edit = { file: 'src/storage/sqlite/connection.ts', from: '  synchronous: 2,\n', to: '  synchronous: 1,\n' }

const asynchronous: Omit<Plant, 'fault'> = {
  engines: ['postgres'],
  says: 'PostgreSQL acknowledges commits before they are on disk (synchronous_commit=off)',
  shows: /LOST/,
  edits: [{ file: 'src/storage/postgres/opening.ts', from: "'SET synchronous_commit = on'", to: "'SET synchronous_commit = off'" }],
}

export const plants: Readonly<Record<string, Plant>> = {
  'acknowledge-before-commit': {
    fault: 'kill',
    says: 'a commit is acknowledged, and made 25 ms later',
    shows: /LOST/,
    edits: [
      {
        file: 'src/storage/sqlite/group.ts',
        from: '      commit.run()\n',
        to: `      const early = globalThis as { groups?: number; acknowledge?: (outcomes: Outcome[]) => void }
      early.groups = (early.groups ?? 0) + 1
      // the start and the setting up read at once what they wrote
      if (early.groups > 60) {
        early.acknowledge?.(outcomes)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25)
      }
      commit.run()\n`,
      },
      {
        file: 'src/storage/sqlite/writer.ts',
        from: '  const written = commitGroup(group, signing as Signing)\n',
        to: `  let isTold = false
  Object.assign(globalThis, { acknowledge(told: unknown) {
    isTold = true
    port.postMessage({ kind: 'done', outcomes: told, commitSeconds: null, fsyncs: 1 })
  } })
  const written = commitGroup(group, signing as Signing)
  if (isTold) return\n`,
      },
    ],
  },
  'synchronous-normal': {
    fault: 'power',
    says: 'SQLite runs with synchronous=NORMAL, the default of better-sqlite3',
    shows: /LOST/,
    edits: [synchronousNormal],
  },
  'no-transaction': {
    fault: 'steps',
    says: 'a commit is no transaction: each of its rows is written for itself',
    shows: /between|The log has a row|not what the log says|log knows nothing/,
    edits: [
      {
        file: 'src/storage/sqlite/group.ts',
        from: "['BEGIN IMMEDIATE', 'COMMIT', 'ROLLBACK']",
        to: "['UPDATE sequences SET value = 0 WHERE 0', 'UPDATE sequences SET value = 1 WHERE 0', 'UPDATE sequences SET value = 2 WHERE 0']",
      },
    ],
  },
  'reply-before-fsync': {
    fault: 'steps',
    says: 'the reply does not wait for the disk',
    shows: /acknowledged after \d+ ms/,
    edits: [synchronousNormal],
  },
  'full-disk-is-success': {
    fault: 'disk',
    says: 'a commit that found no room is acknowledged',
    shows: /LOST/,
    edits: [
      {
        file: 'src/storage/sqlite/group.ts',
        from: "  return [isFull(error.code, db) ? 'full' : 'failed',",
        to: "  if (isFull(error.code, db)) return ['done', 1, '']\n  return [isFull(error.code, db) ? 'full' : 'failed',",
      },
    ],
  },
  'session-by-the-hour': {
    fault: 'clock',
    engines: ['sqlite', 'postgres', 'dynamodb'],
    says: 'a session ends half an hour after its last refresh',
    shows: /refreshing was answered 401/,
    edits: [{ file: 'src/session/open-session.ts', from: 'sessionMs = 7 * 24 * 60 * 60 * 1000', to: 'sessionMs = 30 * 60 * 1000' }],
  },
  'postgres-acknowledge-before-commit': {
    fault: 'kill',
    engines: ['postgres'],
    says: 'a commit is acknowledged, and made 25 ms later',
    shows: /LOST/,
    edits: [
      {
        file: 'src/storage/postgres/group.ts',
        from: '    sent.isSent = true\n',
        to: `    sent.isSent = true
    const early = globalThis as { told?: WeakMap<object, (outcome: Outcome) => void> }
    // the start and the setting up read at once what they wrote: only what writers change meets the bug
    if (JSON.stringify(commits).includes('Renamed by')) {
      for (const [position, commit] of commits.entries()) early.told?.get(commit)?.(outcomes[position] as Outcome)
      await setTimeout(25)
    }\n`,
      },
      {
        file: 'src/storage/postgres/lanes.ts',
        from: '    const { outcomes, written } = await committer.commit(',
        to: `    const early = globalThis as { told?: WeakMap<object, (outcome: { sequence: number; hash: string } | { error: Error }) => void> }
    early.told ??= new WeakMap()
    for (const { commit, resolve } of group)
      early.told.set(commit, (outcome) => {
        if ('hash' in outcome) resolve({ stream: commit[1], time: commit[2], durability, sequence: outcome.sequence, hash: outcome.hash })
      })
    const { outcomes, written } = await committer.commit(`,
      },
    ],
  },
  'postgres-asynchronous': { ...asynchronous, fault: 'crash' },
  'postgres-asynchronous-power': { ...asynchronous, fault: 'power' },
  'key-beside-the-commit': {
    fault: 'cut',
    engines: ['postgres', 'dynamodb'],
    says: 'the row of an Idempotency-Key is written in a commit of its own',
    shows: /sent again with the same Idempotency-Key it was answered/,
    edits: [
      {
        file: 'src/kernel/perform.ts',
        from: '  const receipt = changes.length === 0 && outcome.logged !== true',
        to: `  const apart = idempotency !== undefined && changes.length > 1 ? changes.splice(-1) : []
  const receipt = changes.length === 0 && outcome.logged !== true`,
      },
      {
        file: 'src/kernel/perform.ts',
        from: '  outcome.after?.()\n',
        to: '  if (apart.length > 0) await store.commit(apart, meta())\n  outcome.after?.()\n',
      },
    ],
  },
  'dynamodb-acknowledge-before-commit': {
    fault: 'kill',
    engines: ['dynamodb'],
    says: 'a commit is acknowledged, and made some time later',
    shows: /LOST/,
    edits: [
      {
        file: 'src/storage/dynamodb/commit.ts',
        from: '    const result = await transact(db, [...touched.map(transactItem), ...chain.items])\n',
        to: `    // the start and the setting up read at once what they wrote: only what writers change meets the bug
    if (JSON.stringify(members.map(({ pending }) => pending.changes.map((change) => 'row' in change && change.row))).includes('Renamed by')) {
      for (const [position, { pending }] of members.entries()) {
        const { sequence, hash } = chain.heads[position] as StreamHead
        settle(pending, () => pending.resolve({ stream, sequence, time: pending.time, hash, durability }))
      }
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    const result = await transact(db, [...touched.map(transactItem), ...chain.items])\n`,
      },
    ],
  },
  'keys-by-each-server': {
    fault: 'several',
    engines: ['dynamodb'],
    says: 'each of two servers that start together makes signing keys',
    shows: /signing keys were due/,
    edits: [
      {
        file: 'src/session/key-ring.ts',
        from: '    if (held.length === 0) changes.push(insert(Counter',
        to: '    if (held.length < 0) changes.push(insert(Counter',
      },
    ],
  },
  'sync-without-a-second-copy': {
    fault: 'lost',
    says: 'HOLDFAST_BACKUP_MODE=sync does not wait for the target',
    shows: /LOST/,
    edits: [
      {
        file: 'src/backups.ts',
        from: '      await within(shipper.reached(receipt.stream, receipt.sequence))\n',
        to: '',
      },
    ],
  },
  'target-without-fsync': {
    fault: 'lost-power',
    says: 'files of a backup folder, and its folders, are not synchronised',
    shows: /LOST|restore ended/,
    edits: [
      { file: 'src/backup/folder/target.ts', from: '    await file.sync()\n', to: '' },
      { file: 'src/backup/folder/target.ts', from: '    await handle.sync()\n', to: '' },
    ],
  },
  'shipped-late': {
    fault: 'lost-async',
    says: 'the log is gathered for five seconds before it is shipped',
    shows: /LOST/,
    edits: [{ file: 'src/backup/ship.ts', from: 'const gatherMs = 250\n', to: 'const gatherMs = 5_000\n' }],
  },
  'preserve-without-fsync': {
    fault: 'preserve',
    says: 'the file of employees and its folder are not synchronised',
    shows: /LOST|not whole/,
    edits: [
      { file: 'src/preserve/durable-file.ts', from: '      await file.sync()\n', to: '' },
      { file: 'src/preserve/durable-file.ts', from: '    await folder.sync()\n', to: '' },
    ],
  },
  'no-lock': {
    fault: 'lock',
    says: 'the folder is not locked',
    shows: /got ready/,
    edits: [{ file: 'src/storage/sqlite/lock.ts', from: "    db.exec('BEGIN EXCLUSIVE')\n", to: "    db.exec('BEGIN')\n" }],
  },
}

const preload = (file: string): string => `--import=${pathToFileURL(join(import.meta.dirname, file)).href}`

/** What makes a server plant a bug in itself. */
export const plantEnvironment = (plant: string | null): Record<string, string> =>
  plant === null ? {} : { NODE_OPTIONS: preload('plant-hook.ts'), CHAOS_PLANT: plant }

/** What makes a server's clock go by a file, and a bug be planted besides. */
export const clockEnvironment = (file: string, plant: string | null): Record<string, string> => {
  const { NODE_OPTIONS: others = '', ...rest } = plantEnvironment(plant)
  return { ...rest, NODE_OPTIONS: `${preload('clock-hook.ts')} ${others}`.trim(), CHAOS_CLOCK: file }
}
