import type { ClientBase } from 'pg'

export type FoundColumn = { name: string; type: string; notNull: boolean; standard: string | null; collation: string | null }
export type FoundIndex = {
  name: string
  unique: boolean
  valid: boolean
  columns: string[]
  present: string
  collations: (string | null)[]
}
export type FoundPolicy = {
  name: string
  command: string
  permissive: boolean
  roles: string[]
  using: string | null
  check: string | null
}

export type FoundConstraint = { name: string; kind: 'u' | 'f' | 'c'; definition: string }

export type FoundTable = {
  name: string
  owner: string
  /** False for an unlogged table, which a crash empties. */
  isLogged: boolean
  isSecured: boolean
  isForced: boolean
  columns: FoundColumn[]
  /** Columns of the primary key, in order. */
  key: string[]
  constraints: FoundConstraint[]
  indexes: FoundIndex[]
  policies: FoundPolicy[]
  /** Privileges by role; `PUBLIC` for everybody. */
  grants: Record<string, string[]>
  /** Privileges on single columns. */
  columnGrants: { role: string; column: string; privilege: string }[]
  /** Rewrite rules by name. */
  rules: string[]
  /** Names of triggers that may change or drop a row before it is written. */
  before: string[]
}

export type FoundRole = { name: string; isSuperuser: boolean; bypasses: boolean; canSignIn: boolean; memberOf: string[] }

/** What the database says of itself, in one schema. */
export type Catalogue = {
  tables: Map<string, FoundTable>
  roles: Map<string, FoundRole>
  /** Comments of functions by name, and enabled triggers as `table name`. */
  functions: Map<string, string | null>
  triggers: Set<string>
  /** Views that read our tables with their owner's rights, and that everybody or a role of ours may read. */
  views: { name: string; tables: string[] }[]
}

export const schemaName = 'public'

const tablesSql = `
SELECT c.relname AS name, pg_get_userbyid(c.relowner) AS owner, c.relpersistence = 'p' AS "isLogged", c.relrowsecurity AS "isSecured", c.relforcerowsecurity AS "isForced",
  (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
      'standard', pg_get_expr(d.adbin, d.adrelid), 'collation', l.collname) ORDER BY a.attnum)
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
  (SELECT json_agg(a.attname ORDER BY k.n) FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(number, n), pg_attribute a
    WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND a.attrelid = c.oid AND a.attnum = k.number) AS key,
  (SELECT json_agg(json_build_object('name', o.conname, 'kind', o.contype, 'definition', pg_get_constraintdef(o.oid))) FROM pg_constraint o WHERE o.conrelid = c.oid AND o.contype IN ('u', 'f', 'c') AND o.convalidated) AS constraints,
  (SELECT json_agg(json_build_object('name', x.relname, 'unique', i.indisunique, 'valid', i.indisvalid AND i.indisready,
      'columns', (SELECT json_agg(pg_get_indexdef(i.indexrelid, n, true) ORDER BY n) FROM generate_series(1, i.indnkeyatts) n),
      'collations', (SELECT json_agg(l.collname ORDER BY k.n) FROM unnest(i.indcollation) WITH ORDINALITY k(oid, n) LEFT JOIN pg_collation l ON l.oid = k.oid),
      'present', coalesce(pg_get_expr(i.indpred, i.indrelid), '')))
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND NOT i.indisprimary) AS indexes,
  (SELECT json_agg(json_build_object('name', p.polname, 'command', p.polcmd, 'permissive', p.polpermissive,
      'roles', (SELECT json_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r) END) FROM unnest(p.polroles) r),
      'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid)))
    FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
  (SELECT json_object_agg(role, privileges) FROM (
      SELECT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END AS role, json_agg(g.privilege_type ORDER BY 1) AS privileges
      FROM aclexplode(c.relacl) g GROUP BY 1) grouped) AS grants,
  (SELECT json_agg(json_build_object('role', CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END, 'column', a.attname, 'privilege', g.privilege_type))
    FROM pg_attribute a, aclexplode(a.attacl) g WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS "columnGrants",
  (SELECT json_agg(w.rulename) FROM pg_rewrite w WHERE w.ev_class = c.oid) AS rules,
  (SELECT json_agg(t.tgname ORDER BY 1) FROM pg_trigger t
    WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 3 = 3) AS before
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = '${schemaName}' AND c.relkind IN ('r', 'p')`

const rolesSql = `
SELECT r.rolname AS name, r.rolsuper AS "isSuperuser", r.rolbypassrls AS bypasses, r.rolcanlogin AS "canSignIn",
  (SELECT json_agg(pg_get_userbyid(m.roleid)) FROM pg_auth_members m WHERE m.member = r.oid) AS "memberOf"
FROM pg_roles r WHERE r.rolname = ANY($1)`

const functionsSql = `
SELECT p.proname AS name, obj_description(p.oid, 'pg_proc') AS comment FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = '${schemaName}'`

const triggersSql = `
SELECT c.relname || ' ' || t.tgname AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = '${schemaName}' AND NOT t.tgisinternal AND t.tgenabled = 'O'`

// a view that asks with its reader's rights (security_invoker, from PostgreSQL 15) shows nothing that the reader may not see
const viewsSql = `
SELECT v.relname AS name, json_agg(DISTINCT c.relname) AS tables
FROM pg_rewrite w JOIN pg_class v ON v.oid = w.ev_class AND v.relkind IN ('v', 'm')
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p') JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = '${schemaName}'
  AND EXISTS (SELECT FROM aclexplode(v.relacl) g WHERE g.grantee = 0 OR pg_get_userbyid(g.grantee) = ANY($1))
  AND coalesce(array_to_string(v.reloptions, ','), '') !~ 'security_invoker=(true|on|yes|1)'
GROUP BY 1 ORDER BY 1`

export async function readCatalogue(client: ClientBase, roles: readonly string[]): Promise<Catalogue> {
  const tables = await client.query<FoundTable>(tablesSql)
  const found = await client.query<FoundRole>(rolesSql, [roles])
  const functions = await client.query<{ name: string; comment: string | null }>(functionsSql)
  const triggers = await client.query<{ name: string }>(triggersSql)
  const views = await client.query<{ name: string; tables: string[] }>(viewsSql, [roles])
  const whole = (table: FoundTable): FoundTable => ({
    ...table,
    columns: table.columns ?? [],
    key: table.key ?? [],
    constraints: table.constraints ?? [],
    indexes: table.indexes ?? [],
    policies: table.policies ?? [],
    grants: table.grants ?? {},
    columnGrants: table.columnGrants ?? [],
    rules: table.rules ?? [],
    before: table.before ?? [],
  })
  return {
    tables: new Map(tables.rows.map((table) => [table.name, whole(table)])),
    functions: new Map(functions.rows.map(({ name, comment }) => [name, comment])),
    triggers: new Set(triggers.rows.map(({ name }) => name)),
    views: views.rows,
    roles: new Map(found.rows.map((role) => [role.name, { ...role, memberOf: role.memberOf ?? [] }])),
  }
}

/** Expressions as the server writes them back differ in brackets, casts and blanks, also between its versions. */
export const expression = (text: string | null): string =>
  (text ?? '').toLowerCase().replace(/::text|\bas "?(nullif|current_setting)"?|[()"\s]/g, '')
