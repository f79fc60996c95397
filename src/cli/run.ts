import { CommanderError } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { printError, say } from './command.ts'
import { shownError } from './control-wire.ts'
import { exitCodes } from './exit-codes.ts'
import { program } from './program.ts'

/** Runs the command line. Resolves to the exit code. */
export async function run(args: readonly string[]): Promise<number> {
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
