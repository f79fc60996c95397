import { resolve } from 'node:path'
import { type BackupConfig, readBackup } from './backup-config.ts'
import { AppError } from './kernel/errors.ts'
import type { FsmSettings, MailSettings, PreserveSettings, TrustProxy } from './kernel/services.ts'
import { type KeyConfig, readKeys } from './key-config.ts'
import { type ObjectsConfig, readObjects, readStorage, type StorageConfig } from './storage-config.ts'

/** Every client family, our own first: it answers where no other prefix fits. */
export const surfaceNames = ['v1', 'vantagepoint', 'fsm', 'satshine', 'salesbrain', 'prework'] as const
export type SurfaceName = (typeof surfaceNames)[number]

export type Config = KeyConfig & {
  host: string
  port: number
  /** Absolute path of the data folder. */
  dataFolder: string
  storage: StorageConfig
  objects: ObjectsConfig
  /** Null = off. */
  backup: BackupConfig | null
  firstTenant: string
  ownerUsername: string
  ownerPassword: string | null
  /** Names of the surfaces to serve; null = all. */
  surfaces: readonly SurfaceName[] | null
  corsOrigins: readonly string[]
  trustProxy: TrustProxy
  requestsPerMinute: number | null
  accessTokenSeconds: number
  /** Where clients reach this server, without a slash at the end. */
  publicUrl: string
  hash: { memoryKib: number; iterations: number; parallelism: number }
  logLevel: string
  vantagepointTenant: string | null
  docsUrl: string | null
  docsToken: string | null
  fsm: FsmSettings
  preserve: PreserveSettings
  webhooks: { allowPrivate: boolean }
  /** Null: no mail is sent. */
  mail: MailSettings | null
  onboardingMissesPerMinute: number
  /** Of one tenant's files; null = without limit. */
  mediaQuotaBytes: number | null
  /** `emf`: business metrics go to standard output too, in CloudWatch's embedded metric format. */
  metrics: 'off' | 'emf'
  /** `HOLDFAST_TEST_CLOCK`, milliseconds; only with NODE_ENV=test. */
  testClockMs: number | null
  /** Settings that are set and do nothing, in words for the operator: nobody shall believe in a backup that is not made. */
  warnings: readonly string[]
}

type Environment = Readonly<Record<string, string | undefined>>

/** Names the setting, what was given, and what is allowed; the process exits with 2. */
export const badSetting = (name: string, given: string, allowed: string) =>
  new AppError('invalid', 'bad_setting', `${name} is ${JSON.stringify(given)}, but must be ${allowed}.`)

