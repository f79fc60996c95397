import { createHash } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Command, Option } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { command, examplesText, say } from './command.ts'
import { firstOwnerWords } from './connection.ts'
import { refusing } from './output-file.ts'

/** Another event or command holds a data folder only for a moment. */
const patienceMs = 20_000

export function addLambda(program: Command): void {
  const lambda = program.command('lambda').summary('Holdfast as an AWS Lambda function').description('Holdfast as an AWS Lambda function.')
  addInvoke(lambda)
  addPackage(lambda)
}

function addPackage(lambda: Command): void {
  lambda
    .command('package')
    .summary("Write the function's code as a zip")
    .description(
      "Writes the function's code as a zip: the handler (index.handler) and what it needs, for DynamoDB and S3. No setting is in it.",
    )
    .requiredOption('--out <file>', 'the zip to write; one that is there is replaced')
    .addOption(new Option('--arch <name>', "the function's architecture (default: this machine's)").choices(['x86_64', 'arm64']))
    .option('--json', 'print one JSON document on standard output')
    .addHelpText('after', examplesText([['holdfast lambda package --out holdfast.zip --arch arm64', 'for a function on Graviton']]))
    .action(async ({ out, arch, json }: { out: string; arch?: 'x86_64' | 'arm64'; json?: true }) => {
      const { ownArchitecture, packageLambda } = await import('../deploy/lambda-package.ts')
      const architecture = arch ?? ownArchitecture
      const bytes = await packageLambda(architecture)
      const file = resolve(out)
      const temporary = `${file}.${process.pid}.tmp`
      await refusing(file, async () => {
        writeFileSync(temporary, bytes, { flush: true })
        renameSync(temporary, file)
      })
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      const document = { file, bytes: bytes.length, sha256, architecture, handler: 'index.handler' }
      const words = `${file}: ${(bytes.length / 1e6).toFixed(1)} MB for ${architecture}, handler index.handler, SHA-256 ${sha256}`
      process.stdout.write(`${json === true ? JSON.stringify(document) : words}\n`)
    })
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
