import { globSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { hasDynamo } from './src/testing/dynamodb-server.ts'

const shared = {
  // A process per file: native addons and worker threads are not safe to unload from a shared one.
  pool: 'forks' as const,
  // for a machine at a tenth of its speed; what hangs is stopped all the same
  testTimeout: 180_000,
  hookTimeout: 180_000,
  expect: { poll: { timeout: 60_000 } },
}

/** Tests of features run on a whole server, and so on every engine; the rest chooses its storage itself. */
const features = globSync('src/**/*.test.ts').filter((path) => /\bstart(TestServer|Crm|Workday|Sales)\b/.test(readFileSync(path, 'utf8')))

/** `npm run test:engines` runs the feature tests on the other engines too; the engines' own tests and the contract always run on all three. */
const engines = (process.env.HOLDFAST_TEST_ENGINES ?? 'sqlite').split(',')

const onEngine = (name: 'postgres' | 'dynamodb') => ({
  test: {
    ...shared,
    name,
    include: features,
    env: { HOLDFAST_TEST_ENGINE: name },
    globalSetup: [`src/testing/${name}-setup.ts`],
  },
})

/** Files that take half a minute and more begin first, so that the end does not wait for one of them. */
const long = /chaos\/short|cli\/(restore|commands|serve|rotate-master)|tools\/container|dynamodb\/engine|http\/console/

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }: TestSpecification): boolean => long.test(moduleId)
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

export default defineConfig({
  test: {
    // much of a test is waiting for processes of its own: a worker a core, where the default leaves one idle
    maxWorkers: availableParallelism(),
    sequence: { sequencer: LongestFirst },
    passWithNoTests: true,
    reporters: ['dot'],
    projects: [
      { test: { ...shared, name: 'sqlite', include: ['{src,tools,bench,chaos,client,console}/**/*.test.{ts,tsx}'] } },
      ...(engines.includes('postgres') ? [onEngine('postgres')] : []),
      ...(engines.includes('dynamodb') && hasDynamo() ? [onEngine('dynamodb')] : []),
    ],
  },
})
