import { createHash } from 'node:crypto'
import type { AnyEntity } from '../../kernel/entity.ts'
import { literal, quote, type Roles } from './schema.ts'
import { sqlTables } from './sql-tables.ts'

/** A function of the database: what SQL clients call, and what keeps the books when they write (docs/decisions/0016-sql-clients.md). */
export type SqlFunction = { name: string; args: string; sql: string; digest: string }
export type SqlTrigger = { table: string; name: string; sql: string }

const settings = "SET search_path = public, pg_temp SET timezone = 'UTC'"

/** `returns` may be followed by the language, which is PL/pgSQL unless said. */
function fn(name: string, args: string, [returns, language = 'plpgsql']: readonly [string, string?], body: string): SqlFunction {
  const text = `CREATE OR REPLACE FUNCTION ${name}(${args}) RETURNS ${returns} LANGUAGE ${language} SECURITY INVOKER ${settings} AS $body$${body}$body$`
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { name, args, sql: text, digest }
}

const tenant = "nullif(current_setting('app.tenant', true), '')"

/** Tables that refer to others and whose row's id follows from both. */
const pairs: Readonly<Record<string, string>> = { user_campaign_assignment: 'campaign_id', user_contact_assignment: 'contact_id' }

const touch = ({ name, columns }: (typeof sqlTables)[number]): SqlFunction => {
  const other = pairs[name]
  const isContact = name === 'user_contact_assignment'
  const times = Object.entries(columns).filter(([column, { precision }]) => precision === 'ms' && !/^(created|updated)_/.test(column))
  const truncated = times.map(([column]) => `  NEW.${column} := date_trunc('milliseconds', NEW.${column});\n`).join('')
  const clock = `  PERFORM 1 FROM hand_out_clocks WHERE tenant_id = NEW.tenant_id::text AND id = 'contacts' FOR UPDATE;\n`
  const batch = `    IF (NEW.status, NEW.is_primary_owner, NEW.assignment_type, NEW.user_id) IS DISTINCT FROM (OLD.status, OLD.is_primary_owner, OLD.assignment_type, OLD.user_id)
      AND NEW.batch_id IS NOT DISTINCT FROM OLD.batch_id THEN NEW.batch_id := NULL; NEW.former_owner_id := NULL; END IF;\n`
  return fn(
    `sql_touch_${name}`,
    '',
    ['trigger'],
    `
BEGIN
${isContact ? clock : ''}  IF TG_OP = 'UPDATE' THEN
    IF NEW.id <> OLD.id OR NEW.tenant_id <> OLD.tenant_id${other === undefined ? '' : ` OR NEW.user_id <> OLD.user_id OR NEW.${other} <> OLD.${other}`} THEN
      RAISE EXCEPTION 'the ids of a row do not change' USING ERRCODE = 'check_violation';
    END IF;
    NEW.version := OLD.version + 1;
    NEW.created_at := OLD.created_at;
    NEW.updated_at := greatest(date_trunc('milliseconds', clock_timestamp()), OLD.updated_at);
${isContact ? batch : ''}  ELSE
${other === undefined ? '' : `    NEW.id := sql_pair_id(NEW.user_id, NEW.${other});\n`}    NEW.version := 1;
    NEW.created_at := date_trunc('milliseconds', coalesce(NEW.created_at, now()));
    NEW.updated_at := NEW.created_at;
  END IF;
${truncated}${name === 'onboarding_link' ? '  NEW.created_sort := NEW.created_at;\n' : ''}  RETURN NEW;
END`,
  )
}

