import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { freshDatabase } from './postgres-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A superuser's URL of the PostgreSQL that this run started. */
    postgres: string
    /** The DynamoDB that this run started. */
    dynamodb: string
  }
}

/** Which storage the feature tests of this process run on; the test runner's projects say it (vitest.config.ts). */
export const testEngine = (process.env.HOLDFAST_TEST_ENGINE ?? 'sqlite') as 'sqlite' | 'postgres' | 'dynamodb'

/** A new and empty storage of the engine under test: its settings, and what takes it away again. */
export async function freshStorage(): Promise<{ environment: Record<string, string>; drop(): Promise<void> }> {
  if (testEngine === 'postgres') {
    const { url, drop } = await freshDatabase(inject('postgres'))
    return { environment: { HOLDFAST_STORAGE: url }, drop }
  }
  if (testEngine === 'dynamodb') {
    const url = `dynamodb://eu-central-1?prefix=t${randomBytes(6).toString('hex')}&endpoint=${encodeURIComponent(inject('dynamodb'))}`
    return { environment: { HOLDFAST_STORAGE: url }, drop: async () => {} }
  }
  return { environment: {}, drop: async () => {} }
}
