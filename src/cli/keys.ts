import type { Command } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { isWithoutKey, openMasterKeys } from '../master-key.ts'
import { type Answer, command } from './command.ts'
import { addRotateMaster } from './keys-rotate-master.ts'
import { recoveryKit } from './recovery-kit.ts'
import { table } from './table.ts'

type Keys = { items: { kid: string; purpose: string; createdAt: string; state: string }[] }

export function addKeys(program: Command): void {
  const keys = program
    .command('keys')
    .summary('Signing keys')
    .description('The keys that sign access tokens and the log. They live in the store, sealed by the master key.')
  command<object>(keys, 'list', {
    summary: 'List the signing keys',
    examples: [['holdfast keys list --json', 'with their public halves, to check exports and tokens elsewhere']],
    reads: true,
  }).does(async ({ run }) => answerOf(await run('key.list', 'platform', {})))
  command<object>(keys, 'rotate', {
    summary: 'Make new signing keys',
    examples: [['holdfast keys rotate', 'the former keys still verify what they signed, so nobody is signed out']],
    reads: true,
  }).does(async ({ run }) => answerOf(await run('key.rotate', 'platform', {})))
  command<object>(keys, 'recovery', {
    summary: 'Show what opens the backups',
    examples: [['holdfast keys recovery', 'the recovery kit: how to read the backups with Holdfast, and without it']],
    reads: true,
  }).doesAlone(async ({ config, say }) => {
    if (isWithoutKey(config)) throw withoutKey(config.dataFolder)
    const { recipient, identity, text } = await recoveryKit(config, await openMasterKeys(config))
    say('This is secret: whoever has it can read every backup.')
    return { document: { recipient, identity }, words: text }
  })
  addRotateMaster(keys)
}

const withoutKey = (folder: string): AppError =>
  new AppError(
    'internal',
    'missing_key',
    `There is no master.key in ${folder}, and HOLDFAST_KEY is not set. Put the key back: the recovery kit follows from it.`,
  )

const answerOf = (keys: Keys): Answer => ({
  document: keys,
  words: table(
    ['kid', 'signs', 'made', 'state'],
    keys.items.map(({ kid, purpose, createdAt, state }) => [kid, purpose === 'log' ? 'the log' : 'tokens', createdAt, state]),
  ),
})
