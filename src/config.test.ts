import { expect, test } from 'vitest'
import { recoveryKeyOf } from './backup/recovery-key.ts'
import { readConfig } from './config.ts'

const { recipient, identity } = await recoveryKeyOf(Buffer.alloc(32, 9))

const refusal = (environment: Record<string, string>): string => {
  try {
    readConfig(environment)
    return 'accepted'
  } catch (error) {
    expect(error).toMatchObject({ code: 'bad_setting' })
    return (error as Error).message
  }
}

test('nothing set is the defaults', () => {
  expect(readConfig({})).toMatchObject({
    host: '127.0.0.1',
    port: 8080,
    masterKey: null,
    ownerUsername: 'owner',
    ownerPassword: null,
    surfaces: null,
    corsOrigins: [],
    trustProxy: null,
    requestsPerMinute: 1000,
    accessTokenSeconds: 600,
    mediaQuotaBytes: 100 * 1_024 ** 3,
    hash: { memoryKib: 19_456, iterations: 2, parallelism: 1 },
    logLevel: 'info',
    testClockMs: null,
    warnings: [],
  })
})

test.each([
  [{ HOLDFAST_PORT: '65536' }, 'HOLDFAST_PORT is "65536"'],
  [{ HOLDFAST_PORT: '-1' }, 'HOLDFAST_PORT is "-1"'],
  [{ PORT: 'http' }, 'PORT is "http"'],
  [{ HOLDFAST_RATE_LIMIT: '0' }, 'HOLDFAST_RATE_LIMIT is "0"'],
  [{ HOLDFAST_MEDIA_QUOTA_MIB: '0' }, 'HOLDFAST_MEDIA_QUOTA_MIB is "0"'],
  [{ HOLDFAST_ACCESS_TOKEN_SECONDS: '601' }, 'a whole number from 1 to 600'],
  [{ HOLDFAST_HASH_MEMORY_KIB: '19455' }, 'a whole number from 19456 to 65536'],
  [{ HOLDFAST_HASH_ITERATIONS: '1' }, 'a whole number from 2 to 3'],
  [
    { HOLDFAST_SURFACES: 'v1,zz' },
    'HOLDFAST_SURFACES is "v1,zz", but must be some of v1, vantagepoint, fsm, satshine, salesbrain, prework',
  ],
  [{ HOLDFAST_SURFACES: 'zz' }, 'HOLDFAST_SURFACES is "zz"'],
  [{ HOLDFAST_SURFACES: ',' }, 'HOLDFAST_SURFACES is ","'],
  [{ HOLDFAST_SURFACES: 'V1' }, 'HOLDFAST_SURFACES is "V1"'],
  [{ HOLDFAST_CORS_ORIGINS: 'https://app.example.org/' }, 'exact origins'],
  [{ HOLDFAST_CORS_ORIGINS: '*' }, 'exact origins'],
  [{ HOLDFAST_TRUST_PROXY: 'everyone' }, 'a number of hops'],
  [{ HOLDFAST_LOG_LEVEL: 'loud' }, 'one of info, debug, warn, error, silent'],
  [{ HOLDFAST_STORAGE: 'mysql://name:hidden@host/db' }, 'HOLDFAST_STORAGE is "mysql://…@host/db"'],
  [{ HOLDFAST_STORAGE: 'dynamodb://nowhere' }, 'names a region'],
  [{ HOLDFAST_STORAGE: 'dynamodb://eu-central-1?table=x' }, 'without table'],
  [{ HOLDFAST_STORAGE: 'dynamodb://eu-central-1?prefix=a%20b' }, 'a prefix of letters'],
  [{ HOLDFAST_STORAGE: 'dynamodb://eu-central-1?endpoint=ftp://x' }, 'an http or https address'],
  [{ HOLDFAST_OBJECTS: 'file:///srv/files' }, 's3://bucket'],
  [{ HOLDFAST_BACKUP: 'ftp://name:hidden@host/x' }, 'HOLDFAST_BACKUP is "ftp://…@host/x"'],
  [{ HOLDFAST_BACKUP: 's3://b' }, 's3://bucket/prefix'],
  [{ HOLDFAST_BACKUP: 's3://bucket/../x?y=1' }, 'without y'],
  [{ HOLDFAST_BACKUP: 'file:' }, 'file: and a folder'],
  [{ HOLDFAST_BACKUP_MODE: 'both' }, 'async or sync'],
  [{ HOLDFAST_BACKUP: 'off', HOLDFAST_BACKUP_MODE: 'sync' }, 'async while HOLDFAST_BACKUP is off'],
  [{ HOLDFAST_BACKUP_SCHEDULE: 'hourly' }, 'cron syntax'],
  [{ HOLDFAST_BACKUP_KEEP: '3 yearly' }, 'a list such as'],
  [{ HOLDFAST_BACKUP_RECIPIENTS: 'somebody' }, 'HOLDFAST_BACKUP_RECIPIENTS is "somebody", but must be recipients of age'],
  // the last letter of a good one is another
  [{ HOLDFAST_BACKUP_RECIPIENTS: `${recipient.slice(0, -1)}${recipient.endsWith('q') ? 'p' : 'q'}` }, 'must be recipients of age'],
  [{ HOLDFAST_BACKUP_RECIPIENTS: `${recipient},age1` }, 'is "age1", but must be recipients of age'],
  [{ HOLDFAST_BACKUP_RECIPIENTS: identity }, 'is "AGE-SECRET-KEY-…", but must be recipients of age'],
  [{ HOLDFAST_PUBLIC_URL: 'ftp://example.org' }, 'an http or https address without'],
  [{ HOLDFAST_PUBLIC_URL: 'https://example.org/?a=b' }, 'an http or https address without'],
  [{ HOLDFAST_PUBLIC_URL: 'https://name:secret@example.org' }, 'HOLDFAST_PUBLIC_URL is "(not shown)"'],
  [{ DOMAIN: 'https://booking.example.org' }, 'a host name'],
  [{ DOMAIN: 'booking.example.org/x' }, 'a host name'],
  [{ DOMAIN: 'a'.repeat(254) }, 'a host name'],
  [{ HOLDFAST_FSM_OPEN_SETUP: 'yes' }, 'one of off, on'],
  [{ HOLDFAST_FSM_SETUP_PER_HOUR: '0' }, 'a whole number from 1 to 1000'],
  [{ HOLDFAST_FSM_TOKEN_MISSES_PER_MINUTE: '1001' }, 'a whole number from 1 to 1000'],
  [{ HOLDFAST_FSM_TOKEN_URL: 'http://partner.example.org/token' }, 'an https address'],
  [{ HOLDFAST_FSM_TOKEN_URL: 'http://127.0.0.1.example.org/token' }, 'an https address'],
  [{ HOLDFAST_FSM_TOKEN_URL: 'http://localhost{cluster}/token' }, 'an https address'],
  [{ HOLDFAST_FSM_TOKEN_URL: 'https://name:secret@example.org/token' }, 'an https address'],
  [{ HOLDFAST_FSM_TOKEN_URL: 'file:///etc/passwd' }, 'an https address'],
  [{ HOLDFAST_VANTAGEPOINT_DOCS_URL: 'ftp://example.org' }, 'an http or https address'],
  [{ NODE_ENV: 'test', HOLDFAST_TEST_CLOCK: 'noon' }, 'an ISO 8601 time'],
])('refuses %o', (environment, message) => {
  expect(refusal(environment as Record<string, string>)).toContain(message)
})

