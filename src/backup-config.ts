import { resolve } from 'node:path'
import { Cron } from 'croner'
import { AppError } from './kernel/errors.ts'
import { isRecipient } from './kernel/recipient.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** One place for backups. */
export type TargetConfig =
  | { kind: 'folder'; folder: string }
  | { kind: 's3'; bucket: string; prefix: string; region: string; endpoint: string | null }

export type BackupConfig = {
  targets: readonly TargetConfig[]
  /** `sync`: a write is acknowledged only when a second copy is durable. */
  mode: 'async' | 'sync'
  /** When snapshots are made: cron syntax, in UTC. */
  schedule: string
  /** How many snapshots stay: the newest of so many hours, days, weeks and months. */
  keep: { hourly: number; daily: number; weekly: number; monthly: number }
  /** Others beside ourselves that read what is written from now on: X25519 recipients of age. */
  recipients: readonly string[]
}

const usualKeep = '24 hourly, 7 daily, 5 weekly, 12 monthly'
const usualSchedule = '17 * * * *'

const wrong = (name: string, given: string, allowed: string) =>
  new AppError('invalid', 'bad_setting', `${name} is ${JSON.stringify(given)}, but must be ${allowed}.`)

/** `HOLDFAST_BACKUP` and what belongs to it; null = `off`. Errors: `bad_setting`. */
export function readBackup(environment: Environment, dataFolder: string): BackupConfig | null {
  const text = (name: string): string | null => environment[name]?.trim() || null
  const mode = text('HOLDFAST_BACKUP_MODE') ?? 'async'
  if (mode !== 'async' && mode !== 'sync') throw wrong('HOLDFAST_BACKUP_MODE', mode, 'async or sync')
  const schedule = text('HOLDFAST_BACKUP_SCHEDULE') ?? usualSchedule
  if (!isSchedule(schedule)) throw wrong('HOLDFAST_BACKUP_SCHEDULE', schedule, 'a schedule in cron syntax, such as 17 * * * *')
  const keep = keepOf(text('HOLDFAST_BACKUP_KEEP') ?? usualKeep)
  const recipients = recipientsOf(text('HOLDFAST_BACKUP_RECIPIENTS') ?? '')
  const given = text('HOLDFAST_BACKUP')
  if (given === 'off') {
    if (mode === 'sync') throw wrong('HOLDFAST_BACKUP_MODE', mode, 'async while HOLDFAST_BACKUP is off')
    return null
  }
  const urls = given === null ? [`file:${dataFolder}/backups`] : given.split(',').map((part) => part.trim())
  return {
    targets: urls.filter((url) => url !== '').map((url) => parseTarget('HOLDFAST_BACKUP', url, environment)),
    mode,
    schedule,
    keep,
    recipients,
  }
}

/** One target. `name` is the setting or flag that it came from; a path is a folder. Errors: `bad_setting`. */
export function parseTarget(name: string, given: string, environment: Environment): TargetConfig {
  if (given.startsWith('file:')) return { kind: 'folder', folder: folderOf(name, given) }
  if (!given.startsWith('s3:')) {
    if (!/^[a-z][a-z0-9+]*:\/\//i.test(given)) return { kind: 'folder', folder: resolve(given) }
    throw wrong(
      name,
      given.replace(/\/\/[^/?#]*@/, '//…@'),
      'file:/absolute/folder or s3://bucket/prefix?region=name&endpoint=url, several separated by commas, or off',
    )
  }
  const url = URL.canParse(given) ? new URL(given) : null
  if (url === null || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.hostname))
    throw wrong(name, given, 's3://bucket/prefix?region=name&endpoint=url')
  for (const parameter of url.searchParams.keys())
    if (parameter !== 'region' && parameter !== 'endpoint') throw wrong(name, given, `without ${parameter}: it takes region and endpoint`)
  const endpoint = url.searchParams.get('endpoint') || null
  if (endpoint !== null && !(URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol)))
    throw wrong(name, given, 'with an http or https address as its endpoint')
  const prefix = url.pathname.replace(/^\/+|\/+$/g, '')
  if (!/^([A-Za-z0-9_-][A-Za-z0-9._-]*(\/|$))*$/.test(prefix))
    throw wrong(name, given, 'with a prefix of letters, digits, dots, hyphens and slashes')
  return {
    kind: 's3',
    bucket: url.hostname,
    prefix,
    region: url.searchParams.get('region') || environment.AWS_REGION?.trim() || 'us-east-1',
    endpoint,
  }
}

function isSchedule(text: string): boolean {
  try {
    return new Cron(text, { paused: true }).nextRun() !== null
  } catch {
    return false
  }
}

function folderOf(name: string, given: string): string {
  const path = decodeURIComponent(given.slice('file:'.length).replace(/^\/\/(?=\/)/, ''))
  if (path === '' || path.startsWith('//')) throw wrong(name, given, 'file: and a folder, such as file:/srv/backups')
  return resolve(path)
}

/** `24 hourly, 7 daily`: kinds that are not named keep none. */
function keepOf(given: string): BackupConfig['keep'] {
  const keep = { hourly: 0, daily: 0, weekly: 0, monthly: 0 }
  for (const part of given.split(',')) {
    const [, count, kind] = /^\s*(\d{1,4})\s+(hourly|daily|weekly|monthly)\s*$/.exec(part) ?? []
    if (count === undefined || kind === undefined) throw wrong('HOLDFAST_BACKUP_KEEP', given, `a list such as ${usualKeep}`)
    keep[kind as keyof typeof keep] = Number(count)
  }
  return keep
}

/** Errors: `bad_setting`. An identity that was named by mistake is a secret, and is not repeated. */
function recipientsOf(given: string): string[] {
  const named = given.split(/[\s,]+/).filter((one) => one !== '')
  for (const one of named)
    if (!isRecipient(one)) {
      const shown = /secret/i.test(one) ? 'AGE-SECRET-KEY-…' : one
      throw wrong('HOLDFAST_BACKUP_RECIPIENTS', shown, 'recipients of age, age1…, separated by commas: what `age-keygen -y` prints')
    }
  return [...new Set(named)]
}

/** What holds where nothing is set, but for the targets. */
export const defaultBackup: Omit<BackupConfig, 'targets'> = {
  mode: 'async',
  schedule: usualSchedule,
  keep: keepOf(usualKeep),
  recipients: [],
}
