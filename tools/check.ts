// The whole check, the same here and in CI. Arguments pick steps by name: npm run check -- types style rules
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { absentExtras } from './extras.ts'
import { checkRules, show } from './rules.ts'

type Outcome = { passed: number; failed: number }

const root = join(import.meta.dirname, '..')
const outcome = (ok: boolean): Outcome => (ok ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 })

/** A hung test run must end; a good one takes under a quarter of an hour on two quiet cores. */
const longestMs = 40 * 60_000

function run(script: string, ...args: string[]): boolean {
  const { status, signal, error } = spawnSync(process.execPath, [join(root, 'node_modules', script), ...args], {
    cwd: root,
    stdio: 'inherit',
    timeout: longestMs,
  })
  if (status === null) console.error(error ? error.message : `${script} ended by ${signal}`)
  return status === 0
}

function rules(): Outcome {
  const findings = checkRules(root)
  for (const finding of findings) console.log(show(finding))
  return outcome(findings.every((finding) => finding.warning))
}

function extras(): Outcome {
  const absences = absentExtras(root, { ci: process.env.CI === 'true' })
  for (const { message } of absences) console.log(`!! ${message}`)
  return outcome(absences.every((absence) => !absence.fails))
}

/** Counts single tests. A file that does not load, or an error outside any test, counts as one failure. */
function tests(): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-check-'))
  const report = join(folder, 'report.json')
  const ok = run('vitest/vitest.mjs', 'run', '--reporter=dot', '--reporter=json', `--outputFile.json=${report}`)
  try {
    const counts = JSON.parse(readFileSync(report, 'utf8')) as { numPassedTests: number; numFailedTests: number }
    return { passed: counts.numPassedTests, failed: counts.numFailedTests || (ok ? 0 : 1) }
  } catch {
    return { passed: 0, failed: ok ? 0 : 1 } // no report: nothing to test, or a crash
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const steps: Record<string, () => Outcome> = {
  types: () => outcome(run('typescript/bin/tsc', '--noEmit') && run('typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.tests.json')),
  // built first: its types come with what it is built from
  console: () => outcome(run('../tools/console.mjs', '--strict') && run('typescript/bin/tsc', '--noEmit', '-p', 'console')),
  style: () => outcome(run('@biomejs/biome/bin/biome', 'check', '--error-on-warnings')),
  rules,
  'dead-code': () => outcome(run('knip/bin/knip.js', '--no-progress', '--no-config-hints')),
  extras,
  tests,
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in steps))
if (unknown.length > 0) {
  console.error(`no step ${unknown.join(', ')}: there are ${Object.keys(steps).join(', ')}`)
  process.exit(64)
}

const total: Outcome = { passed: 0, failed: 0 }
const red: string[] = []
for (const [name, step] of Object.entries(steps)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n== ${name}`)
  const { passed, failed } = step()
  total.passed += passed
  total.failed += failed
  if (failed > 0) red.push(name)
}
if (red.length > 0) console.log(`\nfailed: ${red.join(', ')}`)
console.log(`\n${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed > 0 ? 1 : 0
