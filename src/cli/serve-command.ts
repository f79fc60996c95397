import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { examplesText } from './command.ts'

const settings = `
Settings (environment):
  HOLDFAST_HOST, HOLDFAST_PORT   where to listen (127.0.0.1, 8080)
  HOLDFAST_DATA                  the data folder (./data)
  HOLDFAST_KEY                   32-byte master key in base64 (default: the file master.key in the data folder, made at the first start)
  HOLDFAST_TENANT, HOLDFAST_OWNER_USERNAME, HOLDFAST_OWNER_PASSWORD   the first tenant and its owner; without a password one is made and printed once
  HOLDFAST_LOG_LEVEL             info, debug, warn, error or silent`

const examples = [
  ['holdfast serve', 'listen at http://127.0.0.1:8080, keep the data in ./data'],
  ['HOLDFAST_PORT=9000 HOLDFAST_DATA=/srv/holdfast holdfast serve', 'another port, another folder'],
] as const

export function addServe(program: Command): void {
  program
    .command('serve')
    .summary('Run the server')
    .description(
      'Runs the server until SIGTERM or Ctrl-C; then it finishes the requests it has and ends. Log lines (JSON) go to standard output, words to standard error.',
    )
    .option('--json', 'accepted as everywhere; the log is JSON anyway')
    .addHelpText('after', `${settings}\n${examplesText(examples)}`)
    .action(async () => {
      const config = readConfig(process.env)
      const { serve } = await import('./serve.ts')
      await serve(config)
    })
}
