import { CommanderError } from 'commander'
import { printError, say } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { program } from './program.ts'
import { shownError } from './shown-error.ts'

/** Runs the command line. Resolves to the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const isJson = args.includes('--json')
  try {
    await program().parseAsync(args, { from: 'user' })
    return Number(process.exitCode ?? exitCodes.done)
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      const shown = shownError(error)
      // a bug of ours: whoever reports it sends where it was
      if (shown.code === 'internal' && error instanceof Error) say(error.stack ?? '')
      return printError(shown, isJson)
    }
    // help that was asked for is an answer; help for want of a command is wrong usage
    if (error.exitCode === 0) return exitCodes.done
    if (isJson) process.stdout.write(`${JSON.stringify({ error: 'usage', message: error.message.replace(/^error: /, '') })}\n`)
    return exitCodes.usage
  }
}
