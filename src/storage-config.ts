import { basename, dirname, resolve } from 'node:path'
import { AppError } from './kernel/errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Where rows and log are kept: `HOLDFAST_STORAGE`. */
export type StorageConfig =
  /** `folder`: where the database is, absolute; absent = in the data folder. */
  | { engine: 'sqlite'; folder?: string }
  | { engine: 'postgres'; url: string }
  | {
      engine: 'dynamodb'
      region: string
      /** Tables are `<prefix>-users` … unless `tables` names them otherwise. */
      prefix: string
      /** Another address than AWS's own, or null. */
      endpoint: string | null
      /** Names from the environment, by the entity's table (`users`). */
      tables: Readonly<Record<string, string>>
    }

/** Where files are kept: `HOLDFAST_OBJECTS`. */
export type ObjectsConfig = { kind: 'folder' } | { kind: 's3'; bucket: string; region: string; endpoint: string | null; prefix: string }

/** A storage URL as operators write it, without what must not be shown. */
export const shownUrl = (url: string): string => url.replace(/\/\/[^/?#]*@/, '//…@')

const wrong = (name: string, given: string, allowed: string) =>
  new AppError('invalid', 'bad_setting', `${name} is ${JSON.stringify(shownUrl(given))}, but must be ${allowed}.`)

const forms =
  'unset (SQLite in the data folder), sqlite:/path/of/a/folder, postgres://user:password@host/database or dynamodb://region?prefix=name&endpoint=url'

/** `HOLDFAST_STORAGE`; unset, `USE_DYNAMODB=true` means the region's DynamoDB (contracts/fsm.md section 8). Errors: `bad_setting`. */
export function readStorage(environment: Environment): StorageConfig {
  const given = environment.HOLDFAST_STORAGE?.trim() || null
  if (given !== null) return parseStorage('HOLDFAST_STORAGE', given, environment)
  if (environment.USE_DYNAMODB?.trim() === 'true')
    return parseStorage('USE_DYNAMODB', `dynamodb://${environment.AWS_REGION?.trim() || 'us-east-1'}`, environment)
  return { engine: 'sqlite' }
}

/** One storage URL. `name` is the setting or flag that it came from. Errors: `bad_setting`. */
export function parseStorage(name: string, given: string, environment: Environment): StorageConfig {
  if (given === 'sqlite') return { engine: 'sqlite' }
  const path = pathOf(given)
  if (path !== null) return { engine: 'sqlite', folder: sqliteFolder(name, given, path) }
  if (!URL.canParse(given)) throw wrong(name, given, forms)
  const url = new URL(given)
  if (url.protocol === 'postgres:' || url.protocol === 'postgresql:') {
    if (url.hostname === '' && !url.searchParams.has('host')) throw wrong(name, given, 'a PostgreSQL URL that names a host')
    return { engine: 'postgres', url: given }
  }
  if (url.protocol !== 'dynamodb:') throw wrong(name, given, forms)
  known(name, given, url, ['prefix', 'endpoint'])
  if (!/^[a-z]{2}(-[a-z]+)+-\d$/.test(url.hostname))
    throw wrong(name, given, 'a DynamoDB URL that names a region, such as dynamodb://eu-central-1')
  const prefix = url.searchParams.get('prefix') || 'holdfast'
  if (!/^[A-Za-z0-9_.-]{1,200}$/.test(prefix)) throw wrong(name, given, 'a prefix of letters, digits, dot, underscore and hyphen')
  return { engine: 'dynamodb', region: url.hostname, prefix, endpoint: endpointOf(name, given, url), tables: tableNames(environment) }
}

/** The path of `sqlite:/path`, `sqlite:///path` and of a path alone, or null where no path is meant. */
function pathOf(given: string): string | null {
  if (given.startsWith('sqlite:')) return given.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '')
  return /^(\/|\.\.?(\/|$))/.test(given) ? given : null
}

/** The folder that a path names; the file of the database, which always has the same name, may stand behind it. */
function sqliteFolder(name: string, given: string, path: string): string {
  if (path === '' || path.startsWith('//')) throw wrong(name, given, forms)
  const whole = resolve(path)
  if (basename(whole) === 'holdfast.db') return dirname(whole)
  if (/\.(db|sqlite3?)$/i.test(whole)) throw wrong(name, given, 'the path of a folder: the database in it is always holdfast.db')
  return whole
}

/** A storage as it may be shown, and as it is compared with another: without name and password. */
export function storageText(storage: StorageConfig): string {
  switch (storage.engine) {
    case 'sqlite':
      return storage.folder === undefined ? 'sqlite' : `sqlite:${storage.folder}`
    case 'postgres':
      return shownUrl(storage.url)
    case 'dynamodb': {
      const endpoint = storage.endpoint === null ? '' : `&endpoint=${encodeURIComponent(storage.endpoint)}`
      return `dynamodb://${storage.region}?prefix=${storage.prefix}${endpoint}`
    }
  }
}

/** `HOLDFAST_OBJECTS`: unset = a folder in the data folder. Errors: `bad_setting`. */
export function readObjects(environment: Environment): ObjectsConfig {
  const name = 'HOLDFAST_OBJECTS'
  const given = environment[name]?.trim() || null
  if (given === null) return { kind: 'folder' }
  const url = URL.canParse(given) ? new URL(given) : null
  if (url?.protocol !== 's3:' || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.hostname))
    throw wrong(name, given, 'unset (a folder in the data folder) or s3://bucket?region=name&endpoint=url')
  known(name, given, url, ['region', 'endpoint'])
  const region = url.searchParams.get('region') || environment.AWS_REGION?.trim() || 'us-east-1'
  return { kind: 's3', bucket: url.hostname, region, endpoint: endpointOf(name, given, url), prefix: url.pathname.replace(/^\/|\/$/g, '') }
}