test('the surface fsm: closed unless it is opened, and tokens come from the partner', () => {
  const { fsm } = readConfig({})
  expect(fsm).toEqual({
    openSetup: false,
    setupPerHour: 5,
    tokenMissesPerMinute: 20,
    tokenUrl: 'https://{cluster}.coresuite.com/api/oauth2/v1/token',
    domain: null,
  })
  for (const domain of ['booking.example.org', 'localhost:8443', 'a'.repeat(253)])
    expect(readConfig({ DOMAIN: domain }).fsm.domain).toBe(domain)
  expect(readConfig({ HOLDFAST_FSM_OPEN_SETUP: 'on', HOLDFAST_FSM_SETUP_PER_HOUR: '1000' }).fsm).toMatchObject({
    openSetup: true,
    setupPerHour: 1000,
  })
  for (const url of ['https://{cluster}.example.org/t', 'http://127.0.0.1:9/{cluster}', 'http://localhost/t', 'http://[::1]:9/t'])
    expect(readConfig({ HOLDFAST_FSM_TOKEN_URL: url }).fsm.tokenUrl).toBe(url)
})

test('where clients reach the server: what is said, else where it listens', () => {
  const publicUrl = (environment: Record<string, string>) => readConfig(environment).publicUrl
  expect(publicUrl({})).toBe('http://127.0.0.1:8080')
  expect(publicUrl({ HOLDFAST_HOST: '::1', HOLDFAST_PORT: '81' })).toBe('http://[::1]:81')
  for (const host of ['0.0.0.0', '::']) expect(publicUrl({ HOLDFAST_HOST: host })).toBe('http://localhost:8080')
  expect(publicUrl({ HOLDFAST_PUBLIC_URL: 'https://crm.example.org/' })).toBe('https://crm.example.org')
  expect(publicUrl({ HOLDFAST_PUBLIC_URL: 'https://example.org/crm/' })).toBe('https://example.org/crm')
})

