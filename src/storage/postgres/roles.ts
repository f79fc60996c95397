import type { ClientBase } from 'pg'
import { AppError } from '../../kernel/errors.ts'
import { quote, type Roles, rolesOf } from './schema.ts'

/** Who a connection is, and what it may do to this database. */
export type Standing = {
  database: string
  roles: Roles
  user: string
  isSuperuser: boolean
  /** Whose tables they are: the database's owner. */
  owner: string
  /** May create and change tables here. */
  isOwner: boolean
  /** Roles of ours that are missing. */
  missing: string[]
  /** May serve as the app role. */
  canServe: boolean
}

export async function standingOf(client: ClientBase): Promise<Standing> {
  const { rows } = await client.query<{ database: string; user: string; isSuperuser: boolean; owner: string; isOwner: boolean }>(`
    SELECT current_database() AS database, session_user AS user, r.rolsuper AS "isSuperuser", pg_get_userbyid(d.datdba) AS owner,
      pg_has_role(session_user, d.datdba, 'MEMBER') AS "isOwner"
    FROM pg_roles r, pg_database d WHERE r.rolname = session_user AND d.datname = current_database()`)
  const [found] = rows
  if (found === undefined) throw new Error('The database does not know its own user')
  const roles = rolesOf(found.database)
  const there = await client.query<{ name: string; isMember: boolean }>(
    'SELECT rolname AS name, pg_has_role(session_user, oid, \'MEMBER\') AS "isMember" FROM pg_roles WHERE rolname = ANY($1)',
    [Object.values(roles)],
  )
  const names = there.rows.map(({ name }) => name)
  return {
    ...found,
    roles,
    missing: Object.values(roles).filter((name) => !names.includes(name)),
    canServe: there.rows.some(({ name, isMember }) => name === roles.app && isMember),
  }
}

/** Creates what is missing of the roles that serve, and lets this connection's user act as them. */
export async function createRoles(client: ClientBase, { roles, user, isSuperuser, missing, database }: Standing): Promise<void> {
  for (const name of missing)
    await client.query(`CREATE ROLE ${quote(name)} NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS`)
  if (missing.length === 0) return
  await client.query(`GRANT ${quote(roles.directory)}, ${quote(roles.transfer)} TO ${quote(roles.app)}`)
  if (!isSuperuser) await client.query(`GRANT ${quote(roles.app)}, ${quote(roles.directory)}, ${quote(roles.transfer)} TO ${quote(user)}`)
  await client.query(`GRANT CONNECT ON DATABASE ${quote(database)} TO ${quote(roles.app)}`)
}

export const rightsMissing = (shown: string, what: string): AppError =>
  new AppError(
    'unavailable',
    'database_rights',
    `The user of ${shown} ${what}. Run once as an administrator: bin/holdfast postgres setup --admin-url postgres://…`,
  )
