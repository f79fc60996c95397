import type { Command } from 'commander'
import { type Config, readConfig } from '../config.ts'
import type { AppError } from '../kernel/errors.ts'
import { connected, type Run } from './connection.ts'
import type { Place } from './control-wire.ts'
import { type ExitCode, exitCodeOf } from './exit-codes.ts'

/** What a command found: one JSON document for programs (undefined when it has put out its own), words or a table for people. */
export type Answer = { document: unknown; words: string; exitCode?: ExitCode }

export type Call<O> = {
  args: readonly string[]
  options: O
  config: Config
  run: Run
  /** The tenant that `--tenant` names. */
  here: Place
  isJson: boolean
  /** Words for people, on standard error. */
  say(words: string): void
}

type Spec = {
  summary: string
  /** Complete command lines for the help, each with what it does. */
  examples: readonly (readonly [line: string, does: string])[]
  /** Works in one tenant, which `--tenant` chooses. */
  inTenant?: boolean
  /** Reads only: a folder without data is refused instead of made. */
  reads?: boolean
  /** Waits half a minute for another command of its kind. */
  waits?: boolean
}

/** Words for people. Standard output is for the answer alone. */
export const say = (words: string): void => void process.stderr.write(words.endsWith('\n') ? words : `${words}\n`)

/** Adds a command with what all commands share: `--json`, `--tenant`, examples in its help. Returns how to say what it does. */
export function command<O extends object>(parent: Command, usage: string, spec: Spec) {
  const made = parent.command(usage).summary(spec.summary).description(`${spec.summary}.`)
  made.option('--json', 'print one JSON document on standard output; words for people go to standard error')
  if (spec.inTenant === true) made.option('--tenant <id|key>', 'the tenant to work in (default: the only tenant, else the first)')
  made.addHelpText('after', examplesText(spec.examples))
  const act = (work: (call: Omit<Call<O>, 'run'>) => Promise<Answer>): void =>
    void made.action(async () => {
      const options = made.opts<O & { json?: true; tenant?: string }>()
      const answer = await work({
        args: made.processedArgs as string[],
        options,
        config: readConfig(process.env),
        here: { tenant: options.tenant ?? null },
        isJson: options.json === true,
        say,
      })
      print(answer, options.json === true)
    })
  return {
    command: made,
    /** What it does with the store: through the running server, or by opening the folder. */
    does: (work: (call: Call<O>) => Promise<Answer>): void =>
      act((call) =>
        connected({ config: call.config, mayBegin: spec.reads !== true, isPatient: spec.waits === true, say }, (run) =>
          work({ ...call, run }),
        ),
      ),
    /** What it does with or without a store: it connects by itself. */
    doesAlone: act,
  }
}

export function examplesText(examples: Spec['examples']): string {
  const width = Math.max(...examples.map(([line]) => line.length))
  const lines = examples.map(([line, does]) => (width > 70 ? `  # ${does}\n  ${line}\n` : `  ${line.padEnd(width)}  # ${does}`))
  return `\nExamples:\n${lines.join('\n')}`
}

function print({ document, words, exitCode }: Answer, isJson: boolean): void {
  const text = isJson ? JSON.stringify(document) : words.replace(/\n$/, '')
  if (text) process.stdout.write(`${text}\n`)
  if (exitCode !== undefined) process.exitCode = exitCode
}

/** Says what went wrong, in words and, for programs, as the one document, and gives the exit code. */
export function printError(error: AppError, isJson: boolean): ExitCode {
  const { code, message, errors } = error
  say(`holdfast: ${message}`)
  for (const { field, message: what } of errors ?? []) if (!message.includes(what)) say(`  ${field}: ${what}`)
  if (isJson) process.stdout.write(`${JSON.stringify({ error: code, message, ...(errors === undefined ? {} : { errors }) })}\n`)
  return exitCodeOf(error)
}
