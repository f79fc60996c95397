import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Instruction, keptBy, readDockerfile } from './dockerfile.ts'

const unshare = 'unshare'
const top = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(top, path), 'utf8')
const stages = readDockerfile(read('Dockerfile'))
const [build, final] = stages
const isKept = keptBy(read('.dockerignore'))
const ends: (() => void)[] = []

afterAll(() => {
  for (const end of ends.splice(0).reverse()) end()
}, 300_000)

const of = (stage: typeof final, name: string): Instruction[] => stage?.instructions.filter((each) => each.name === name) ?? []
const last = (stage: typeof final, name: string): string => of(stage, name).at(-1)?.text ?? ''
const list = (text: string): string[] => JSON.parse(text) as string[]

/** The environment of a stage. */
const environmentOf = (stage: typeof final): Record<string, string> =>
  Object.fromEntries(
    of(stage, 'ENV').flatMap(({ text }) => [...text.matchAll(/(\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value])),
  )

test('keeps everything out of the image but what is named', () => {
  for (const path of ['package.json', 'package-lock.json', '.npmrc', 'bin/holdfast', 'tools/run', 'src/cli/main.ts', 'docs/errors.md'])
    expect(isKept(path), path).toBe(true)
  const out = [
    '.git/config',
    '.env',
    'data/holdfast.db',
    'data/master.key',
    'node_modules/zod/package.json',
    'docs/results.md',
    'tools/check.ts',
    'chaos/main.ts',
  ]
  for (const path of [...out, 'src/main.test.ts', 'src/config.test.ts', 'src/testing/server.ts', 'src/storage/contract/suite.ts'])
    expect(isKept(path), path).toBe(false)
})

test('ends in a small image of two stages that runs as nobody in particular, from a folder that is not its own', () => {
  expect(stages).toHaveLength(2)
  expect(build?.from).toMatch(/^node:24-slim$/)
  expect(final?.from).toMatch(/^debian:\w+-slim$/)
  expect(last(final, 'USER')).toBe('10001:10001')
  // what compiled the cache has the id of what reads it
  expect(last(build, 'USER')).toBe(last(final, 'USER'))
  expect(last(final, 'VOLUME')).toBe('/data')
  expect(environmentOf(final)).toMatchObject({
    NODE_ENV: 'production',
    HOLDFAST_DATA: '/data',
    HOLDFAST_HOST: '0.0.0.0',
    HOLDFAST_PORT: last(final, 'EXPOSE'),
  })
  expect(list(last(final, 'ENTRYPOINT'))).toEqual(['/app/bin/holdfast'])
  expect(list(last(final, 'CMD'))).toEqual(['serve'])
  expect(last(final, 'HEALTHCHECK')).not.toMatch(/curl|wget/)
  for (const { text, flags } of of(final, 'COPY')) expect({ text, flags }).toEqual({ text: '/app /app', flags: { from: 'build' } })
  for (const { text } of [...of(build, 'RUN'), ...of(final, 'RUN')]) expect(text).not.toMatch(/apt|curl|wget|https?:/)
})

/** What COPY of the build stage takes from the checkout, without what .dockerignore leaves out. */
function copy({ text }: Instruction, app: string): void {
  const words = text.split(/ +/)
  const to = words.pop() ?? ''
  for (const from of words) {
    expect(existsSync(join(top, from)), from).toBe(true)
    expect(isKept(from), from).toBe(true)
    const isFolder = statSync(join(top, from)).isDirectory()
    const target = isFolder || !to.endsWith('/') ? join(app, to) : join(app, to, from.split('/').at(-1) ?? '')
    mkdirSync(dirname(target), { recursive: true })
    cpSync(join(top, from), target, { recursive: true, filter: (path) => isKept(relative(top, path)) })
  }
}

type As = { cwd: string; environment: Record<string, string>; user: string | null }

const asUser = (user: string): string[] => {
  const [uid = '', gid = ''] = user.split(':')
  return ['setpriv', '--reuid', uid, '--regid', gid, '--clear-groups', '--bounding-set=-all', '--no-new-privs']
}

function runStep(command: string, { cwd, environment, user }: As): void {
  const shell = ['sh', '-c', command]
  const [program = '', ...args] = user === null ? shell : [...asUser(user), ...shell]
  // npm's own settings and cache, and nothing of the Node that runs this test
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(PATH|HOME|https?_proxy|npm_config_\w+)$/i.test(name)),
  )
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env: { ...inherited, ...environment }, encoding: 'utf8' })
  expect(status, `${command}\n${stdout}\n${stderr}`).toBe(0)
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return String(typeof address === 'object' ? address?.port : '')
}

