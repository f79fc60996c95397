import type { Command } from 'commander'
import { parseStorage, storageText } from '../storage-config.ts'
import { command } from './command.ts'
import type { MoveAnswer } from './move-task.ts'
import { withProgress } from './progress.ts'

type Options = { to: string }

export function addMove(program: Command): void {
  const { command: made, does } = command<Options>(program, 'move', {
    summary: 'Move everything to another storage',
    examples: [
      ['holdfast move --to postgres://holdfast@db.example.org/holdfast', 'to PostgreSQL, while the server goes on serving'],
      [
        "holdfast move --to 'dynamodb://eu-central-1?prefix=holdfast'",
        'to DynamoDB; its tables are there already (holdfast dynamodb setup)',
      ],
      ['holdfast move --to sqlite:/srv/holdfast-new', 'to SQLite, in another folder'],
    ],
    reads: true,
  })
  made.requiredOption('--to <storage>', 'where to: a URL as for HOLDFAST_STORAGE, or the path of a folder for SQLite. It must hold no data')
  does(async ({ options, config, run, say }) => {
    const to = parseStorage('--to', options.to, process.env)
    if (to.engine === 'sqlite') to.folder ??= config.dataFolder
    const { dataFolder } = config
    const at = { to, dataFolder, from: storageText(config.storage) }
    const moved = await withProgress('Moving', (events) => run<MoveAnswer>('storage.move', 'platform', at, events))
    if (moved.resumed) say('An earlier run had begun this move; it went on from there.')
    const next = storageText(to)
    return { document: { ...moved, to: next }, words: wordsOf(moved, next, dataFolder) }
  })
}

function wordsOf({ entities, log, pausedMs, sealed }: MoveAnswer, to: string, dataFolder: string): string {
  const rows = Object.values(entities).reduce((sum, count) => sum + count, 0)
  return `Moved to ${to}: ${rows.toLocaleString('en')} rows and ${log.entries.toLocaleString('en')} entries of the log, compared one by one and equal.
${sealed ? `Writes waited ${(pausedMs / 1000).toFixed(1)} s. The server refuses them from now on, so that nothing is written to the old storage by mistake.` : 'No server was running. Start none on the old storage: what is written there is not in the new one.'}

What is left to do, now:
  1. Stop the server, if it runs.
  2. Set HOLDFAST_STORAGE to the storage above, written as you gave it to --to.
     Keep HOLDFAST_DATA (${dataFolder}) and HOLDFAST_KEY: the master key did not travel, and the moved data opens with it alone.
  3. Start the server, sign in, and look at bin/holdfast doctor.
The old storage is as it was. The way back: docs/moving.md.`
}
