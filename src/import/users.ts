import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import type { Context } from '../kernel/context.ts'
import { operation } from '../kernel/operation.ts'
import { queryBoolean } from '../kernel/page.ts'
import { User } from '../user/entity.ts'
import { createClaims } from './claims.ts'
import { batchSize, inBatches } from './flow.ts'
import { raiseNumbers } from './numbers.ts'
import { type ImportedUser, readUser } from './read-user.ts'
import { createReport, type ImportReport, importReport, type Report } from './report.ts'
import { rowsOf, type SourceRow, surveyOf } from './rows.ts'
import { formatOf, formatOfMedia, onProgress, openSource, sourceInput } from './source.ts'
import { type Settled, userBatches } from './user-batch.ts'
import { waitingRoom } from './waiting-room.ts'

const input = z.strictObject({
  ...sourceInput,
  /** Default: by the ending of the file's name. */
  format: z.enum(['csv', 'ndjson']).optional(),
  /** What a body says that it is, over HTTP, instead of a format. */
  mediaType: z.string().optional(),
  /** Puts weak hashes under argon2id at once, at some milliseconds each. */
  wrap: queryBoolean.optional(),
  /** Writes no user, and answers what would become of every row. */
  dryRun: queryBoolean.optional(),
  /** Writes what became of every row to `<file>.outcomes.ndjson`. Only with a file. */
  outcomes: z.boolean().optional(),
  onProgress,
})

/**
 * Imports users from CSV or NDJSON, in as many commits as it takes, and tells what became of every row. A row that is refused keeps no other from being imported.
 * A username that is there already is passed over, so running the same file again changes nothing, and an import that was broken off is finished by running it again.
 * Errors: `import_source`, `unsupported_media_type`, `import_columns`, `import_contended`, `forbidden`.
 */
export const importUsers = operation({
  name: 'user.import',
  summary: 'Import users',
  needs: 'user:import',
  input,
  output: importReport,
  async serial({ store }) {
    return { key: `import ${store.tenantId}`, width: 1 }
  },
  async run(context, given) {
    return { output: await importAll(context, given) }
  },
})

async function importAll(context: Context, given: z.output<typeof input>): Promise<ImportReport> {
  const source = openSource(context, given)
  const format = given.mediaType === undefined ? formatOf(source, given.format) : formatOfMedia(given.mediaType)
  const dryRun = given.dryRun ?? false
  const ignored = new Set<string>()
  const survey = await surveyOf(source, format)
  const outcomeFile = given.outcomes === true && source.file !== null ? `${source.file}.outcomes.ndjson` : null
  const report = createReport({ dryRun, outcomeFile, total: survey.rows, onProgress: given.onProgress })
  const settle = userBatches(context, { dryRun, wrap: given.wrap ?? false, importId: context.newId() })
  const claims = createClaims()
  const waiting = waitingRoom()

  /** Settles a batch, and then everyone who waited for one of it. */
  async function settleAll(users: readonly ImportedUser[]): Promise<void> {
    for (let due = users; due.length > 0; ) {
      const settled: Settled = await settle(due.slice(0, batchSize))
      for (const outcome of settled.outcomes) report.add(outcome)
      waiting.enter(settled.waiting)
      due = [...due.slice(batchSize), ...waiting.leave(settled.made)]
    }
  }

  try {
    // numbers of rows that have one are not given to rows that have none
    if (!dryRun) await raiseNumbers(context.store, User, survey.highest)
    for await (const batch of inBatches(rowsOf(source, format, ignored), batchSize)) {
      await settleAll(readBatch(batch, claims, report))
      await report.pass()
      await setImmediate()
    }
    // someone may have made a manager meanwhile; then those below come too
    await settleAll(waiting.leaveAll())
    for (const user of waiting.leaveAll()) report.add(withoutManager(user, claims.rowOf))
    return await report.finish(ignored)
  } finally {
    await report.close()
  }
}

/** The users of a batch that are valid in themselves and want nothing that another row has. The rest is reported. */
function readBatch(batch: readonly SourceRow[], claims: ReturnType<typeof createClaims>, report: Report): ImportedUser[] {
  const users: ImportedUser[] = []
  for (const source of batch) {
    const { row, line } = source
    const user = 'problem' in source ? source : readUser(source)
    if ('problem' in user) {
      report.add({ row, line, outcome: 'invalid', ...user.problem })
      continue
    }
    const taken = claims.claim(user)
    if (taken === null) users.push(user)
    else report.add({ row, line, outcome: 'conflict', ...taken })
  }
  return users
}

function withoutManager({ row, line, manager }: ImportedUser, rowOf: (username: string) => number | undefined) {
  const inFile = manager !== null && 'fold' in manager ? rowOf(manager.fold) : undefined
  const message =
    inFile === undefined
      ? 'is no user of this tenant or of this file'
      : inFile === row
        ? 'is the row itself'
        : `is the user of row ${inFile}, who was not imported: refused, or one of a circle of managers`
  return { row, line, outcome: 'invalid' as const, field: manager !== null && 'id' in manager ? 'managerId' : 'manager', message }
}