/** Not Docker, but the same steps on the same files: what is not copied is not there, what is not installed is not there, and nothing but the volume can be written. */
test('builds from what it copies, starts as its user on a read-only system, says that it is well, and stops', {
  timeout: 600_000,
}, async (context) => {
  const isRoot = process.getuid?.() === 0 && spawnSync(unshare, ['-m', 'true']).status === 0
  if (!isRoot) {
    console.warn('NOT RUN: the steps of the Dockerfile need root, to take another user id and a read-only system')
    return context.skip()
  }
  const place = mkdtempSync(join(tmpdir(), 'holdfast-image-'))
  ends.push(() => rmSync(place, { recursive: true, force: true }))
  chmodSync(place, 0o755)
  const [app, data, scratch] = [join(place, 'app'), join(place, 'data'), join(place, 'scratch')]
  for (const folder of [app, data, scratch]) mkdirSync(folder)
  chmodSync(scratch, 0o1777)

  // from npm's own cache where it can: what the lock file names is the same wherever it comes from
  const as: As = { cwd: app, environment: { TMPDIR: scratch, npm_config_prefer_offline: 'true' }, user: null }
  for (const instruction of build?.instructions ?? []) {
    if (instruction.name === 'COPY') copy(instruction, app)
    if (instruction.name === 'ENV') Object.assign(as.environment, environmentOf({ from: '', name: null, instructions: [instruction] }))
    if (instruction.name === 'USER') Object.assign(as, { user: instruction.text, environment: { ...as.environment, HOME: '/' } })
    if (instruction.name === 'RUN') runStep(instruction.text, as)
  }
  expect(existsSync(join(app, 'node_modules/typescript'))).toBe(false)

  const [uid = 0, gid = 0] = last(final, 'USER').split(':').map(Number)
  chownSync(data, uid, gid)
  chmodSync(data, 0o700)
  const port = await freePort()
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  const env = { PATH: path, ...environmentOf(final), HOLDFAST_DATA: data, HOLDFAST_PORT: port, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' }
  const readOnly = 'set -e; mount --bind "$0" "$0"; mount -o remount,ro,bind /; ! touch "$1/written" 2>/dev/null; cd "$0"; shift; exec "$@"'
  const entry = [...list(last(final, 'ENTRYPOINT')), ...list(last(final, 'CMD'))].map((word) => word.replace(/^\/app\//, `${app}/`))
  const server = spawn(unshare, ['-m', 'sh', '-c', readOnly, data, app, ...asUser(last(final, 'USER')), ...entry], { env })
  let words = ''
  server.stdout.on('data', (chunk) => (words += chunk))
  server.stderr.on('data', (chunk) => (words += chunk))
  ends.push(() => server.kill('SIGKILL'))
  const ended = once(server, 'close')

  const [, , check = ''] =
    /^(.*) CMD (.*)$/.exec(of(final, 'HEALTHCHECK').map(({ flags, text }) => `${JSON.stringify(flags)} ${text}`)[0] ?? '') ?? []
  const [program = '', ...args] = list(check).map((word) => word.replace(/^\/app\//, `${app}/`))
  const isWell = (): boolean => spawnSync(program, args, { env }).status === 0
  for (let tries = 0; tries < 100 && server.exitCode === null && !isWell(); tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 100))

  expect(isWell(), words).toBe(true)
  server.kill('SIGTERM')
  expect(await ended, words).toEqual([0, null])
  expect(words).toContain('listens at')
  // all of our code comes compiled
  const lines = words.split('\n').filter((line) => line.includes('/app/src/'))
  expect(lines.filter((line) => line.includes('was accepted')).length, words.slice(0, 2_000)).toBeGreaterThan(100)
  expect(lines.filter((line) => /was rejected|no such file/.test(line))).toEqual([])
  expect(isWell()).toBe(false)
  expect(existsSync(join(data, 'holdfast.db'))).toBe(true)
})