/** The environment as a typed object. Errors: `bad_setting`. Unset and empty mean the default. */
export function readConfig(environment: Environment): Config {
  const text = (name: string): string | null => environment[name]?.trim() || null
  const number = (name: string, fallback: number, [min, max]: [number, number]): number => {
    const given = text(name)
    if (given === null) return fallback
    if (/^\d{1,9}$/.test(given) && Number(given) >= min && Number(given) <= max) return Number(given)
    throw badSetting(name, given, `a whole number from ${min} to ${max}`)
  }
  const limit = text('HOLDFAST_RATE_LIMIT')
  const host = text('HOLDFAST_HOST') ?? '127.0.0.1'
  const port = text('HOLDFAST_PORT') === null ? number('PORT', 8080, [0, 65_535]) : number('HOLDFAST_PORT', 8080, [0, 65_535])
  return {
    host,
    port,
    dataFolder: resolve(text('HOLDFAST_DATA') ?? './data'),
    storage: readStorage(environment),
    objects: readObjects(environment),
    backup: readBackup(environment, resolve(text('HOLDFAST_DATA') ?? './data')),
    ...readKeys(environment),
    firstTenant: text('HOLDFAST_TENANT') ?? 'My organisation',
    ownerUsername: text('HOLDFAST_OWNER_USERNAME') ?? 'owner',
    ownerPassword: environment.HOLDFAST_OWNER_PASSWORD || null,
    surfaces: surfacesOf(text('HOLDFAST_SURFACES')),
    corsOrigins: list(text('HOLDFAST_CORS_ORIGINS')).map(originOf),
    trustProxy: trustOf(text('HOLDFAST_TRUST_PROXY')),
    requestsPerMinute: limit === 'off' ? null : number('HOLDFAST_RATE_LIMIT', 1000, [1, 1_000_000]),
    accessTokenSeconds: number('HOLDFAST_ACCESS_TOKEN_SECONDS', 600, [1, 600]),
    publicUrl: publicUrlOf(text('HOLDFAST_PUBLIC_URL')) ?? ownAddress(host, port),
    hash: {
      memoryKib: number('HOLDFAST_HASH_MEMORY_KIB', 19_456, [19_456, 65_536]),
      iterations: number('HOLDFAST_HASH_ITERATIONS', 2, [2, 3]),
      parallelism: 1,
    },
    logLevel: oneOf('HOLDFAST_LOG_LEVEL', text('HOLDFAST_LOG_LEVEL'), ['info', 'debug', 'warn', 'error', 'silent']),
    vantagepointTenant: text('HOLDFAST_VANTAGEPOINT_TENANT'),
    docsUrl: urlOf('HOLDFAST_VANTAGEPOINT_DOCS_URL', text('HOLDFAST_VANTAGEPOINT_DOCS_URL')),
    docsToken: text('HOLDFAST_VANTAGEPOINT_DOCS_TOKEN'),
    fsm: {
      openSetup: oneOf('HOLDFAST_FSM_OPEN_SETUP', text('HOLDFAST_FSM_OPEN_SETUP'), ['off', 'on']) === 'on',
      setupPerHour: number('HOLDFAST_FSM_SETUP_PER_HOUR', 5, [1, 1000]),
      tokenMissesPerMinute: number('HOLDFAST_FSM_TOKEN_MISSES_PER_MINUTE', 20, [1, 1000]),
      tokenUrl: tokenUrlOf(text('HOLDFAST_FSM_TOKEN_URL')) ?? 'https://{cluster}.coresuite.com/api/oauth2/v1/token',
      domain: domainOf(text('DOMAIN')),
    },
    preserve: {
      folder: resolve(text('HOLDFAST_DATA') ?? './data'),
      file: text('HOLDFAST_PERSISTENT_FILE') === null ? null : resolve(text('HOLDFAST_PERSISTENT_FILE') ?? ''),
      monitorSeconds: number('HOLDFAST_MONITOR_SECONDS', 60, [0, 86_400]),
    },
    metrics: oneOf('HOLDFAST_METRICS', text('HOLDFAST_METRICS'), ['off', 'emf']) === 'emf' ? 'emf' : 'off',
    onboardingMissesPerMinute: number('HOLDFAST_ONBOARDING_MISSES_PER_MINUTE', 20, [1, 100_000]),
    mediaQuotaBytes:
      text('HOLDFAST_MEDIA_QUOTA_MIB') === 'off' ? null : number('HOLDFAST_MEDIA_QUOTA_MIB', 102_400, [1, 999_999_999]) * 1_048_576,
    mail: mailOf(text('HOLDFAST_SMTP_URL'), text('HOLDFAST_MAIL_FROM')),
    webhooks: { allowPrivate: oneOf('HOLDFAST_WEBHOOK_PRIVATE', text('HOLDFAST_WEBHOOK_PRIVATE'), ['off', 'on']) === 'on' },
    testClockMs: environment.NODE_ENV === 'test' ? timeOf(text('HOLDFAST_TEST_CLOCK')) : null,
    warnings: [...Object.keys(environment).flatMap((name) => warningOf(name, environment[name] ?? '')), ...clockWarning(environment)],
  }
}

const known = new Set(
  'HOST PORT DATA KEY KEY_FORMER KMS_KEY KEY_WRAPPED KEY_WRAPPED_FORMER TENANT OWNER_USERNAME OWNER_PASSWORD STORAGE SURFACES CORS_ORIGINS TRUST_PROXY RATE_LIMIT ACCESS_TOKEN_SECONDS PUBLIC_URL HASH_MEMORY_KIB HASH_ITERATIONS BACKUP BACKUP_MODE BACKUP_SCHEDULE BACKUP_KEEP LOG_LEVEL TEST_CLOCK VANTAGEPOINT_TENANT VANTAGEPOINT_DOCS_URL VANTAGEPOINT_DOCS_TOKEN FSM_OPEN_SETUP FSM_SETUP_PER_HOUR FSM_TOKEN_MISSES_PER_MINUTE FSM_TOKEN_URL PERSISTENT_FILE MONITOR_SECONDS WEBHOOK_PRIVATE SMTP_URL MAIL_FROM ONBOARDING_MISSES_PER_MINUTE METRICS OBJECTS MEDIA_QUOTA_MIB'
    .split(' ')
    .map((name) => `HOLDFAST_${name}`),
)

/** The business clock stands still in tests alone (contracts/satshine.md, section 1). */
const clockWarning = ({ NODE_ENV, HOLDFAST_TEST_CLOCK }: Environment): string[] =>
  HOLDFAST_TEST_CLOCK?.trim() && NODE_ENV !== 'test'
    ? ['HOLDFAST_TEST_CLOCK is set, but NODE_ENV is not test: it is ignored, and the clock runs.']
    : []

