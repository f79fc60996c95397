import type { ClientBase } from 'pg'
import { AppError } from '../../kernel/errors.ts'
import { codeOf } from './failures.ts'
import { quote, type Roles, rolesOf, serverRole } from './schema.ts'

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
  /** May take on the roles that serve. */
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
    canServe: there.rows.length === 3 && there.rows.every(({ isMember }) => isMember),
  }
}

/** A role of this name was made in the meantime: of one server's databases several may be set up at once. */
const isThere = ['42710', '23505']

/** Creates what is missing of the roles that serve, and lets this connection's user act as them. */
export async function createRoles(client: ClientBase, { roles, user, isSuperuser, missing, database }: Standing): Promise<void> {
  for (const name of missing)
    await client
      .query(`CREATE ROLE ${quote(name)} NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS`)
      .catch((error: unknown) => (isThere.includes(codeOf(error)) ? null : Promise.reject(error)))
  await leaveOthers(client, roles)
  if (!isSuperuser) for (const name of Object.values(roles)) if (!(await mayBe(client, name))) await becomes(client, name, user)
  const { rowCount } = await client.query("SELECT WHERE NOT has_database_privilege($1, current_database(), 'CONNECT')", [roles.app])
  if (rowCount === 1) await client.query(`GRANT CONNECT ON DATABASE ${quote(database)} TO ${quote(roles.app)}`)
}

/** Before the server had a login of its own, the role that serves was a member of the others. */
async function leaveOthers(client: ClientBase, { app, directory, transfer }: Roles): Promise<void> {
  const { rows } = await client.query<{ other: string }>(
    'SELECT pg_get_userbyid(m.roleid) AS other FROM pg_auth_members m WHERE pg_get_userbyid(m.member) = $1 AND pg_get_userbyid(m.roleid) = ANY($2)',
    [app, [directory, transfer]],
  )
  for (const { other } of rows) await client.query(`REVOKE ${quote(other)} FROM ${quote(app)}`)
}

const becomes = async (client: ClientBase, name: string, user: string): Promise<unknown> =>
  client.query(`GRANT ${quote(name)} TO ${quote(user)}`)

const mayBe = (client: ClientBase, name: string): Promise<boolean> =>
  client.query(`SET ROLE ${quote(name)}; RESET ROLE`).then(
    () => true,
    (error: unknown) => (codeOf(error) === '42501' ? false : Promise.reject(error)),
  )

/** The login of a server that does not own the tables: it has no rights but to take on the roles that do have them. Returns its name, and whether it can sign in already. */
export async function createServerRole(client: ClientBase, { roles, database }: Standing): Promise<{ name: string; canSignIn: boolean }> {
  const name = serverRole(database)
  const found = await client.query<{ canSignIn: boolean }>('SELECT rolcanlogin AS "canSignIn" FROM pg_roles WHERE rolname = $1', [name])
  if (found.rows[0] === undefined)
    await client.query(`CREATE ROLE ${quote(name)} NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS`)
  for (const role of Object.values(roles)) {
    const { rowCount } = await client.query(
      'SELECT FROM pg_auth_members WHERE roleid = $1::regrole AND member = $2::regrole',
      [role, name].map(quote),
    )
    if (rowCount === 0) await becomes(client, role, name)
  }
  await client.query(`GRANT CONNECT ON DATABASE ${quote(database)} TO ${quote(name)}`)
  return { name, canSignIn: found.rows[0]?.canSignIn === true }
}

export const rightsMissing = (shown: string, what: string): AppError =>
  new AppError(
    'unavailable',
    'database_rights',
    `The user of ${shown} ${what}. Run once as an administrator: bin/holdfast postgres setup --admin-url postgres://…`,
  )
