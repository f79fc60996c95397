/**
 * The tables that SQL clients use beside the server (contracts/salesbrain.md, section 9): real types, defaults, checks and foreign keys, on top of what the engine derives from their entities. A column that is not
 * named here is stored as in any other table.
 */

/** What a text of the port is as a time with zone: of milliseconds, or of microseconds. */
export type Precision = 'ms' | 'us'

export type SqlColumn = {
  /** As PostgreSQL's `format_type` spells it. */
  type: string
  standard?: string
  precision?: Precision
}

export type Check = { name: string; condition: string }
/** `to` is a table whose rows are found by `tenant_ref` and `ref` (`parentSql`), or one of these tables. */
export type Reference = { name: string; column: string; to: string }
export type SqlIndex = { name: string; sql: string }

export type SqlTable = {
  name: string
  columns: Readonly<Record<string, SqlColumn>>
  checks: readonly Check[]
  references: readonly Reference[]
  indexes: readonly SqlIndex[]
  /** Indexes of the entity whose work those above do. */
  covered: readonly string[]
}

const uuid: SqlColumn = { type: 'uuid' }
const now: SqlColumn = { type: 'timestamp with time zone', standard: 'now()', precision: 'ms' }
const instant: SqlColumn = { type: 'timestamp with time zone', precision: 'ms' }
const moment: SqlColumn = { type: 'timestamp with time zone', precision: 'us' }
const text = (standard?: string): SqlColumn => ({ type: 'text', ...(standard === undefined ? {} : { standard }) })
const varchar = (length: number, standard?: string): SqlColumn => ({
  type: `character varying(${length})`,
  ...(standard === undefined ? {} : { standard: `'${standard}'` }),
})
const int = (standard: number | null = null): SqlColumn => ({
  type: 'integer',
  ...(standard === null ? {} : { standard: String(standard) }),
})
const flag = (standard: boolean): SqlColumn => ({ type: 'boolean', standard: String(standard) })

const base = {
  id: { type: 'uuid', standard: 'gen_random_uuid()' },
  version: { type: 'bigint', standard: '1' },
  created_at: now,
  updated_at: now,
} as const

const among = (table: string, column: string, words: readonly string[]): Check => ({
  name: `${table}_${column}_known`,
  condition: `${column} IN (${words.map((word) => `'${word}'`).join(', ')})`,
})
const between = (table: string, column: string, [from, to]: readonly [number, number]): Check => ({
  name: `${table}_${column}_range`,
  condition: `${column} BETWEEN ${from} AND ${to}`,
})
const notNegative = (table: string, column: string): Check => ({ name: `${table}_${column}_range`, condition: `${column} >= 0` })
const longest = (table: string, column: string, [from, to]: readonly [number, number]): Check => ({
  name: `${table}_${column}_length`,
  condition: `char_length(${column}) BETWEEN ${from} AND ${to}`,
})
const refers = (table: string, column: string, to: string): Reference => ({ name: `${table}_${column}_fkey`, column, to })
const index = (name: string, on: string, unique = ''): SqlIndex => ({ name, sql: `CREATE ${unique}INDEX ${name} ON ${on}` })

const campaigns = 'user_campaign_assignment'
const contacts = 'user_contact_assignment'
const links = 'onboarding_link'
const visits = 'onboarding_link_access'
const completions = 'onboarding_link_completion'