/** What keeps the server's books when somebody else writes. */
const books: readonly SqlFunction[] = [
  fn(
    'sql_note',
    'p_tenant text, p_table text, p_op text, p_id text, p_was jsonb, p_now jsonb',
    ['void', 'sql'],
    `
  INSERT INTO sql_writes (tenant_id, transaction, database_user, op, table_name, row_id, was, now)
  VALUES (p_tenant, pg_current_xact_id()::text, session_user, p_op, p_table, p_id, p_was::text, p_now::text)`,
  ),
  fn('sql_moment', 'p_time timestamptz', ['text', 'sql'], ` SELECT to_char(p_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`),
  fn('sql_time', 'p_time timestamptz', ['text', 'sql'], ` SELECT to_char(p_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`),
  fn(
    'sql_pair_id',
    'p_one uuid, p_other uuid',
    ['uuid', 'sql'],
    `
  SELECT (CASE WHEN substr(o, 13, 1) = '7' AND left(o, 12) COLLATE "C" >= '01a220186780' THEN left(o, 12) || '8' || substr(o, 14, 3)
      ELSE left(h, 12) || '8' || substr(h, 14, 3) END
    || substr('89ab', 1 + (('x' || substr(h, 17, 1))::bit(4)::int & 3), 1) || substr(h, 18, 15))::uuid
  FROM encode(sha256(convert_to(p_one::text || chr(10) || p_other::text, 'UTF8')), 'hex') h, replace(p_other::text, '-', '') o`,
  ),
  fn(
    'sql_time_id',
    '',
    ['text', 'sql'],
    `
  SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(r, 14, 19))::uuid::text
  FROM replace(gen_random_uuid()::text, '-', '') r`,
  ),
  fn(
    'sql_record',
    '',
    ['trigger'],
    `
BEGIN
  IF TG_OP = 'INSERT' THEN PERFORM sql_note(NEW.tenant_id::text, TG_TABLE_NAME, 'insert', NEW.id::text, NULL, to_jsonb(NEW));
  ELSIF TG_OP = 'UPDATE' THEN PERFORM sql_note(NEW.tenant_id::text, TG_TABLE_NAME, 'update', NEW.id::text, to_jsonb(OLD), to_jsonb(NEW));
  ELSE PERFORM sql_note(OLD.tenant_id::text, TG_TABLE_NAME, 'remove', OLD.id::text, to_jsonb(OLD), NULL);
  END IF;
  RETURN NULL;
END`,
  ),
  fn(
    'sql_workload',
    'p_tenant text, p_user text, p_campaigns int, p_contacts int, p_score int, p_at text',
    ['void'],
    `
DECLARE v_was jsonb; v_now jsonb; v_time text := sql_time(clock_timestamp());
BEGIN
  INSERT INTO workloads AS w (tenant_id, id, campaigns, contacts, score, last_assigned_at, version, created_at, updated_at)
    VALUES (p_tenant, p_user, 0, 0, 0, NULL, 1, v_time, v_time) ON CONFLICT DO NOTHING RETURNING to_jsonb(w) INTO v_now;
  IF v_now IS NOT NULL THEN PERFORM sql_note(p_tenant, 'workloads', 'insert', p_user, NULL, v_now); END IF;
  SELECT to_jsonb(w) INTO v_was FROM workloads w WHERE tenant_id = p_tenant AND id = p_user FOR UPDATE;
  UPDATE workloads w SET campaigns = campaigns + p_campaigns, contacts = contacts + p_contacts, score = score + p_score,
    last_assigned_at = greatest(last_assigned_at, p_at), version = version + 1, updated_at = v_time
    WHERE tenant_id = p_tenant AND id = p_user RETURNING to_jsonb(w) INTO v_now;
  PERFORM sql_note(p_tenant, 'workloads', 'update', p_user, v_was, v_now);
END`,
  ),
  fn(
    'sql_clock',
    'p_tenant text, p_at text',
    ['void'],
    `
DECLARE v_was jsonb; v_now jsonb; v_time text := sql_time(clock_timestamp());
BEGIN
  INSERT INTO hand_out_clocks AS c (tenant_id, id, last, version, created_at, updated_at)
    VALUES (p_tenant, 'contacts', p_at, 1, v_time, v_time) ON CONFLICT DO NOTHING RETURNING to_jsonb(c) INTO v_now;
  IF v_now IS NOT NULL THEN
    PERFORM sql_note(p_tenant, 'hand_out_clocks', 'insert', 'contacts', NULL, v_now);
    RETURN;
  END IF;
  SELECT to_jsonb(c) INTO v_was FROM hand_out_clocks c WHERE tenant_id = p_tenant AND id = 'contacts' FOR UPDATE;
  UPDATE hand_out_clocks c SET last = greatest(last, p_at), version = version + 1, updated_at = v_time
    WHERE tenant_id = p_tenant AND id = 'contacts' RETURNING to_jsonb(c) INTO v_now;
  PERFORM sql_note(p_tenant, 'hand_out_clocks', 'update', 'contacts', v_was, v_now);
END`,
  ),
  fn(
    'sql_step',
    'p_tenant text, p_action text, p_kind text, p_assignment text, p_user text, p_campaign text, p_contact text, p_mode text, p_batch text, p_rule text',
    ['void'],
    `
DECLARE v_id text := sql_time_id(); v_now jsonb; v_time text := sql_time(clock_timestamp());
BEGIN
  INSERT INTO assignment_steps AS s (tenant_id, id, at, action, kind, assignment_id, user_id, campaign_id, contact_id, by, mode, batch_id, reason, version, created_at, updated_at)
    VALUES (p_tenant, v_id, sql_moment(clock_timestamp()), p_action, p_kind, p_assignment, p_user, p_campaign, p_contact, NULL, p_mode, p_batch,
      json_build_object('rule', p_rule), 1, v_time, v_time) RETURNING to_jsonb(s) INTO v_now;
  PERFORM sql_note(p_tenant, 'assignment_steps', 'insert', v_id, NULL, v_now);
END`,
  ),
  fn(
    'sql_owner',
    'p_tenant text, p_contact text, p_owner text, p_former text',
    ['void'],
    `
DECLARE v_was jsonb; v_now jsonb; v_time text := sql_time(clock_timestamp());
BEGIN
  SELECT to_jsonb(c) INTO v_was FROM contacts c WHERE tenant_id = p_tenant AND id = p_contact FOR UPDATE;
  IF v_was IS NULL OR (p_owner IS NULL AND v_was->>'owner_id' IS DISTINCT FROM p_former) OR (p_owner IS NOT NULL AND v_was->>'owner_id' = p_owner) THEN RETURN; END IF;
  UPDATE contacts c SET owner_id = p_owner, assigned_at = CASE WHEN p_owner IS NULL THEN NULL ELSE v_time END, version = version + 1, updated_at = v_time,
    handout_sort = CASE WHEN p_owner IS NULL AND lead_status IN ('new', 'contacted', 'qualified', 'appointment_set') AND trim(coalesce(practice_name, '')) <> ''
        AND trim(practice_name) !~* '\\m(test|unknown|fake|demo|sample|placeholder)\\M'
      THEN lpad((100 - least(100, greatest(0, coalesce(score, 0))))::text, 3, '0') || '-' || lpad(number::text, 16, '0') END
    WHERE tenant_id = p_tenant AND id = p_contact RETURNING to_jsonb(c) INTO v_now;
  PERFORM sql_note(p_tenant, 'contacts', 'update', p_contact, v_was, v_now);
END`,
  ),
  fn(
    'sql_books_user_contact_assignment',
    '',
    ['trigger'],
    `
DECLARE
  v_row user_contact_assignment := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
  v_was boolean := false; v_was_primary boolean := false; v_is boolean := false; v_primary boolean := false;
  v_tenant text := v_row.tenant_id::text; v_user text := v_row.user_id::text; v_contact text := v_row.contact_id::text; v_score int;
BEGIN
  IF TG_OP <> 'INSERT' THEN v_was := OLD.status = 'active'; v_was_primary := v_was AND OLD.is_primary_owner; END IF;
  IF TG_OP <> 'DELETE' THEN v_is := NEW.status = 'active'; v_primary := v_is AND NEW.is_primary_owner; END IF;
  SELECT round(lead_score * 100)::int INTO v_score FROM contacts WHERE tenant_id = v_tenant AND id = v_contact FOR UPDATE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF v_is AND NOT v_was THEN
    PERFORM sql_clock(v_tenant, sql_moment(v_row.assigned_at));
    PERFORM sql_workload(v_tenant, v_user, 0, 1, v_score, sql_moment(v_row.assigned_at));
    PERFORM sql_step(v_tenant, 'assigned', 'contact', v_row.id::text, v_user, NULL, v_contact, v_row.assignment_type, v_row.batch_id::text, 'manual');
  ELSIF v_was AND NOT v_is THEN
    PERFORM sql_workload(v_tenant, v_user, 0, -1, -v_score, NULL);
    PERFORM sql_step(v_tenant, CASE WHEN TG_OP = 'UPDATE' AND v_row.status = 'transferred' THEN 'transferred' ELSE 'unassigned' END, 'contact',
      v_row.id::text, v_user, NULL, v_contact, v_row.assignment_type, NULL, 'removed');
  ELSIF v_is AND (OLD.assignment_type, OLD.is_primary_owner) IS DISTINCT FROM (NEW.assignment_type, NEW.is_primary_owner) THEN
    PERFORM sql_step(v_tenant, 'permissions_changed', 'contact', v_row.id::text, v_user, NULL, v_contact, v_row.assignment_type, NULL, 'manual');
  END IF;
  IF v_primary THEN PERFORM sql_owner(v_tenant, v_contact, v_user, NULL);
  ELSIF v_was_primary THEN PERFORM sql_owner(v_tenant, v_contact, NULL, v_user);
  END IF;
  RETURN NULL;
END`,
  ),
  fn(
    'sql_books_user_campaign_assignment',
    '',
    ['trigger'],
    `
DECLARE
  v_row user_campaign_assignment := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
  v_was boolean := false; v_is boolean := false;
  v_tenant text := v_row.tenant_id::text; v_user text := v_row.user_id::text; v_campaign text := v_row.campaign_id::text;
BEGIN
  IF TG_OP <> 'INSERT' THEN v_was := OLD.status = 'active'; END IF;
  IF TG_OP <> 'DELETE' THEN v_is := NEW.status = 'active'; END IF;
  IF NOT EXISTS (SELECT FROM users WHERE tenant_id = v_tenant AND id = v_user) THEN RETURN NULL; END IF;
  IF v_is <> v_was THEN
    PERFORM sql_workload(v_tenant, v_user, v_is::int - v_was::int, 0, 0, NULL);
    PERFORM sql_step(v_tenant, CASE WHEN v_is THEN 'assigned' ELSE 'unassigned' END, 'campaign', v_row.id::text, v_user, v_campaign, NULL, NULL, NULL,
      CASE WHEN v_is THEN 'manual' ELSE 'removed' END);
  ELSIF v_is AND (OLD.role, OLD.can_edit, OLD.can_view_stats, OLD.can_manage_contacts) IS DISTINCT FROM (NEW.role, NEW.can_edit, NEW.can_view_stats, NEW.can_manage_contacts) THEN
    PERFORM sql_step(v_tenant, 'permissions_changed', 'campaign', v_row.id::text, v_user, v_campaign, NULL, NULL, NULL, 'manual');
  END IF;
  RETURN NULL;
END`,
  ),
]

