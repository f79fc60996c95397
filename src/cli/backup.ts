import type { Command } from 'commander'
import type { Drilled } from '../drill.ts'
import type { FileProblem, Proof, Verified } from '../kernel/backups.ts'
import { type Answer, type Call, command } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { withProgress } from './progress.ts'
import { table } from './table.ts'

type Backup = {
  id: string
  target: string
  createdAt: string
  provenAt: string | null
  bytes: number
  files: number
  entities: Record<string, number>
}
type Where = { target?: string }
type PruneOptions = { keep?: string; dryRun?: true }

export function addBackup(program: Command): void {
  const backup = program
    .command('backup')
    .summary('Copies that were restored before they count')
    .description('Snapshots of everything, in every place that HOLDFAST_BACKUP names. The log goes there by itself while the server runs.')
  command<object>(backup, 'create', {
    summary: 'Make a snapshot now and prove it',
    examples: [['holdfast backup create', 'written, copied to every target, read back, restored to the side and compared']],
    reads: true,
  }).does(async ({ run }) => {
    const made = await withProgress('rows', (events) => run<Backup>('backup.create', 'platform', {}, events))
    const rows = Object.values(made.entities).reduce((sum, count) => sum + count, 0)
    return {
      document: made,
      words: `Backup ${made.id} in ${made.target} is proven: ${rows} rows, ${made.files} files, ${sized(made.bytes)}.`,
    }
  })
  const list = command<Where>(backup, 'list', {
    summary: 'List the snapshots, newest first',
    examples: [['holdfast backup list', 'those of every target, with the time at which each was proven']],
    reads: true,
  })
  list.command.option('--target <url>', 'only those of this target')
  list.does(async (call) => {
    const items = await everyBackup(call)
    const rows = items.map(({ id, target, createdAt, provenAt, bytes }) => [id, createdAt, provenAt, sized(bytes), target])
    return { document: { items }, words: table(['id', 'made', 'proven', 'size', 'target'], rows) }
  })
  const verify = command<Where>(backup, 'verify [id]', {
    summary: 'Read and check every byte',
    examples: [
      ['holdfast backup verify', 'every snapshot, log segment and head of every target; exit code 3 when one is damaged'],
      ['holdfast backup verify 20261126T031700000Z-1f2e3d4c', 'one snapshot, and the log'],
    ],
    reads: true,
  })
  verify.command.option('--target <url>', 'only this target')
  verify.does(async ({ run, args, options }) =>
    verified(await withProgress('files', (events) => run<Verified>('backup.verify', 'platform', where(args, options), events))),
  )
  const prove = command<Where>(backup, 'prove [id]', {
    summary: 'Restore a snapshot to the side and compare',
    examples: [['holdfast backup prove', 'the newest one: every row and digest; exit code 3 when it is not what was saved']],
    reads: true,
  })
  prove.command.option('--target <url>', 'the copy in this target')
  prove.does(async ({ run, args, options }) =>
    proven(await withProgress('rows', (events) => run<Proof>('backup.prove', 'platform', where(args, options), events))),
  )
  command<object>(backup, 'drill', {
    summary: 'Rehearse the loss of everything',
    examples: [
      ['holdfast backup drill', 'rebuilt to the side from the backups alone, opened, and a person signed in there; also done every Sunday'],
    ],
    reads: true,
  }).does(async ({ run }) => drilled(await run<Drilled>('backup.drill', 'platform', {})))
  const prune = command<PruneOptions>(backup, 'prune', {
    summary: 'Remove old snapshots',
    examples: [
      ['holdfast backup prune --dry-run', 'what the settings would remove'],
      ['holdfast backup prune --keep 3', 'all but the newest three proven ones; the newest proven one always stays'],
    ],
    reads: true,
  })
  prune.command
    .option('--keep <n>', 'how many proven ones stay (default: as HOLDFAST_BACKUP_KEEP says)')
    .option('--dry-run', 'only say what would go')
  prune.does(async ({ run, options: { keep, dryRun } }) => {
    const found = await run<{ kept: string[]; removed: string[] }>('backup.prune', 'platform', {
      ...(keep === undefined ? {} : { keep: wholeNumber(keep) }),
      dryRun: dryRun === true,
    })
    return { document: found, words: `${dryRun === true ? 'Would remove' : 'Removed'} ${found.removed.length}, ${found.kept.length} stay.` }
  })
}

async function everyBackup({ run, options }: Call<Where>): Promise<Backup[]> {
  const items: Backup[] = []
  for (let cursor: string | null = null; ; ) {
    const page: { items: Backup[]; nextCursor: string | null } = await run('backup.list', 'platform', {
      limit: 200,
      ...(cursor === null ? {} : { cursor }),
      ...(options.target === undefined ? {} : { target: options.target }),
    })
    items.push(...page.items)
    if (page.nextCursor === null) return items
    cursor = page.nextCursor
  }
}

const where = ([id]: readonly (string | undefined)[], { target }: Where) => ({
  ...(id === undefined ? {} : { id }),
  ...(target === undefined ? {} : { target }),
})

function verified(found: Verified): Answer {
  const { ok, files, bytes, problems } = found
  if (ok) return { document: found, words: `Every byte is as it was written: ${files} files, ${sized(bytes)}.` }
  const rows = problems.map(({ file, code, detail }: FileProblem) => [file, code, detail])
  return {
    document: found,
    words: `${table(['file', 'problem', 'detail'], rows)}\nThe backup is damaged: ${problems.length} problems.`,
    exitCode: exitCodes.damage,
  }
}

const drilled = (found: Drilled): Answer => ({
  document: found,
  words: found.ok
    ? `Everything came back from ${found.target} in ${found.seconds} s (${found.rows} rows), and a person signed in.`
    : `The drill failed. ${found.problems.join(' ')}`,
  ...(found.ok ? {} : { exitCode: exitCodes.damage }),
})

function proven(proof: Proof): Answer {
  if (proof.ok) return { document: proof, words: `Backup ${proof.id} was restored to the side and is what was saved (${proof.seconds} s).` }
  const rows = proof.problems.map(({ part, detail }) => [part, detail])
  return {
    document: proof,
    words: `${table(['part', 'problem'], rows)}\nBackup ${proof.id} does not restore to what was saved.`,
    exitCode: exitCodes.damage,
  }
}

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']

function sized(bytes: number): string {
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power]}`
}

/** Anything else is refused by the operation, which says what is allowed. */
const wholeNumber = (text: string): number | string => (/^\d{1,9}$/.test(text) ? Number(text) : text)