export const sqlTables: readonly SqlTable[] = [
  {
    name: campaigns,
    columns: {
      ...base,
      user_id: uuid,
      campaign_id: uuid,
      assigned_by: uuid,
      assigned_at: { ...moment, standard: 'clock_timestamp()' },
      role: varchar(50, 'member'),
      can_edit: flag(false),
      can_view_stats: flag(true),
      can_manage_contacts: flag(false),
      status: varchar(20, 'active'),
    },
    checks: [
      among(campaigns, 'role', ['owner', 'admin', 'member', 'viewer']),
      among(campaigns, 'status', ['active', 'inactive', 'revoked']),
    ],
    references: [refers(campaigns, 'user_id', 'users'), refers(campaigns, 'campaign_id', 'campaigns')],
    indexes: [
      index('idx_user_campaign_user', `${campaigns} (tenant_id, user_id, assigned_at DESC) WHERE status = 'active'`),
      index('idx_user_campaign_campaign', `${campaigns} (tenant_id, campaign_id) WHERE status = 'active'`),
    ],
    covered: ['byUser', 'byCampaign'],
  },
  {
    name: contacts,
    columns: {
      ...base,
      user_id: uuid,
      contact_id: uuid,
      assigned_by: uuid,
      assigned_at: { ...moment, standard: 'clock_timestamp()' },
      assignment_type: varchar(50, 'manual'),
      is_primary_owner: flag(true),
      ownership_percentage: int(100),
      status: varchar(20, 'active'),
      last_contacted_at: moment,
      next_followup_at: moment,
      interactions_count: int(0),
      batch_id: uuid,
      former_owner_id: uuid,
    },
    checks: [
      among(contacts, 'assignment_type', ['manual', 'round_robin', 'lead_score', 'territory']),
      among(contacts, 'status', ['active', 'inactive', 'transferred']),
      between(contacts, 'ownership_percentage', [0, 100]),
      notNegative(contacts, 'interactions_count'),
    ],
    references: [refers(contacts, 'user_id', 'users'), refers(contacts, 'contact_id', 'contacts')],
    indexes: [
      index('uq_user_contact_primary', `${contacts} (tenant_id, contact_id) WHERE status = 'active' AND is_primary_owner`, 'UNIQUE '),
      index('idx_user_contact_user', `${contacts} (tenant_id, user_id, assigned_at DESC) WHERE status = 'active'`),
      index('idx_user_contact_contact', `${contacts} (tenant_id, contact_id)`),
      index('idx_user_contact_next_followup', `${contacts} (tenant_id, next_followup_at) WHERE next_followup_at IS NOT NULL`),
    ],
    covered: ['byUser', 'byContact', 'byFollowup'],
  },
  {
    name: links,
    columns: {
      ...base,
      created_by: uuid,
      token_digest: { type: 'character(64)' },
      token_sealed: text(),
      template_id: uuid,
      template_name: varchar(100, 'Basic Onboarding'),
      welcome_message: text("'Welcome to Salesbrain!'"),
      status: varchar(20, 'active'),
      expires_at: instant,
      clicks_count: int(0),
      first_accessed_at: instant,
      last_accessed_at: instant,
      completed_at: instant,
      current_step: int(1),
      total_steps: int(5),
      progress_percentage: int(0),
      revoked_at: instant,
      revoked_by: uuid,
      revoked_reason: text(),
      max_uses: int(1),
      uses_count: int(0),
      dedupe_seconds: int(30),
      creates_user: flag(false),
      user_role: varchar(20, 'member'),
      team_id: uuid,
      needs_approval: flag(false),
      created_sort: now,
    },
    checks: [
      among(links, 'status', ['active', 'expired', 'used', 'revoked']),
      among(links, 'user_role', ['admin', 'supervisor', 'manager', 'member', 'auditor']),
      longest(links, 'template_name', [1, 100]),
      longest(links, 'welcome_message', [0, 5_000]),
      longest(links, 'revoked_reason', [0, 500]),
      { name: `${links}_token_digest_form`, condition: "token_digest ~ '^[0-9a-f]{64}$'" },
      notNegative(links, 'clicks_count'),
      between(links, 'total_steps', [1, 100]),
      { name: `${links}_current_step_range`, condition: 'current_step >= 1 AND current_step <= total_steps' },
      between(links, 'progress_percentage', [0, 100]),
      between(links, 'max_uses', [1, 100_000]),
      { name: `${links}_uses_count_range`, condition: 'uses_count >= 0 AND (max_uses IS NULL OR uses_count <= max_uses)' },
      between(links, 'dedupe_seconds', [0, 86_400]),
    ],
    references: [],
    indexes: [
      index('idx_onboarding_link_token', `${links} (token_digest)`, 'UNIQUE '),
      index('idx_onboarding_link_org', `${links} (tenant_id, created_at DESC, id)`),
      index('idx_onboarding_link_expires', `${links} (tenant_id, expires_at) WHERE status = 'active'`),
      index('idx_onboarding_link_creator', `${links} (tenant_id, created_by, created_at DESC)`),
    ],
    covered: [],
  },
  {
    name: visits,
    columns: {
      ...base,
      link_id: uuid,
      accessed_at: now,
      ip_address: { type: 'inet' },
      user_agent: text("''"),
    },
    checks: [],
    references: [refers(visits, 'link_id', links)],
    indexes: [index('idx_onboarding_link_access_link', `${visits} (tenant_id, link_id, accessed_at DESC)`)],
    covered: ['byLink'],
  },
  {
    name: completions,
    columns: {
      ...base,
      link_id: uuid,
      completed_at: now,
      user_id: uuid,
      team_id: uuid,
      ip_address: { type: 'inet' },
      ip: { type: 'inet' },
    },
    checks: [],
    references: [refers(completions, 'link_id', links)],
    indexes: [],
    covered: [],
  },
]

const byName = new Map(sqlTables.map((table) => [table.name, table]))

/** Null for the tables that are the engine's own affair. */
export const sqlTableOf = (table: string): SqlTable | null => byName.get(table) ?? null

/** Tables whose rows these refer to, and that name rows by texts: they tell tenant and id as UUIDs too. */
export const parents: readonly string[] = [
  ...new Set(sqlTables.flatMap(({ references }) => references.map(({ to }) => to)).filter((to) => !byName.has(to))),
]

/** What a foreign key of real UUIDs can lead to. Ids of the platform's own rows are none. */
export const parentSql = (table: string): string => {
  const real = (column: string) => `CASE WHEN ${column} ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN ${column}::uuid END`
  return `ALTER TABLE "${table}" ADD COLUMN "tenant_ref" uuid GENERATED ALWAYS AS (${real('tenant_id')}) STORED,
  ADD COLUMN "ref" uuid GENERATED ALWAYS AS (${real('id')}) STORED,
  ADD CONSTRAINT "${table}_ref" UNIQUE ("tenant_ref", "ref")`
}
