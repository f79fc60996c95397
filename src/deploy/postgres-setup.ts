import { entities } from '../entities.ts'
import type { Passwords, SetUp } from '../storage/postgres/setup.ts'

/** Database, roles and tables for these entities; see `setUp`. The driver loads only here. */
export async function setUpPostgres(adminUrl: string, options: { database: string } & Passwords): Promise<SetUp> {
  const { setUp } = await import('../storage/postgres/setup.ts')
  return setUp(adminUrl, { ...options, entities })
}
