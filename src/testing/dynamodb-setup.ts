import type { TestProject } from 'vitest/node'
import { startDynamo } from './dynamodb-server.ts'
import './engines.ts'

/** One DynamoDB for all feature tests of a run; every test server has tables of its own in it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { endpoint, stop } = await startDynamo()
  project.provide('dynamodb', endpoint)
  return stop
}
