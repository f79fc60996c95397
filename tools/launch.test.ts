import { spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { planted } from './planted.ts'

const top = join(import.meta.dirname, '..')

const entry = `
const [command = '', ...rest] = process.argv.slice(2)
if (command === 'exit') process.exit(Number(rest[0]))
if (command === 'echo') process.stdin.pipe(process.stdout)
if (command === 'say') console.log(JSON.stringify({ rest, cwd: process.cwd(), threads: process.env.UV_THREADPOOL_SIZE }))
if (command === 'wait') {
  setInterval(() => {}, 1000)
  process.on('SIGTERM', () => process.exit(7))
  console.log(process.pid)
}
`

/** Stands in for npm: notes its arguments, takes a moment, and leaves npm's record behind. */
const fakeNpm = `#!/bin/sh
echo "words of npm"
echo "$*" >> npm-calls
sleep 0.3
mkdir -p node_modules/vitest && cp package-lock.json node_modules/.package-lock.json
touch node_modules/vitest/package.json
`

const lockOf = (version: string) => JSON.stringify({ packages: { '': {}, 'node_modules/a': { version, integrity: 'x' } } })

/** A fresh clone: launchers, a lock file, no node_modules; \`npm\` on its path is the stand-in. */
function freshClone() {
  const root = planted({ 'package.json': '{}', 'package-lock.json': lockOf('1.0.0'), 'src/cli/main.ts': entry, 'path/npm': fakeNpm })
  for (const file of ['bin/holdfast', 'tools/run', 'tools/install.mjs']) {
    mkdirSync(join(root, file, '..'), { recursive: true })
    copyFileSync(join(top, file), join(root, file))
  }
  chmodSync(join(root, 'path/npm'), 0o755)
  return root
}

function start(root: string, args: string[], { command = join(root, 'bin/holdfast'), cwd = tmpdir() } = {}) {
  const path = `${join(root, 'path')}:${process.execPath.replace(/\/node$/, '')}:${process.env.PATH}`
  const child = spawn(command, args, { cwd, env: { ...process.env, PATH: path, UV_THREADPOOL_SIZE: undefined } })
  const output = { out: '', err: '' }
  child.stdout.on('data', (chunk) => (output.out += chunk))
  child.stderr.on('data', (chunk) => (output.err += chunk))
  const ended = new Promise<{ code: number | null; signal: string | null; out: string; err: string }>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, ...output })),
  )
  const spoke = new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
  return { child, ended, spoke, output }
}

const npmCalls = (root: string): string[] => readFileSync(join(root, 'npm-calls'), 'utf8').trim().split('\n')

test('installs on a fresh clone, once, and keeps standard output for the command', async () => {
  const root = freshClone()

  const first = await start(root, ['exit', '0']).ended
  const second = await start(root, ['exit', '0']).ended

  expect(first).toMatchObject({ code: 0, out: '' })
  expect(first.err).toContain('words of npm')
  expect(second).toMatchObject({ code: 0, out: '', err: '' })
  expect(npmCalls(root)).toEqual(['ci --loglevel=error'])
})

test('installs again when the lock file changed', async () => {
  const root = freshClone()
  await start(root, ['exit', '0']).ended
  writeFileSync(join(root, 'package-lock.json'), lockOf('1.0.1'))

  await start(root, ['exit', '0']).ended

  expect(npmCalls(root)).toHaveLength(2)
})

test('does not install after somebody else ran npm', async () => {
  const root = freshClone()
  mkdirSync(join(root, 'node_modules'))
  copyFileSync(join(root, 'package-lock.json'), join(root, 'node_modules/.package-lock.json'))
  writeFileSync(join(root, 'npm-calls'), '')

  expect(await start(root, ['exit', '0']).ended).toMatchObject({ code: 0 })
  expect(npmCalls(root)).toEqual([''])
})

test('installs once when two commands start together', async () => {
  const root = freshClone()

  const both = await Promise.all([start(root, ['exit', '0']).ended, start(root, ['exit', '0']).ended])

  expect(both.map(({ code }) => code)).toEqual([0, 0])
  expect(npmCalls(root)).toHaveLength(1)
})

test('says why it stops when npm fails', async () => {
  const root = freshClone()
  writeFileSync(join(root, 'path/npm'), '#!/bin/sh\nexit 1\n')

  const { code, out, err } = await start(root, ['say']).ended

  expect({ code, out }).toEqual({ code: 69, out: '' })
  expect(err).toContain('npm ci failed')
})

test('passes arguments, input, exit code and working directory, through symbolic links too', async () => {
  const root = freshClone()
  symlinkSync(join(root, 'bin/holdfast'), join(root, 'absolute'))
  symlinkSync('../absolute', join(root, 'path/relative'))
  const command = join(root, 'path/relative')

  expect((await start(root, ['exit', '3'], { command }).ended).code).toBe(3)
  const said = JSON.parse((await start(root, ['say', 'a b', '', '*'], { command, cwd: root }).ended).out)
  expect(said).toMatchObject({ rest: ['a b', '', '*'], cwd: root, threads: expect.stringMatching(/^\d+$/) })

  const { child, ended } = start(root, ['echo'], { command })
  child.stdin.end('through and through')
  expect((await ended).out).toBe('through and through')
})

test('is one process: signals reach the server, and kill -9 leaves nothing behind', async () => {
  const root = freshClone()
  for (const [signal, end] of [
    ['SIGTERM', { code: 7, signal: null }],
    ['SIGINT', { code: null, signal: 'SIGINT' }],
    ['SIGHUP', { code: null, signal: 'SIGHUP' }],
    ['SIGKILL', { code: null, signal: 'SIGKILL' }],
  ] as const) {
    const { child, ended, spoke, output } = start(root, ['wait'])
    await spoke
    expect(Number(output.out)).toBe(child.pid)
    child.kill(signal)
    expect(await ended).toMatchObject(end)
  }
})
