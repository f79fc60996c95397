import { writeSync } from 'node:fs'
import { AppError } from '../kernel/errors.ts'
import { openHoldfast } from '../main.ts'
import { createLambdaHandler } from './lambda-handler.ts'

/** Lines go to the standard output, which is the function's log group. */
const line = (text: string): void => void writeSync(1, text.endsWith('\n') ? text : `${text}\n`)

/** There is no disk to keep a key on. */
const openStore: typeof openHoldfast = (...given) => {
  if (process.env.HOLDFAST_KEY || process.env.HOLDFAST_KEY_WRAPPED) return openHoldfast(...given)
  throw new AppError(
    'internal',
    'missing_key',
    'The function has no master key. Make one with the key of its stack and hand it over as the parameter WrappedKey (HOLDFAST_KEY_WRAPPED): docs/aws.md says how.',
  )
}

// the stack is there before its wrapped key is: until then the key that would open it is of no use
const environment = process.env.HOLDFAST_KEY_WRAPPED ? process.env : { ...process.env, HOLDFAST_KMS_KEY: '' }

const { handle } = createLambdaHandler({
  environment,
  logTo: line,
  metricsTo: line,
  openStore,
  // a log is no place for a password
  madeFirst: ({ tenantId, username }) =>
    line(
      JSON.stringify({
        level: 'warn',
        tenantId,
        username,
        msg: 'first tenant made; set its owner a password with bin/holdfast users password',
      }),
    ),
})

/** The entry point of the function: `index.handler` in the zip of `bin/holdfast lambda package`. */
export const handler = (event: unknown, context?: { getRemainingTimeInMillis(): number }): ReturnType<typeof handle> =>
  handle(event, context?.getRemainingTimeInMillis())
