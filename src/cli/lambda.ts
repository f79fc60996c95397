import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { command, say } from './command.ts'
import { firstOwnerWords } from './connection.ts'

/** Another event or command holds a data folder only for a moment. */
const patienceMs = 20_000

export function addLambda(program: Command): void {
  const lambda = program.command('lambda').summary('Holdfast as an AWS Lambda function').description('Holdfast as an AWS Lambda function.')
  addInvoke(lambda)
}

function addInvoke(lambda: Command): void {
  const invoke = command<{ event?: string }>(lambda, 'invoke', {
    summary: 'Answer one event in this process, with the current settings, as the function would',
    examples: [
      ['holdfast lambda invoke --event event.json', 'an event of a function URL, an API or a schedule; the result is JSON'],
      ['holdfast lambda invoke < event.json', 'the event from standard input'],
    ],
  })
  invoke.command.option('--event <file>', 'the file with the event (default: standard input)')
  invoke.doesAlone(async ({ options }) => {
    const event = await readEventFrom(options.event ?? null)
    const [{ createLambdaHandler }, { openPatiently }] = await Promise.all([
      import('../deploy/lambda-handler.ts'),
      import('./open-patiently.ts'),
    ])
    const handler = createLambdaHandler({
      environment: process.env,
      logTo: say,
      openStore: (config, log, opening) => openPatiently(config, log, { ...opening, patienceMs }),
      madeFirst: (owner) => say(firstOwnerWords(owner)),
    })
    try {
      const result = await handler.handle(event)
      return { document: result, words: JSON.stringify(result) }
    } finally {
      await handler.close()
    }
  })
}

async function readEventFrom(file: string | null): Promise<unknown> {
  const named = file ?? 'Standard input'
  try {
    return JSON.parse(file === null ? await text(process.stdin) : readFileSync(file, 'utf8'))
  } catch (cause) {
    // V8 would quote the text, which may hold a password
    const why = cause instanceof SyntaxError ? 'is no JSON' : `cannot be read (${(cause as NodeJS.ErrnoException).code})`
    throw new AppError('invalid', 'unreadable_event', `${named} ${why}. Give a file with one event of AWS Lambda as JSON.`)
  }
}
