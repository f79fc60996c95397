import { writeSync } from 'node:fs'
import { z } from 'zod'
import { readConfig } from '../../config.ts'
import { type Context, system } from '../../kernel/context.ts'
import type { AnyOperation } from '../../kernel/operation.ts'
import { perform } from '../../kernel/perform.ts'
import { openHoldfast } from '../../main.ts'
import { firstTenantId } from '../../tenant/every.ts'
import { namedDestination } from '../place.ts'
import { preserve } from '../run.ts'

/**
 * A run of preserve that kills its own process before the step with this number, or says every step it took: `node killed-run.ts <action> <file> <legacy|full> <step>`. Settings are the environment's.
 */
const [action = '', file = '', form = '', at = ''] = process.argv.slice(2)
const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const holdfast = await openHoldfast(readConfig(process.env), quiet)
const { runtime } = holdfast
let steps = 0
function step(name: string): void {
  steps += 1
  if (steps === Number(at)) process.kill(process.pid, 'SIGKILL')
  writeSync(1, `${name}\n`)
}
const job: AnyOperation = {
  name: 'preserve.run',
  summary: 'A run',
  needs: 'preserve:run',
  input: z.unknown(),
  output: z.unknown(),
  async run(context: Context) {
    const destination = namedDestination(file, form === 'full' ? 'full' : 'legacy')
    return {
      output: await preserve(context, {
        action: action as 'ensure',
        destination,
        includeDeleted: false,
        force: false,
        mayBegin: false,
        step,
      }),
    }
  },
}
await perform(runtime, job, {
  actor: system,
  origin: { requestId: 'killed-run', surface: 'cli', network: null, userAgent: null, deviceToken: null },
  tenantId: (await firstTenantId(runtime)) ?? '',
  input: {},
  encode(output) {
    const { error, totals } = output as { error: string | null; totals: { created: number } }
    writeSync(1, `created ${totals.created}\n`)
    if (error !== null) writeSync(2, `${error}\n`)
    return { status: 200, body: '' }
  },
})
await holdfast.close()
