import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import type pg from 'pg'
import { Counter } from '../../kernel/change.ts'
import type { AnyEntity } from '../../kernel/entity.ts'
import { readCatalogue } from './catalogue.ts'
import { readSettings, refuseProblems, schemaProblems, settingProblems } from './check.ts'
import { openingFailed } from './failures.ts'
import { migrate, migrationLock } from './migrate.ts'
import { asOwner, connectOnce, shownUrl } from './opening.ts'
import { createRoles, createServerRole, standingOf } from './roles.ts'
import { literal, quote, serverRole } from './schema.ts'

export type SetUp = {
  database: string
  owner: string
  /** Whom the server signs in as. */
  login: string
  roles: { app: string; directory: string; transfer: string }
  /** Names of what was changed in the schema; empty when it was as it should be. */
  migrated: string[]
  /** The URL for `HOLDFAST_STORAGE`, with a new password; null when that login has one already, or was given the one that a setting names. */
  storage: string | null
}

/** Where the login's password comes from: `storage` is the URL of `HOLDFAST_STORAGE`, and a password in it is the login's if it names that login and database; `newPassword` makes another in any case. */
export type Passwords = { newPassword: boolean; storage?: string | null }

/**
 * Creates what Holdfast needs on a PostgreSQL server, or brings it to this version: a database, the role that owns it and nobody signs in as, and the login of the server. Running it again
 * changes nothing but what is missing. Errors: those of opening a database.
 */
export async function setUp(
  adminUrl: string,
  { database, entities, ...passwords }: { database: string; entities: readonly AnyEntity[] } & Passwords,
): Promise<SetUp> {
  const all = entities.includes(Counter) ? entities : [...entities, Counter]
  try {
    const owner = await withClient(adminUrl, (admin) => createDatabase(admin, database))
    return await withClient(urlOf(adminUrl, { database }), (client) => prepare(client, { adminUrl, owner, all, ...passwords }))
  } catch (error) {
    throw openingFailed(shownUrl(adminUrl), error)
  }
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connectOnce(url)
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/** Returns who owns the database. */
async function createDatabase(admin: pg.Client, database: string): Promise<string> {
  const problems = settingProblems(new Map([...(await readSettings(admin)), ['server_encoding', 'UTF8']]))
  refuseProblems(problems)
  await admin.query(`SELECT pg_advisory_lock(${migrationLock})`)
  const { rows } = await admin.query<{ owner: string }>('SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = $1', [
    database,
  ])
  if (rows[0] !== undefined) return rows[0].owner
  const owner = serverRole(database).replace(/_server$/, '_owner')
  const { rowCount } = await admin.query('SELECT FROM pg_roles WHERE rolname = $1', [owner])
  if (rowCount === 0) await admin.query(`CREATE ROLE ${quote(owner)} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS`)
  await admin.query(`GRANT ${quote(owner)} TO CURRENT_USER`)
  await admin.query(`CREATE DATABASE ${quote(database)} OWNER ${quote(owner)} ENCODING 'UTF8' TEMPLATE template0`)
  await admin.query(`REVOKE ALL ON DATABASE ${quote(database)} FROM PUBLIC`)
  return owner
}

async function prepare(
  client: pg.Client,
  { adminUrl, owner, all, newPassword, storage = null }: { adminUrl: string; owner: string; all: readonly AnyEntity[] } & Passwords,
): Promise<SetUp> {
  await client.query(`SELECT pg_advisory_lock(${migrationLock})`)
  await client.query('SET search_path = public, pg_temp')
  const standing = await standingOf(client)
  await createRoles(client, standing)
  const { database, roles } = standing
  const migrated = await asOwner(client, standing, () => migrate(client, all, roles))
  refuseProblems(schemaProblems(await readCatalogue(client, Object.values(roles)), all, roles))
  const { name: login, canSignIn } = await createServerRole(client, standing)
  const named = newPassword ? null : passwordIn(storage, { database, login })
  const isKept = canSignIn && !newPassword && named === null
  const password = named ?? randomBytes(24).toString('base64url')
  if (!isKept) await client.query(`ALTER ROLE ${quote(login)} LOGIN PASSWORD ${literal(verifierOf(password))}`)
  const isTold = !isKept && named === null
  return { database, owner, login, roles, migrated, storage: isTold ? urlOf(adminUrl, { database, user: login, password }) : null }
}

/** The password of that login, where `HOLDFAST_STORAGE` names it for this database. */
function passwordIn(storage: string | null, { database, login }: { database: string; login: string }): string | null {
  const url = storage !== null && URL.canParse(storage) ? new URL(storage) : null
  if (url === null || decodeURIComponent(url.username) !== login || decodeURIComponent(url.pathname) !== `/${database}`) return null
  return url.password === '' ? null : decodeURIComponent(url.password)
}

function urlOf(adminUrl: string, { database, user, password }: { database: string; user?: string; password?: string }): string {
  const url = new URL(adminUrl)
  url.pathname = `/${encodeURIComponent(database)}`
  if (user !== undefined) url.username = encodeURIComponent(user)
  if (password !== undefined) url.password = password
  return url.href
}

/**
 * What PostgreSQL stores of a password (SCRAM-SHA-256, RFC 7677 and RFC 5802 section 3): worked out here, so that the password itself is never in a statement, which a server may log.
 */
function verifierOf(password: string): string {
  const [salt, iterations] = [randomBytes(16), 4_096]
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`
}
