import { expect, test } from 'vitest'
import { planted } from './planted.ts'
import { checkRules, show } from './rules.ts'

const findingsIn = (files: Record<string, string>): string[] => checkRules(planted(files)).map(show)
const bring = (target: string) => `import { x } from '${target}'\n`
const lines = (count: number) => 'export const x = 1\n'.repeat(count)
const host = ['registry', 'npmjs', 'org'].join('.')
const folder = ['', 'home', 'someone', 'project'].join('/')

test.each<[law: string, path: string, text: string]>([
  ['a feature imports a surface', 'src/team/operations.ts', bring('../surfaces/v1/routes.ts')],
  ['a feature imports the server', 'src/team/operations.ts', bring('../http/server.ts')],
  ['a feature imports an engine', 'src/team/operations.ts', bring('../storage/sqlite/engine.ts')],
  ['a feature imports a backup engine', 'src/team/operations.ts', bring('../backup/s3/target.ts')],
  ['a feature imports the composition', 'src/team/operations.ts', bring('../main.ts')],
  ['a feature loads a surface later', 'src/team/operations.ts', "const x = await import('../surfaces/v1/routes.ts')\n"],
  ['a feature names the type of a surface', 'src/team/operations.ts', "import type { X } from '../surfaces/v1/routes.ts'\n"],
  ['a feature passes a surface on', 'src/team/operations.ts', "export { x } from '../surfaces/v1/routes.ts'\n"],
  ['an import over several lines counts', 'src/team/operations.ts', "import {\n  x,\n  y,\n} from '../http/server.ts'\n"],
  ['a comment that looks like a string hides nothing', 'src/team/a.ts', `const x = '/v1/*'\n${bring('../http/server.ts')}const y = '*/'\n`],
  ['the kernel imports a feature', 'src/kernel/perform.ts', bring('../team/entity.ts')],
  ['the port imports more of the kernel than types', 'src/storage/port.ts', bring('../kernel/perform.ts')],
  ['an engine imports a feature', 'src/storage/sqlite/engine.ts', bring('../../team/entity.ts')],
  ['an engine imports another engine', 'src/storage/sqlite/engine.ts', bring('../postgres/engine.ts')],
  ['an engine starts a worker of another engine', 'src/storage/sqlite/engine.ts', "new URL('../postgres/writer.ts', import.meta.url)\n"],
  ['a surface imports the server', 'src/surfaces/v1/routes.ts', bring('../../http/server.ts')],
  ['the server imports a surface', 'src/http/server.ts', bring('../surfaces/v1/routes.ts')],
  ['the command line imports an engine', 'src/cli/restore.ts', bring('../storage/sqlite/engine.ts')],
  ['a feature imports a test', 'src/team/operations.ts', bring('../storage/contract/harness.ts')],
  ['the product imports a tool', 'src/team/operations.ts', bring('../../tools/rules.ts')],
  ['the console imports the server side', 'console/src/app.tsx', bring('../../src/team/entity.ts')],
  ['a feature opens the platform scope', 'src/team/operations.ts', 'const all = storage.platform()\n'],
  ['the server opens the platform scope', 'src/http/server.ts', 'const all = storage.platform()\n'],
  ['a feature takes a platform store', 'src/team/operations.ts', 'export const f = (store: PlatformStore) => store\n'],
  ['a file has 401 lines', 'src/team/operations.ts', lines(401)],
  ['a test has 401 lines', 'src/team/team.test.ts', lines(401)],
  ['a folder is named utils', 'src/utils/text.ts', ''],
  ['a file is named helpers', 'src/team/helpers.ts', ''],
  ['a test is skipped', 'src/team/team.test.ts', "test.skip('x', () => {})\n"],
  ['a test is the only one', 'src/team/team.test.ts', "describe.only('x', () => {})\n"],
  ['a concurrent test is the only one', 'src/team/team.test.ts', "test.concurrent.only('x', () => {})\n"],
  ['a test of the contract is skipped', 'src/storage/contract/race.ts', "it.skip('x', () => {})\n"],
  ['a feature silences the types', 'src/team/rules.ts', `// ${'biome'}-ignore lint/suspicious/noExplicitAny: why not\n`],
  ['a feature silences the compiler', 'src/team/rules.ts', `// ${'@ts'}-ignore\n`],
  ['a lock file names a registry', 'package-lock.json', JSON.stringify({ resolved: 'https://mirror.example/x-1.0.0.tgz' })],
  ['a page names a registry', 'docs/guide.md', `See ${host}\n`],
  ['a page names a folder of one machine', 'docs/guide.md', `Run it in ${folder}.\n`],
])('is red when %s', (_law, path, text) => {
  const findings = findingsIn({ [path]: text })

  expect(findings.length).toBeGreaterThan(0)
  expect(findings.every((line) => line.startsWith(`error ${path}`))).toBe(true)
})

test('is silent about imports that go the right way', () => {
  const files = {
    'src/main.ts': bring('./storage/sqlite/engine.ts') + bring('./surfaces/v1/routes.ts') + bring('./http/server.ts'),
    'src/cli/main.ts': bring('../main.ts') + bring('../user/operations.ts') + bring('./serve.ts'),
    'src/surfaces/v1/routes.ts': bring('../../team/operations.ts') + bring('../../http/route.ts'),
    'src/http/authenticate.ts': `${bring('../session/operations.ts')}const all = storage.platform()\n`,
    'src/team/operations.ts': `${bring('../user/entity.ts')}${bring('../storage/port.ts')}// not storage.platform()\n`,
    'src/kernel/entity.ts': `// ${'biome'}-ignore lint/suspicious/noExplicitAny: a bound that accepts every entity\n`,
    'src/kernel/perform.ts': bring('../access/permissions.ts') + bring('../storage/port.ts'),
    'src/storage/port.ts': "import type { Change } from '../kernel/change.ts'\nimport { AppError } from '../kernel/errors.ts'\n",
    'src/storage/sqlite/engine.ts': `${bring('./commit.ts')}${bring('../port.ts')}new URL('./writer.ts', import.meta.url)\n`,
    'src/team/team.test.ts': bring('../storage/sqlite/engine.ts') + bring('../http/server.ts'),
    'docs/guide.md': 'GET /v1/home/page, https://example.com/work/orders, ./data/home/x\n',
  }

  expect(findingsIn(files)).toEqual([])
})

test('names the line of a finding', () => {
  const findings = findingsIn({ 'src/team/operations.ts': `/* two\nlines */\n${bring('../http/server.ts')}` })

  expect(findings).toEqual([
    'error src/team/operations.ts:3 imports src/http/server.ts: a feature may import features, the kernel and the ports',
  ])
})

test('warns between 250 and 400 lines', () => {
  expect(findingsIn({ 'src/a.ts': lines(250) })).toEqual([])
  expect(findingsIn({ 'src/a.ts': lines(251) })).toEqual(['warning src/a.ts has 251 lines: over 250 is a smell'])
})