test('a key of another length is refused without showing it', () => {
  const short = Buffer.alloc(31, 7).toString('base64')
  expect(refusal({ HOLDFAST_KEY: short })).toContain('has 31 bytes')
  expect(refusal({ HOLDFAST_KEY: short })).not.toContain(short)
  expect(readConfig({ HOLDFAST_KEY: Buffer.alloc(32, 7).toString('base64') }).masterKey).toEqual(Buffer.alloc(32, 7))
})

test('both ends of every range are accepted', () => {
  for (const port of ['0', '65535']) expect(readConfig({ HOLDFAST_PORT: port }).port).toBe(Number(port))
  for (const seconds of ['1', '600'])
    expect(readConfig({ HOLDFAST_ACCESS_TOKEN_SECONDS: seconds }).accessTokenSeconds).toBe(Number(seconds))
  expect(readConfig({ HOLDFAST_RATE_LIMIT: 'off' }).requestsPerMinute).toBeNull()
  expect(readConfig({ HOLDFAST_PORT: '81', PORT: '82' }).port).toBe(81)
  expect(readConfig({ HOLDFAST_SURFACES: ' prework, v1,v1' }).surfaces).toEqual(['v1', 'prework'])
  expect(readConfig({ HOLDFAST_TRUST_PROXY: '10.0.0.0/8, fd00::/8' }).trustProxy).toEqual({ networks: ['10.0.0.0/8', 'fd00::/8'] })
})

test('the test clock stops time only where NODE_ENV is test', () => {
  const clock = { HOLDFAST_TEST_CLOCK: '2026-03-01T00:00:00Z' }
  expect(readConfig(clock).testClockMs).toBeNull()
  expect(readConfig({ ...clock, NODE_ENV: 'test' }).testClockMs).toBe(Date.parse('2026-03-01T00:00:00Z'))
  expect(readConfig(clock).warnings).toHaveLength(1)
  expect(readConfig({ ...clock, NODE_ENV: 'test' }).warnings).toEqual([])
})

test('a setting that does nothing is said', () => {
  expect(readConfig({ HOLDFAST_OBJECTS: 's3://files', HOLDFAST_PROT: '80', HOME: '/x' }).warnings).toEqual([
    'HOLDFAST_PROT is no setting that this version knows; it does nothing.',
  ])
  expect(readConfig({ HOLDFAST_BACKUP: 'off', HOLDFAST_HOST: '::1' }).warnings).toEqual([])
})

