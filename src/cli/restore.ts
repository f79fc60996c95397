import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { defaultBackup, parseTarget, type TargetConfig } from '../backup-config.ts'
import type { Config } from '../config.ts'
import { AppError } from '../kernel/errors.ts'
import type { Mended } from '../main.ts'
import { type Answer, command } from './command.ts'
import { connected, logTo, type Run } from './connection.ts'
import type { Events, Place } from './control-wire.ts'
import { withProgress } from './progress.ts'

type Options = {
  from?: string
  snapshot?: string
  time?: string
  sequence?: string
  scope?: string
  tenant?: string
  user?: string
  record?: string
  preview?: true
  undo?: string
  yes?: true
}

type Scope = 'all' | 'tenant' | 'user' | 'record'
type At = { snapshot: string } | { time: string } | { sequence: number }
type Restored = {
  id: string
  state: 'preview' | 'done'
  scope: string
  at: At
  changes: { inserted: number; updated: number; removed: number }
}

/** What the options ask for. */
type Asked = { scope: Scope; id?: string; type?: string; at?: At; place: Place }

export function addRestore(program: Command): void {
  const { command: made, doesAlone } = command<Options>(program, 'restore', {
    summary: 'Bring back what was lost, from the backups',
    examples: [
      ['holdfast restore', 'into an empty data folder: everything, as it was last'],
      ['holdfast restore --from /mnt/backups --yes', 'from a place that HOLDFAST_BACKUP does not name; --yes where there is data'],
      ['holdfast restore --time 2026-11-26T03:00:00Z --preview', 'what would change if everything went back to three in the morning'],
      ['holdfast restore --user ada --snapshot ID --yes', 'one person with all that is theirs; nobody else is touched'],
      ['holdfast restore --tenant acme --sequence 4711 --yes', 'one tenant, as it was after that entry of its log'],
      ['holdfast restore --undo ID --yes', 'what that restore replaced comes back'],
    ],
  })
  made
    .option('--from <url>', 'the backups to read (default: those of HOLDFAST_BACKUP): a folder or s3://bucket/prefix')
    .option('--snapshot <id>', 'go back to this snapshot (holdfast backup list)')
    .option('--time <time>', 'go back to this time, RFC 3339')
    .option('--sequence <n>', 'go back to this entry of the tenant’s log')
    .option('--scope <scope>', 'all, tenant, user or record (default: what the other options say, else all)')
    .option('--tenant <id|key>', 'the tenant; alone it restores that tenant')
    .option('--user <id|username>', 'one person with sessions, profile, assignments and records')
    .option('--record <type/id>', 'one record, such as contact/019b…')
    .option('--preview', 'only say what would change')
    .option('--undo <id>', 'undo this restore')
    .option('--yes', 'go on although there is data')
  doesAlone(async ({ options, config, say }) => {
    const asked = askedOf(options)
    const from = options.from === undefined ? null : parseTarget('--from', options.from, process.env)
    const at = from === null ? config : { ...config, backup: config.backup ?? { ...defaultBackup, targets: [from] } }
    if (options.preview === true && isEmpty(config)) return previewed(at, { asked, from, log: logTo(say) })
    return withProgress('entries', (events) => restore({ config: at, options, asked, from, events, say }))
  })
}

type Parts = { config: Config; options: Options; asked: Asked; from: TargetConfig | null; events: Events; say(words: string): void }

async function restore({ config, options, asked, from, events, say }: Parts): Promise<Answer> {
  let mended: Mended | null = null
  const recovery = {
    isRequired: true,
    progress: (done: number) => events.progress?.({ done, total: 0 }),
    ...(from === null ? {} : { from: [from] }),
  }
  const opened = (by: Mended | null): void => {
    mended = by
  }
  return connected({ config, mayBegin: true, say, recovery, opened }, async (run) => {
    if (mended === null && options.preview !== true && options.yes !== true) throw withoutYes()
    const where = from === null ? {} : { from: textOf(from) }
    if (options.undo !== undefined)
      return answer(await run<Restored>('restore.undo', 'platform', { id: options.undo, ...where }, events), null)
    if (mended !== null && asked.scope === 'all' && asked.at === undefined && options.preview !== true) return answer(whole(mended), mended)
    return answer(await again(run, { asked, where, isPreview: options.preview === true, events }), mended)
  })
}

type Again = { asked: Asked; where: { from?: string }; isPreview: boolean; events: Events }

const again = (run: Run, { asked: { place, ...what }, where, isPreview, events }: Again): Promise<Restored> =>
  run<Restored>('restore.run', place, { ...what, ...where, preview: isPreview }, events)

/** What a rebuild of everything did, in the form of every restore. */
const whole = ({ id, rows, at }: Mended): Restored => ({
  id,
  state: 'done',
  scope: 'all',
  at: { time: at },
  changes: { inserted: rows, updated: 0, removed: 0 },
})

