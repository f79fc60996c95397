import { writeSync } from 'node:fs'
import { createLambdaHandler } from './lambda-handler.ts'

/** The entry point of the function: `index.handler` in the zip of `bin/holdfast lambda package`. Lines go to the standard output, which is its log group. */
const line = (text: string): void => void writeSync(1, text.endsWith('\n') ? text : `${text}\n`)

const { handle } = createLambdaHandler({
  environment: process.env,
  logTo: line,
  metricsTo: line,
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

export const handler = (event: unknown): ReturnType<typeof handle> => handle(event)