test('the storage that a URL names', () => {
  expect(readConfig({}).storage).toEqual({ engine: 'sqlite' })
  expect(readConfig({ HOLDFAST_STORAGE: 'postgres://app@db/holdfast' }).storage).toEqual({
    engine: 'postgres',
    url: 'postgres://app@db/holdfast',
  })
  expect(readConfig({ HOLDFAST_STORAGE: 'dynamodb://eu-central-1?prefix=acme-prod', USERS_TABLE_NAME: 'people' }).storage).toEqual({
    engine: 'dynamodb',
    region: 'eu-central-1',
    prefix: 'acme-prod',
    endpoint: null,
    tables: { users: 'people' },
  })
  expect(readConfig({ USE_DYNAMODB: 'true', AWS_REGION: 'eu-west-1' }).storage).toMatchObject({ engine: 'dynamodb', region: 'eu-west-1' })
  expect(readConfig({ NODE_ENV: 'production' }).storage).toEqual({ engine: 'sqlite' })
})

test('one table has one name, and one name one table', () => {
  const dynamo = { HOLDFAST_STORAGE: 'dynamodb://eu-central-1' }
  expect(refusal({ ...dynamo, USERS_TABLE_NAME: 'one', DYNAMODB_USERS_TABLE: 'two' })).toContain('same table')
  expect(refusal({ ...dynamo, USERS_TABLE_NAME: 'one', TENANT_TABLE_NAME: 'one' })).toContain('already the')
  expect(refusal({ ...dynamo, USERS_TABLE_NAME: 'ab' })).toContain('3 to 255')
  expect(readConfig({ ...dynamo, USERS_TABLE_NAME: 'one', DYNAMODB_USERS_TABLE: 'one' }).storage).toMatchObject({
    tables: { users: 'one' },
  })
})

test('the bucket that a URL names', () => {
  expect(readConfig({}).objects).toEqual({ kind: 'folder' })
  expect(readConfig({ HOLDFAST_OBJECTS: 's3://files.example?region=eu-west-1&endpoint=http://127.0.0.1:9000' }).objects).toEqual({
    kind: 's3',
    bucket: 'files.example',
    region: 'eu-west-1',
    endpoint: 'http://127.0.0.1:9000',
    prefix: '',
  })
})

test('where backups go', () => {
  const backup = (environment: Record<string, string>) => readConfig({ HOLDFAST_DATA: '/srv/data', ...environment }).backup
  const keep = { hourly: 24, daily: 7, weekly: 5, monthly: 12 }
  const usual = { mode: 'async', schedule: '17 * * * *', keep, recipients: [] }
  expect(backup({})).toEqual({ targets: [{ kind: 'folder', folder: '/srv/data/backups' }], ...usual })
  expect(backup({ HOLDFAST_BACKUP: 'off' })).toBeNull()
  expect(backup({ HOLDFAST_BACKUP: 'file:/mnt/a, s3://bucket/of/ours?region=eu-west-1', HOLDFAST_BACKUP_MODE: 'sync' })).toEqual({
    targets: [
      { kind: 'folder', folder: '/mnt/a' },
      { kind: 's3', bucket: 'bucket', prefix: 'of/ours', region: 'eu-west-1', endpoint: null },
    ],
    ...usual,
    mode: 'sync',
  })
  expect(backup({ HOLDFAST_BACKUP_RECIPIENTS: ` ${recipient} , ${recipient}` })?.recipients).toEqual([recipient])
  expect(backup({ HOLDFAST_BACKUP_KEEP: '3 daily', HOLDFAST_BACKUP_SCHEDULE: '0 3 * * *' })).toMatchObject({
    schedule: '0 3 * * *',
    keep: { hourly: 0, daily: 3, weekly: 0, monthly: 0 },
  })
})
