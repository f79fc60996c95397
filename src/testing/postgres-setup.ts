import type { TestProject } from 'vitest/node'
import { startPostgres } from './postgres-server.ts'
import './engines.ts'

/** One PostgreSQL for all feature tests of a run; every test server gets a database of its own in it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { adminUrl, stop } = await startPostgres()
  project.provide('postgres', adminUrl)
  return stop
}
