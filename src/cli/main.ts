import { CommanderError } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { printError, say } from './command.ts'
import { shownError } from './control-wire.ts'
import { exitCodes } from './exit-codes.ts'
import { program } from './program.ts'

async function main(args: readonly string[]): Promise<number> {
  const isJson = args.includes('--json')
  try {
    await program().parseAsync(args, { from: 'user' })
    return Number(process.exitCode ?? exitCodes.done)
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      if (!(error instanceof AppError) && error instanceof Error) say(error.stack ?? '')
      return printError(shownError(error), isJson)
    }
    // help that was asked for is an answer; help for want of a command is wrong usage
    if (error.exitCode === 0) return exitCodes.done
    if (isJson) process.stdout.write(`${JSON.stringify({ error: 'usage', message: error.message.replace(/^error: /, '') })}\n`)
    return exitCodes.usage
  }
}

// a reader that went away, as in `holdfast users list | head`, is no failure
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? exitCodes.done : exitCodes.failed))

const exitCode = await main(process.argv.slice(2))
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)))
