import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { planted } from './planted.ts'

const top = join(import.meta.dirname, '..')
const biome = join(top, 'node_modules/@biomejs/biome/bin/biome')

/** What Biome says, with the project's settings, about a file with this code. */
function check(path: string, code: string): string {
  const root = planted({ 'biome.json': readFileSync(join(top, 'biome.json'), 'utf8'), [path]: code })
  const { stdout, stderr } = spawnSync(process.execPath, [biome, 'check', '--vcs-enabled=false', '--colors=off', path], {
    cwd: root,
    encoding: 'utf8',
  })
  return stdout + stderr
}

test.each([
  ['any', 'suspicious/noExplicitAny', 'export const f = (x: any): unknown => x\n'],
  ['a non-null assertion', 'style/noNonNullAssertion', 'export const f = (x: string | null): string => x!\n'],
  ['a barrel file', 'performance/noReExportAll', "export * from './entity.ts'\n"],
  ['five parameters', 'complexity/useMaxParams', 'export const f = (a: 1, b: 1, c: 1, d: 1, e: 1): unknown[] => [a, b, c, d, e]\n'],
  ['a promise nobody waits for', 'nursery/noFloatingPromises', 'const f = async () => 1\nf()\n'],
  ['another layout', 'format', 'export const x = "1";\n'],
])('refuses %s', (_name, rule, code) => {
  expect(check('src/team/rules.ts', code)).toContain(`src/team/rules.ts`)
  expect(check('src/team/rules.ts', code)).toContain(rule)
})

test('has nothing against the house style', () => {
  expect(check('src/team/rules.ts', 'export const f = (x: string): string => x\n')).toContain('Checked 1 file')
})
