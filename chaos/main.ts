// npm run chaos: breaks servers in every way that RELIABILITY.md lists, and checks that nothing acknowledged is lost (docs/chaos.md).
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { engineNames } from './databases.ts'
import { faultNames, runControls, runFaults } from './run.ts'

const { values } = parseArgs({
  options: {
    cycles: { type: 'string' },
    engine: { type: 'string', default: 'sqlite' },
    help: { type: 'boolean', short: 'h', default: false },
    only: { type: 'string' },
    short: { type: 'boolean', default: false },
    negative: { type: 'boolean', default: false },
    seed: { type: 'string' },
    summary: { type: 'string' },
  },
})

const numberOf = (name: 'cycles' | 'seed'): number | null => {
  const given = values[name]
  if (given === undefined) return null
  if (/^[1-9]\d{0,8}$/.test(given)) return Number(given)
  throw new Error(`--${name} takes a whole number from 1, not ${given}`)
}

const engine = engineNames.find((name) => name === values.engine)
if (engine === undefined) throw new Error(`--engine takes ${engineNames.join(', ')}, not ${values.engine}`)

const usage = `npm run chaos -- [--engine ${engineNames.join('|')}] [--only fault,…] [--cycles n] [--seed n] [--summary file] [--short | --negative]
Faults on ${engine}: ${faultNames(engine).join(', ')}. docs/chaos.md says what each does.`

const run = (): Promise<number> =>
  (values.negative ? runControls : runFaults)({
    engine,
    cycles: numberOf('cycles'),
    only: values.only?.split(',') ?? null,
    isShort: values.short,
    seed: numberOf('seed') ?? 1 + (Date.now() % 1_000_000),
    summary: values.summary ?? join(tmpdir(), 'holdfast-chaos.json'),
    say: (text) => console.log(text),
  })

if (values.help) console.log(usage)
else process.exitCode = await run()
