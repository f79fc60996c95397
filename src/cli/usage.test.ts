import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { AppError } from '../kernel/errors.ts'
import { exitCodeOf } from './exit-codes.ts'
import { program } from './program.ts'
import { cliReference } from './reference.ts'
import { facts, table } from './table.ts'
import { holdfast } from './testing/process.ts'

const nowhere = '/nonexistent/holdfast'

describe.concurrent('wrong usage ends with 2, says what is wrong, and touches nothing', () => {
  test.each([
    [['fly'], "unknown command 'fly'"],
    [['users'], 'Usage: holdfast users'],
    [['users', 'list', '--colour'], "unknown option '--colour'"],
    [['users', 'show'], "missing required argument 'id|username'"],
    [['users', 'show', 'a', 'b'], 'too many arguments'],
    [['users', 'create'], "required option '--username <name>' not specified"],
    [['audit', 'export', '--from', '0'], '--from is "0"'],
    [['audit', 'export', '--from', '3', '--to', '2'], '--to 2 is before --from 3'],
  ])('%j', async (args, words) => {
    const data = `${nowhere}/${args.join('-')}`
    const [plain, asDocument] = await Promise.all([holdfast(data, args), holdfast(data, [...args, '--json'])])
    // what reads needs a folder first; its arguments are looked at before that where they can be
    if (args[0] === 'audit') return expect([2, 4]).toContain(plain.code)
    expect(plain).toMatchObject({ code: 2, out: '' })
    expect(plain.err).toContain(words)
    expect(asDocument).toMatchObject({ code: 2, json: { error: 'usage' } })
  })
})

const leaves = (command: Command): Command[] => (command.commands.length === 0 ? [command] : command.commands.flatMap(leaves))

test.each(leaves(program()).map((command) => [command.parent?.name() ?? '', command.name(), command]))(
  'the help of %s %s has examples that fit it',
  (_parent, name, command) => {
    let help = ''
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
    const [, examples = ''] = help.split('\nExamples:\n')
    expect(examples).toMatch(new RegExp(`^ .*holdfast .*${name}`, 'm'))
    expect(help).toContain('--json')
    for (const [option] of examples.matchAll(/(?<=\s)--[a-z-]+/g)) expect(help.split('\nExamples:\n')[0]).toContain(option)
  },
)

test('help is asked for with success', async () => {
  const [all, one] = await Promise.all([holdfast(nowhere, ['--help']), holdfast(nowhere, ['help', 'users'])])
  expect(all).toMatchObject({ code: 0, err: '' })
  expect(all.out).toContain('Exit codes: 0 done')
  expect(one).toMatchObject({ code: 0, err: '' })
})

test.each([
  ['internal', 'anything', 1],
  ['unavailable', 'port_in_use', 1],
  ['invalid', 'bad_setting', 2],
  ['unavailable', 'storage_damaged', 3],
  ['not_found', 'not_found', 4],
  ['conflict', 'username_taken', 5],
  ['forbidden', 'forbidden', 5],
  ['unprocessable', 'validation_failed', 5],
  ['internal', 'wrong_key', 6],
  ['internal', 'missing_key', 6],
  ['conflict', 'folder_in_use', 7],
  ['no_space', 'no_space', 8],
  ['partner', 'target_unreachable', 8],
] as const)('an error %s %s ends with %i', (kind, code, exit) => {
  expect(exitCodeOf(new AppError(kind, code, 'x'))).toBe(exit)
})

describe('a table', () => {
  test('has columns as wide as their widest cell', () => {
    expect(
      table(
        ['a', 'bb'],
        [
          ['xyz', 1],
          ['', null],
        ],
      ),
    ).toBe('a    bb\nxyz  1\n     -')
  })

  test('shows control characters of stored texts as what they are not', () => {
    expect(facts({ name: 'a\u001b[2Jb\u202ec\nd' })).toBe('name  a\ufffd[2Jb\ufffdc\ufffdd')
  })
})

test('the handbook has what --help says', () => {
  const page = readFileSync(new URL('../../docs/reference/cli.md', import.meta.url), 'utf8')
  expect(page, 'write it anew: node tools/cli-reference.ts').toBe(cliReference())
})