/** Into nothing: the backup is really restored to the side, so that the preview says whether it can be. */
async function previewed(
  config: Config,
  { asked, from, log }: { asked: Asked; from: TargetConfig | null; log: ReturnType<typeof logTo> },
): Promise<Answer> {
  if (asked.scope !== 'all' || asked.at !== undefined)
    throw new AppError(
      'conflict',
      'restore_into_nothing',
      'There is no data here to compare with. Restore everything first (holdfast restore), then preview the older moment.',
    )
  const { previewRecovery } = await import('../main.ts')
  const found = await withProgress('entries', (events) =>
    previewRecovery(config, log, {
      progress: (done) => events.progress?.({ done, total: 0 }),
      ...(from === null ? {} : { from: [from] }),
    }),
  )
  return answer({ ...whole(found), state: 'preview' }, null)
}

function answer(restored: Restored, mended: Mended | null): Answer {
  const { inserted, updated, removed } = restored.changes
  const counts = `${inserted} rows ${restored.state === 'preview' ? 'would come back' : 'came back'}, ${updated} changed, ${removed} taken away.`
  if (restored.state === 'preview') return { document: restored, words: counts }
  const rebuilt =
    mended === null
      ? []
      : [
          `Everything was rebuilt from ${mended.target} in ${mended.seconds} s, ${mended.snapshot === null ? 'from the log alone' : `beginning with the snapshot ${mended.snapshot}`}.`,
          ...mended.skipped.map(({ id, detail }) => `Snapshot ${id} was damaged and passed over: ${detail}`),
          ...(mended.aside === null ? [] : [`The database that could not be used is kept as ${mended.aside}.`]),
        ]
  const undo = mended === null && restored.scope !== 'undo' ? [`Undo it with: holdfast restore --undo ${restored.id} --yes`] : []
  return { document: restored, words: [...rebuilt, counts, ...undo].join('\n') }
}

function askedOf(options: Options): Asked {
  const { snapshot, time, sequence, tenant, user, record, undo } = options
  const moments = [snapshot, time, sequence].filter((each) => each !== undefined)
  if (moments.length > 1) throw usage('Name one moment: --snapshot, --time or --sequence.')
  if (user !== undefined && record !== undefined) throw usage('Name --user or --record, not both.')
  if (
    undo !== undefined &&
    (moments.length > 0 || user !== undefined || record !== undefined || options.scope !== undefined || options.preview)
  )
    throw usage('--undo takes no other option than --yes and --from.')
  if (sequence !== undefined && !/^\d{1,12}$/.test(sequence)) throw usage('--sequence is a whole number.')
  const implied: Scope = user !== undefined ? 'user' : record !== undefined ? 'record' : tenant !== undefined ? 'tenant' : 'all'
  const scope = scopeOf(options.scope) ?? implied
  if (implied !== scope && !(implied === 'all' && scope === 'tenant')) throw usage(`--scope ${scope} does not go with the other options.`)
  const at =
    snapshot !== undefined ? { snapshot } : time !== undefined ? { time } : sequence !== undefined ? { sequence: Number(sequence) } : null
  return {
    scope,
    ...(user === undefined ? {} : { id: user }),
    ...(record === undefined ? {} : recordOf(record)),
    ...(at === null ? {} : { at }),
    place: scope === 'all' ? 'platform' : { tenant: tenant ?? null },
  }
}

function scopeOf(given: string | undefined): Scope | null {
  if (given === undefined) return null
  if (given === 'all' || given === 'tenant' || given === 'user' || given === 'record') return given
  throw usage('--scope is all, tenant, user or record.')
}

function recordOf(given: string): { type: string; id: string } {
  const slash = given.indexOf('/')
  if (slash < 1 || slash === given.length - 1) throw usage('--record is TYPE/ID, such as contact/019b1f3a-7c40-7000-8000-000000000007.')
  return { type: given.slice(0, slash), id: given.slice(slash + 1) }
}

/** As a running server reads it, whose current folder is another one. */
const textOf = (from: TargetConfig): string => {
  if (from.kind === 'folder') return `file:${from.folder}`
  const endpoint = from.endpoint === null ? '' : `&endpoint=${encodeURIComponent(from.endpoint)}`
  return `s3://${from.bucket}/${from.prefix}?region=${from.region}${endpoint}`
}

const isEmpty = ({ storage, dataFolder }: Config): boolean =>
  storage.engine === 'sqlite' && !existsSync(join(storage.folder ?? dataFolder, 'holdfast.db'))

const usage = (message: string) => new AppError('invalid', 'usage', message)

const withoutYes = () =>
  new AppError(
    'conflict',
    'needs_yes',
    'There is data here, which a restore would change. Nothing was done. Look first with --preview, then say --yes; a restore can be undone.',
  )
