import type { LoggedEntry } from '../port.ts'
import { isOutage, writeFailed } from './failures.ts'
import type { Pool } from './pool.ts'
import { setRole } from './questions.ts'
import type { Roles } from './schema.ts'
import { arrayText } from './values.ts'

/** Replaces entries where their hash is the stored one, all or none. The former rows are dead from then on, and their place is used again by autovacuum. */
export async function eraseEntries(
  pool: Pool,
  roles: Roles,
  { tenantId, entries }: { tenantId: string; entries: readonly LoggedEntry[] },
): Promise<void> {
  const column = (value: (one: LoggedEntry) => string | null): string => arrayText(entries.map(value))
  const replace = {
    text: `UPDATE log SET entry = given.entry, secrets = given.secrets
      FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[]) AS given (stream, sequence, hash, entry, secrets)
      WHERE log.tenant_id = $1 AND log.stream = given.stream AND log.sequence = given.sequence AND log.hash = given.hash RETURNING log.sequence`,
    values: [
      tenantId,
      column(({ entry }) => entry.stream),
      column(({ entry }) => String(entry.sequence)),
      column(({ hash }) => hash),
      column(({ text }) => text),
      column(({ secrets }) => secrets),
    ],
  }
  await pool
    .use(async (link) => {
      const [, , replaced] = await link.run([{ text: 'BEGIN' }, setRole(roles, 'transfer'), replace])
      if (replaced?.rows.length !== entries.length) throw new Error('An entry with that hash is not there')
      await link.run([{ text: 'COMMIT' }])
    })
    .catch((error: unknown) => Promise.reject(isOutage(error) ? writeFailed(error) : error))
}