/** What SQL clients call (contracts/salesbrain.md, section 9). */
const called: readonly SqlFunction[] = [
  // of a random UUID 122 bits are random: bytes 7 and 9 are left out. Bytes above 247 are passed over, or the first letters would be likelier
  fn(
    'generate_onboarding_token',
    '',
    ['varchar'],
    `
DECLARE
  v_letters constant text := 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  v_token text := ''; v_bytes bytea; v_byte int;
BEGIN
  WHILE length(v_token) < 32 LOOP
    v_bytes := uuid_send(gen_random_uuid());
    FOR v_at IN 0..15 LOOP
      CONTINUE WHEN v_at IN (6, 8);
      v_byte := get_byte(v_bytes, v_at);
      IF v_byte < 248 THEN v_token := v_token || substr(v_letters, 1 + v_byte % 62, 1); END IF;
    END LOOP;
  END LOOP;
  RETURN left(v_token, 32);
END`,
  ),
  fn(
    'expire_old_onboarding_links',
    '',
    ['integer'],
    `
DECLARE v_count integer;
BEGIN
  UPDATE onboarding_link SET status = 'expired' WHERE tenant_id = ${tenant}::uuid AND status = 'active' AND expires_at <= now();
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END`,
  ),
  fn(
    'track_onboarding_link_access',
    'p_link_token varchar, p_ip_address inet, p_user_agent text',
    ['void'],
    `
DECLARE
  v_link onboarding_link; v_agent text := left(coalesce(p_user_agent, ''), 512); v_ip text := host(p_ip_address); v_id text; v_now timestamptz; v_time text; v_until text;
  v_was jsonb; v_row jsonb;
BEGIN
  IF p_link_token IS NULL OR v_agent ~* '(facebookexternalhit|WhatsApp|Slackbot|TelegramBot|Twitterbot|LinkedInBot|Discordbot|SkypeUriPreview)' THEN RETURN; END IF;
  SELECT * INTO v_link FROM onboarding_link
    WHERE tenant_id = ${tenant}::uuid AND token_digest = encode(sha256(convert_to(p_link_token, 'UTF8')), 'hex') FOR UPDATE;
  v_now := date_trunc('milliseconds', clock_timestamp());
  IF NOT FOUND OR v_link.status <> 'active' OR v_link.expires_at <= v_now THEN RETURN; END IF;
  IF v_link.dedupe_seconds > 0 THEN
    v_id := encode(sha256(convert_to('["' || v_link.id || '",' || coalesce(to_json(v_ip)::text, 'null') || ',' || to_json(v_agent)::text || ']', 'UTF8')), 'hex');
    v_time := sql_time(v_now);
    v_until := sql_time(v_now + make_interval(secs => greatest(v_link.dedupe_seconds, 60)));
    SELECT to_jsonb(v) INTO v_was FROM onboarding_visitors v WHERE tenant_id = v_link.tenant_id::text AND id = v_id FOR UPDATE;
    IF v_was IS NOT NULL AND v_now < (v_was->>'counted_at')::timestamptz + make_interval(secs => v_link.dedupe_seconds) THEN RETURN; END IF;
    IF v_was IS NULL THEN
      INSERT INTO onboarding_visitors AS v (tenant_id, id, counted_at, expires_at, version, created_at, updated_at)
        VALUES (v_link.tenant_id::text, v_id, v_time, v_until, 1, v_time, v_time) RETURNING to_jsonb(v) INTO v_row;
      PERFORM sql_note(v_link.tenant_id::text, 'onboarding_visitors', 'insert', v_id, NULL, v_row);
    ELSE
      UPDATE onboarding_visitors v SET counted_at = v_time, expires_at = v_until, version = version + 1, updated_at = v_time
        WHERE tenant_id = v_link.tenant_id::text AND id = v_id RETURNING to_jsonb(v) INTO v_row;
      PERFORM sql_note(v_link.tenant_id::text, 'onboarding_visitors', 'update', v_id, v_was, v_row);
    END IF;
  END IF;
  v_now := greatest(v_now, v_link.last_accessed_at);
  UPDATE onboarding_link SET clicks_count = clicks_count + 1, first_accessed_at = coalesce(first_accessed_at, v_now), last_accessed_at = v_now
    WHERE tenant_id = v_link.tenant_id AND id = v_link.id;
  INSERT INTO onboarding_link_access (tenant_id, id, link_id, accessed_at, ip_address, user_agent)
    VALUES (v_link.tenant_id, sql_time_id()::uuid, v_link.id, v_now, p_ip_address, v_agent);
END`,
  ),
  ...(['campaign', 'contact'] as const).map((kind) =>
    fn(
      `get_user_${kind}_count`,
      'p_user_id uuid',
      ['integer', 'sql'],
      ` SELECT count(*)::integer FROM user_${kind}_assignment WHERE tenant_id = ${tenant}::uuid AND user_id = p_user_id AND status = 'active'`,
    ),
  ),
  fn(
    'get_next_user_round_robin',
    'p_organization_id uuid',
    ['uuid'],
    `
DECLARE v_tenant text := ${tenant}::uuid::text; v_today text; v_at text := sql_moment(clock_timestamp()); v_time text := sql_time(clock_timestamp()); v_now jsonb; v_user text;
BEGIN
  IF v_tenant IS NULL OR p_organization_id IS DISTINCT FROM v_tenant::uuid OR NOT EXISTS (SELECT FROM tenants WHERE tenant_id = v_tenant) THEN RETURN NULL; END IF;
  INSERT INTO hand_out_clocks AS c (tenant_id, id, last, version, created_at, updated_at)
    VALUES (v_tenant, 'contacts', v_at, 1, v_time, v_time) ON CONFLICT DO NOTHING RETURNING to_jsonb(c) INTO v_now;
  IF v_now IS NOT NULL THEN PERFORM sql_note(v_tenant, 'hand_out_clocks', 'insert', 'contacts', NULL, v_now); END IF;
  PERFORM 1 FROM hand_out_clocks WHERE tenant_id = v_tenant AND id = 'contacts' FOR UPDATE;
  v_today := to_char(now() AT TIME ZONE coalesce((SELECT time_zone FROM attendance_policies WHERE tenant_id = v_tenant AND id = 'attendance'), 'Asia/Kolkata'), 'YYYY-MM-DD');
  SELECT u.id INTO v_user FROM users u LEFT JOIN workloads w ON w.tenant_id = u.tenant_id AND w.id = u.id
    WHERE u.tenant_id = v_tenant AND u.role IN ('owner', 'admin', 'supervisor', 'manager', 'member') AND u.status = 'active' AND u.assignable
      AND NOT EXISTS (SELECT FROM leaves l WHERE l.tenant_id = v_tenant AND l.user_id = u.id AND l.status = 'approved' AND l.start_date <= v_today AND l.end_date >= v_today)
    ORDER BY coalesce(w.contacts, 0), w.last_assigned_at NULLS FIRST, u.id LIMIT 1;
  RETURN v_user::uuid;
END`,
  ),
]