function known(name: string, given: string, url: URL, parameters: readonly string[]): void {
  for (const parameter of url.searchParams.keys())
    if (!parameters.includes(parameter)) throw wrong(name, given, `without ${parameter}: it takes ${parameters.join(' and ')}`)
}

function endpointOf(name: string, given: string, url: URL): string | null {
  const endpoint = url.searchParams.get('endpoint')
  if (endpoint === null || endpoint === '') return null
  if (URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol)) return endpoint
  throw wrong(name, given, 'with an http or https address as its endpoint')
}

/** Table names that the environment sets, by the entity's table. Two names for one table, or one for two, are refused. Errors: `bad_setting`. */
export function tableNames(environment: Environment): Record<string, string> {
  const names: Record<string, string> = {}
  const setBy = new Map<string, string>()
  for (const [setting, value] of Object.entries(environment)) {
    const table = tableOf(setting)
    const name = value?.trim()
    if (table === null || !name) continue
    if (!/^[A-Za-z0-9_.-]{3,255}$/.test(name))
      throw wrong(setting, name, 'a table name: 3 to 255 letters, digits, dots, underscores and hyphens')
    if (names[table] !== undefined && names[table] !== name)
      throw wrong(setting, name, `${names[table]}, which another setting names for the same table, or that other one unset`)
    const other = setBy.get(name)
    if (other !== undefined && other !== table) throw wrong(setting, name, `another name: it is already the ${other} table's`)
    names[table] = name
    setBy.set(name, table)
  }
  return names
}

/** Names that the old deployment used, and those that follow no rule. */
const aliases: Readonly<Record<string, string>> = {
  USERS_TABLE_NAME: 'users',
  TENANT_TABLE_NAME: 'tenants',
  APPOINTMENT_TABLE_NAME: 'appointments',
  DYNAMODB_AUDIT_TABLE: 'audit-log',
  DYNAMODB_AUDIT_LOG_TABLE: 'audit-log',
}

/** The table that a setting names, as `audit-log`, or null for any other setting. */
export function tableOf(setting: string): string | null {
  const alias = aliases[setting]
  if (alias !== undefined) return alias
  const entity = /^DYNAMODB_([A-Z_]+)_TABLE$/.exec(setting)?.[1]
  return entity === undefined ? null : entity.toLowerCase().replaceAll('_', '-')
}

/** Where signed addresses of a bucket lead (origin); null where this server shows files itself. */
export function picturesOf(objects: ObjectsConfig): string | null {
  if (objects.kind === 'folder') return null
  const { endpoint, bucket, region } = objects
  return endpoint === null ? `https://${bucket}.s3.${region}.amazonaws.com` : new URL(endpoint).origin
}
