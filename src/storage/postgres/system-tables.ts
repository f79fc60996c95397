import { type Privilege, quote, type Table, tenantColumn, textColumn } from './schema.ts'

const systemTable = (
  name: string,
  columns: readonly [name: string, type: string, nullable?: 'null'][],
  rest: Pick<Table, 'key' | 'grants' | 'constraints'> & { also: readonly string[] },
): Table => {
  const defined = columns.map(([column, type, nullable]) =>
    column === 'tenant_id' ? tenantColumn : `${quote(column)} ${type === 'text' ? textColumn : type}${nullable ? '' : ' NOT NULL'}`,
  )
  const { also, ...table } = rest
  const lines = [...defined, `PRIMARY KEY (${rest.key.map(quote).join(', ')})`, ...also]
  return {
    ...table,
    name,
    columns: columns.map(([column, type, nullable]) => ({ name: column, type, nullable: nullable !== undefined })),
    create: `CREATE TABLE ${quote(name)} (\n  ${lines.join(',\n  ')}\n)`,
  }
}

/**
 * What every database has beside the entities' tables. An entry belongs to the tenant that holds its stream, which a foreign key says; nobody but the owner removes one, and nobody but the owner and what erases changes one.
 * Outside tools rely on the names in `log` (native-api.md section 5).
 */
export const systemTables: readonly Table[] = [
  systemTable(
    'heads',
    [
      ['stream', 'text'],
      ['tenant_id', 'text'],
      ['sequence', 'bigint'],
      ['hash', 'text'],
      ['time', 'text'],
      ['leaves', 'text'],
      ['kid', 'text'],
      ['signature', 'text'],
    ],
    {
      key: ['stream'],
      also: ['CONSTRAINT "heads_tenant" UNIQUE ("tenant_id", "stream")'],
      constraints: ['heads_tenant'],
      grants: { app: ['SELECT', 'INSERT', 'UPDATE'], directory: ['SELECT'], transfer: ['SELECT', 'INSERT', 'UPDATE'] },
    },
  ),
  systemTable(
    'log',
    [
      ['stream', 'text'],
      ['sequence', 'bigint'],
      ['tenant_id', 'text'],
      ['time', 'text'],
      ['entry', 'text'],
      ['hash', 'text'],
      ['secrets', 'text', 'null'],
    ],
    {
      key: ['stream', 'sequence'],
      also: ['CONSTRAINT "log_stream" FOREIGN KEY ("tenant_id", "stream") REFERENCES "heads" ("tenant_id", "stream")'],
      constraints: ['log_stream'],
      grants: { app: ['SELECT', 'INSERT'], directory: [], transfer: ['SELECT', 'INSERT', 'UPDATE'] },
    },
  ),
  systemTable(
    'sequences',
    [
      ['tenant_id', 'text'],
      ['name', 'text'],
      ['value', 'bigint'],
    ],
    {
      key: ['tenant_id', 'name'],
      also: [],
      constraints: [],
      grants: { app: ['SELECT', 'INSERT', 'UPDATE'], directory: [], transfer: ['SELECT', 'INSERT', 'UPDATE'] },
    },
  ),
  // what others than the server wrote, until it is in the log
  systemTable(
    'sql_writes',
    [
      ['number', 'bigint GENERATED ALWAYS AS IDENTITY'],
      ['tenant_id', 'text'],
      ['transaction', 'text'],
      ['database_user', 'text'],
      ['op', 'text'],
      ['table_name', 'text'],
      ['row_id', 'text'],
      ['was', 'text', 'null'],
      ['now', 'text', 'null'],
    ],
    {
      key: ['number'],
      also: ['CONSTRAINT "sql_writes_tenant" UNIQUE ("tenant_id", "number")'],
      constraints: ['sql_writes_tenant'],
      grants: { app: ['SELECT', 'INSERT'], directory: [], transfer: ['SELECT', 'DELETE'] },
    },
  ),
]

/** Tables that hold no tenant's data: the state of loads, rows whose keys wait during one, and leases of jobs that run once. */
export const plainTables: readonly {
  name: string
  create: string
  grants: { app: readonly Privilege[]; transfer: readonly Privilege[] }
}[] = [
  {
    name: 'migrations',
    create: `CREATE TABLE "migrations" (
  "number" integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  "name" text NOT NULL,
  "sql" text NOT NULL,
  "applied_at" timestamptz NOT NULL DEFAULT now()
)`,
    grants: { app: ['SELECT'], transfer: [] },
  },
  {
    name: 'loads',
    create: `CREATE TABLE "loads" (
  "id" integer PRIMARY KEY CHECK ("id" = 1),
  "state" text NOT NULL CHECK ("state" IN ('loading', 'finished')),
  "mark" text
)`,
    grants: { app: ['SELECT'], transfer: ['SELECT', 'INSERT', 'UPDATE'] },
  },
  {
    name: 'parked',
    create: `CREATE TABLE "parked" (
  "table_name" text NOT NULL,
  "tenant_id" text NOT NULL,
  "id" text NOT NULL,
  "was" json NOT NULL,
  PRIMARY KEY ("table_name", "tenant_id", "id")
)`,
    grants: { app: [], transfer: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] },
  },
  {
    name: 'leases',
    create: `CREATE TABLE "leases" (
  "name" text PRIMARY KEY,
  "holder" text NOT NULL,
  "epoch" bigint NOT NULL,
  "expires_at" timestamptz NOT NULL
)`,
    grants: { app: ['SELECT', 'INSERT', 'UPDATE'], transfer: [] },
  },
]
