import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benchEngine } from './engine.ts'
import { rawHashRate } from './raw-hash.ts'
import { createReport, type Round } from './report.ts'
import { measure, type Scenario } from './scenarios.ts'
import { fillFolder, metric, type Server, startHoldfast, startReference } from './servers.ts'
import { deepPages, lone, saturation } from './special.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    sizes: { type: 'string', default: '1000,10000,100000' },
    only: { type: 'string', default: '' },
    folder: { type: 'string' },
    out: { type: 'string' },
  },
})
const seconds = Number(values.seconds)
const sizes = values.sizes.split(',').map(Number)
const wanted = (name: string) => values.only === '' || values.only.split(',').includes(name)
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
const report = createReport()
const clients = 64

console.log(
  `${availableParallelism()} cores (${cpus()[0]?.model}), Node ${process.version}, ${seconds} s a measurement, ${clients} clients, in ${folder}`,
)

/**
 * Reference, Holdfast, reference, in short rounds: each round's ratio is against the mean of its two references, and the median of the rounds is the figure. The machines are shared, and their speed
 * changes by half within a minute; inside one round it hardly does.
 */
async function compare(scenario: Scenario, users: number, ports: { holdfast: Server; reference: Server }) {
  const round = { clients, seconds: Math.max(1, seconds / 4) }
  await measure(ports.reference, scenario, { clients, seconds: 2 })
  await measure(ports.holdfast, scenario, { clients, seconds: 2 })
  const rounds: Round[] = []
  for (let before = await measure(ports.reference, scenario, round); rounds.length < 7; ) {
    const ours = await measure(ports.holdfast, scenario, round)
    const after = await measure(ports.reference, scenario, round)
    rounds.push({ before, ours, after })
    before = after
  }
  return report.compared(scenario, users, rounds)
}

/** Raw, server, raw, in short rounds like those of `compare`: the raw rate of another minute is the rate of another machine. The median. */
async function againstRaw(server: Server): Promise<number> {
  const round = Math.max(1, seconds / 4)
  const shares: number[] = []
  for (let before = await rawHashRate(round); shares.length < 5; ) {
    const { perSecond } = await measure(server, 'sign-in', { clients, seconds: round })
    const after = await rawHashRate(round)
    shares.push((2 * perSecond) / (before + after))
    before = after
  }
  return shares.sort((a, b) => a - b)[2] ?? Number.NaN
}

const p50 = new Map<string, number>()
let port = 18_080
for (const users of sizes) {
  const ours = join(folder, `holdfast-${users}`)
  await fillFolder(ours, users)
  const holdfast = await startHoldfast(ours, port++, users)
  // always with the fewest rows, so that it is the same yardstick for every size
  const reference = await startReference(join(folder, `reference-${users}`), sizes[0] ?? 1000)
  report.plain(`start with ${users} users`, holdfast.startMs, 'ms', { max: 2000 })
  report.plain(`idle memory with ${users} users`, holdfast.idleMib, 'MiB', { max: 120 })
  const servers = { holdfast, reference }
  for (const scenario of ['read-one', 'list-20', 'create'] as const) {
    if (!wanted(scenario)) continue
    const fsyncs = await metric(holdfast, 'holdfast_fsyncs_total')
    const { p50: middle, total } = await compare(scenario, users, servers)
    p50.set(`${scenario} ${users}`, middle)
    if (scenario === 'create')
      report.plain('fsyncs a create at 64 clients', ((await metric(holdfast, 'holdfast_fsyncs_total')) - fsyncs) / total, '', { max: 0.1 })
  }
  if (wanted('deep')) p50.set(`deep page ${users}`, await deepPages(servers, seconds))
  if (wanted('lone')) await lone(servers, report)
  if (wanted('sign-in') && users === sizes[0]) {
    const { spread } = await compare('sign-in', users, servers)
    report.ratio('sign-in p99 against p50', spread, { max: 2 })
    report.ratio('sign-ins against the raw argon2id rate', await againstRaw(holdfast), { min: 0.85 })
    report.ratio('the reference against the raw argon2id rate', await againstRaw(reference), {})
    await saturation(holdfast, report, seconds)
  }
  await holdfast.stop()
  await reference.stop()
}
const [smallest, largest] = [sizes[0], sizes.at(-1)]
if (smallest !== largest) {
  for (const name of ['read-one', 'list-20', 'create', 'deep page']) {
    const [few, many] = [p50.get(`${name} ${smallest}`), p50.get(`${name} ${largest}`)]
    if (few !== undefined && many !== undefined)
      report.ratio(`${name}: p50 at ${largest} users against ${smallest}`, many / few, { max: 1.15 })
  }
}

if (wanted('engine')) await benchEngine(report, folder, seconds)

if (values.folder === undefined) rmSync(folder, { recursive: true, force: true })
const text = report.text()
console.log(`\n${text}`)
if (values.out !== undefined) writeFileSync(values.out, text)