function warningOf(name: string, given: string): string[] {
  if (!name.startsWith('HOLDFAST_') || known.has(name) || given === '' || given === 'off') return []
  return [`${name} is no setting that this version knows; it does nothing.`]
}

const list = (text: string | null): string[] =>
  (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

function oneOf(name: string, given: string | null, allowed: readonly string[]): string {
  const value = given ?? allowed[0] ?? ''
  if (allowed.includes(value)) return value
  throw badSetting(name, value, `one of ${allowed.join(', ')}`)
}

/** A name that is none would be a client family that nobody serves, so it is refused however many others are right. */
function surfacesOf(given: string | null): readonly SurfaceName[] | null {
  if (given === null) return null
  const named = list(given)
  const served = surfaceNames.filter((name) => named.includes(name))
  if (served.length > 0 && served.length === new Set(named).size) return served
  throw badSetting('HOLDFAST_SURFACES', given, `some of ${surfaceNames.join(', ')}, separated by commas`)
}

function originOf(given: string): string {
  const isOrigin = URL.canParse(given) && new URL(given).origin === given
  if (isOrigin) return given
  throw badSetting('HOLDFAST_CORS_ORIGINS', given, 'exact origins such as https://app.example.org, separated by commas')
}

function urlOf(name: string, given: string | null): string | null {
  if (given === null || (URL.canParse(given) && /^https?:$/.test(new URL(given).protocol))) return given
  throw badSetting(name, given, 'an http or https address')
}

/** Both or neither. The address may hold a password, so it is never shown. */
function mailOf(url: string | null, from: string | null): MailSettings | null {
  if (url === null && from === null) return null
  if (url === null || !URL.canParse(url) || !/^smtps?:$/.test(new URL(url).protocol) || new URL(url).hostname === '')
    throw badSetting('HOLDFAST_SMTP_URL', '(not shown)', 'an address such as smtps://user:password@mail.example.org')
  if (from === null || !/^[^\r\n]*[^\s@]@[^\s@]+$/.test(from.replace(/>$/, '')))
    throw badSetting(
      'HOLDFAST_MAIL_FROM',
      from ?? '',
      'the sender, such as Holdfast <holdfast@example.org>, where HOLDFAST_SMTP_URL is set',
    )
  return { url, from }
}

/** Paths are put after it. */
function publicUrlOf(given: string | null): string | null {
  if (given === null) return null
  const url = URL.canParse(given) ? new URL(given) : null
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && `${url.username}${url.password}${url.search}${url.hash}` === ''
  if (isPlain) return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
  // the address may hold a password, so it is not shown
  throw badSetting('HOLDFAST_PUBLIC_URL', '(not shown)', 'an http or https address without user, query or fragment')
}

/** An address to listen at that is every address of the machine is none to go to. */
function ownAddress(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://localhost:${port}`
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function domainOf(given: string | null): string | null {
  if (given === null || /^(?=.{1,253}(?::|$))[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$/i.test(given)) return given
  throw badSetting('DOMAIN', given, 'a host name such as booking.example.org')
}

/** A secret goes there: over TLS, or to a program on this very machine. */
function tokenUrlOf(given: string | null): string | null {
  if (given === null) return null
  const filled = given.replaceAll('{cluster}', 'x')
  const url = URL.canParse(filled) ? new URL(filled) : null
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url?.hostname ?? '')
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback)
  if (isSafe && url.username === '' && url.password === '') return given
  // the address may hold a secret, so it is not shown
  throw badSetting(
    'HOLDFAST_FSM_TOKEN_URL',
    '(not shown)',
    'an https address, or an http address of this machine; {cluster} may stand in it',
  )
}

function trustOf(given: string | null): TrustProxy {
  if (given === null) return null
  if (/^\d{1,2}$/.test(given)) return Number(given) === 0 ? null : { hops: Number(given) }
  const networks = list(given)
  if (networks.every((network) => /^[0-9a-f:.]+(\/\d{1,3})?$/i.test(network))) return { networks }
  throw badSetting('HOLDFAST_TRUST_PROXY', given, 'a number of hops, or networks such as 10.0.0.0/8 separated by commas')
}

function timeOf(given: string | null): number | null {
  if (given === null) return null
  const ms = Date.parse(given)
  if (Number.isNaN(ms)) throw badSetting('HOLDFAST_TEST_CLOCK', given, 'an ISO 8601 time')
  return ms
}