const needed = [
  'users',
  'contacts',
  'workloads',
  'hand_out_clocks',
  'assignment_steps',
  'onboarding_visitors',
  'leaves',
  'attendance_policies',
  'tenants',
  ...sqlTables.map(({ name }) => name),
]

/** All of them, or none where the tables are not there that they are about. */
export const sqlFunctions = (entities: readonly AnyEntity[]): readonly SqlFunction[] => {
  const there = new Set(entities.map(({ table }) => table))
  return needed.every((table) => there.has(table)) ? [...books, ...sqlTables.map(touch), ...called] : []
}

export const functionSql = ({ name, args, sql, digest }: SqlFunction, { app }: Roles): string =>
  [
    sql,
    `REVOKE ALL ON FUNCTION ${name}(${args}) FROM PUBLIC`,
    `GRANT EXECUTE ON FUNCTION ${name}(${args}) TO ${quote(app)}`,
    `COMMENT ON FUNCTION ${name}(${args}) IS ${literal(`holdfast ${digest}`)}`,
  ].join(';\n')

/** Triggers for what others than the server write. A row that goes with the one it refers to goes unseen by the server, whoever removed that one. */
export function sqlTriggers({ transfer }: Roles): readonly SqlTrigger[] {
  const outside = `(current_setting('app.commit', true) = 'on' AND pg_has_role(session_user, ${literal(transfer)}, 'MEMBER')) IS NOT TRUE`
  return sqlTables.flatMap(({ name }) => [
    {
      table: name,
      name: 'sql_touch',
      sql: `CREATE TRIGGER sql_touch BEFORE INSERT OR UPDATE ON ${name} FOR EACH ROW WHEN (${outside}) EXECUTE FUNCTION sql_touch_${name}()`,
    },
    {
      table: name,
      name: 'sql_record',
      sql: `CREATE TRIGGER sql_record AFTER INSERT OR UPDATE ON ${name} FOR EACH ROW WHEN (${outside}) EXECUTE FUNCTION sql_record()`,
    },
    {
      table: name,
      name: 'sql_removed',
      sql: `CREATE TRIGGER sql_removed AFTER DELETE ON ${name} FOR EACH ROW WHEN (pg_trigger_depth() > 0 OR ${outside}) EXECUTE FUNCTION sql_record()`,
    },
    ...(pairs[name] === undefined
      ? []
      : [
          {
            table: name,
            name: 'sql_books',
            sql: `CREATE TRIGGER sql_books AFTER INSERT OR UPDATE OR DELETE ON ${name} FOR EACH ROW WHEN (${outside}) EXECUTE FUNCTION sql_books_${name}()`,
          },
        ]),
  ])
}
