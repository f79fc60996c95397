import pg from 'pg'
import type { AnyEntity } from '../../kernel/entity.ts'
import { AppError } from '../../kernel/errors.ts'
import { type Catalogue, readCatalogue } from './catalogue.ts'
import { readSettings, refuseProblems, schemaProblems, settingProblems } from './check.ts'
import { codeOf, openingFailed } from './failures.ts'
import { migrate, migrationLock, stepsOf } from './migrate.ts'
import { createRoles, rightsMissing, type Standing, standingOf } from './roles.ts'
import { quote, type Roles } from './schema.ts'

/** A URL as it may be shown. */
export const shownUrl = (url: string): string => url.replace(/\/\/[^/?#]*@/, '//…@').replace(/([?&]password=)[^&#]*/, '$1…')

export async function connectOnce(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, application_name: 'holdfast' })
  client.on('error', () => {})
  await client.connect()
  return client
}

/** What every pooled connection begins with: the role that serves, and the settings that it goes by whatever the role's or database's own are. */
export const greetingOf = ({ app }: Roles): string =>
  [
    `SET ROLE ${quote(app)}`,
    'SET search_path = public, pg_temp',
    'SET synchronous_commit = on',
    'SET row_security = on',
    "SET default_transaction_isolation = 'read committed'",
    "SET TIME ZONE 'UTC'",
    "SET statement_timeout = '55s'",
    "SET lock_timeout = '20s'",
    "SET idle_in_transaction_session_timeout = '30s'",
  ].join('; ')

export type Prepared = { roles: Roles; isReplicated: boolean }

/**
 * Migrates where the URL's user may, and refuses what is not safe. As the owner or a superuser: roles and tables are made as needed. As the app role: they have to be there.
 * Errors: `database_unreachable`, `database_credentials`, `database_missing`, `database_rights`, `migration_pending`, `schema_refused`, `database_unsafe`.
 */
export async function prepareDatabase(url: string, entities: readonly AnyEntity[]): Promise<Prepared> {
  let client: pg.Client | null = null
  try {
    client = await connectOnce(url)
    const standing = await standingOf(client)
    refuseProblems(settingProblems(await readSettings(client)))
    await client.query('SET search_path = public, pg_temp')
    if (standing.isOwner) await prepareAsOwner(client, entities, url)
    const { roles } = standing
    if (!standing.isOwner && !standing.canServe)
      throw rightsMissing(shownUrl(url), `is neither the owner of the database nor one that may serve it as ${roles.app}`)
    const catalogue = await readCatalogue(client, Object.values(roles))
    const problems = schemaProblems(catalogue, entities, roles)
    if (!standing.isOwner) refusePending(stepsOf(catalogue, entities, roles).map(({ name }) => name))
    refuseProblems(problems)
    const { rows } = await client.query<{ standbys: string }>("SELECT current_setting('synchronous_standby_names') AS standbys")
    return { roles, isReplicated: (rows[0]?.standbys ?? '') !== '' }
  } catch (error) {
    throw openingFailed(shownUrl(url), error)
  } finally {
    await client?.end().catch(() => {})
  }
}

/** Makes roles and tables as needed. Whoever does so on this database at the same time waits. */
async function prepareAsOwner(client: pg.Client, entities: readonly AnyEntity[], url: string): Promise<void> {
  await client.query(`SELECT pg_advisory_lock(${migrationLock})`)
  const standing = await standingOf(client)
  try {
    await createRoles(client, standing)
  } catch (error) {
    if (codeOf(error) === '42501') throw rightsMissing(shownUrl(url), `may not create the roles ${standing.missing.join(', ')}`)
    throw error
  }
  await asOwner(client, standing, () => migrate(client, entities, standing.roles))
  await client.query(`SELECT pg_advisory_unlock(${migrationLock})`)
}

/** Tables belong to the database's owner, also when a superuser migrates. */
export async function asOwner<T>(client: pg.Client, { user, owner, roles }: Standing, work: () => Promise<T>): Promise<T> {
  if (user !== owner) await client.query(`SET ROLE ${quote(owner)}`)
  try {
    const result = await work()
    await client.query(`GRANT USAGE ON SCHEMA public TO ${[roles.app, roles.directory, roles.transfer].map(quote).join(', ')}`)
    return result
  } finally {
    await client.query('RESET ROLE')
  }
}

function refusePending(names: readonly string[]): void {
  if (names.length === 0) return
  throw new AppError(
    'unavailable',
    'migration_pending',
    `The database is not migrated to this version (${names.slice(0, 5).join(', ')}${names.length > 5 ? ' …' : ''}), and this user may not do it. Run: bin/holdfast postgres setup --admin-url postgres://…`,
  )
}

/** What a migration would mend or refuse, as far as nothing else tells of it. */
function pendingProblems(catalogue: Catalogue, entities: readonly AnyEntity[], roles: Roles, told: readonly string[]): string[] {
  try {
    return stepsOf(catalogue, entities, roles)
      .filter(({ name }) => !told.some((problem) => problem.includes(name.split(' ').at(-1) ?? name)))
      .map(({ name }) => `the schema is not what this version declares (${name}); run: bin/holdfast postgres setup`)
  } catch (error) {
    if (error instanceof AppError) return [error.message]
    throw error
  }
}

/** What is not as it should be, in words. */
export async function findProblems(url: string, entities: readonly AnyEntity[], roles: Roles): Promise<string[]> {
  const client = await connectOnce(url)
  try {
    const catalogue = await readCatalogue(client, Object.values(roles))
    const { rows } = await client.query<{ failures: string | null }>(
      'SELECT checksum_failures AS failures FROM pg_stat_database WHERE datname = current_database()',
    )
    const failures = Number(rows[0]?.failures ?? 0)
    const damage = failures > 0 ? [`PostgreSQL met ${failures} pages with a wrong checksum; restore from a backup`] : []
    const problems = [...settingProblems(await readSettings(client)), ...schemaProblems(catalogue, entities, roles)]
    return [...problems, ...pendingProblems(catalogue, entities, roles, problems), ...damage]
  } finally {
    await client.end().catch(() => {})
  }
}
