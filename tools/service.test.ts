import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const analyze = 'systemd-analyze'
const strace = 'strace'
const top = join(import.meta.dirname, '..')
const text = readFileSync(join(top, 'deploy/holdfast.service'), 'utf8')
const place = mkdtempSync(join(tmpdir(), 'holdfast-service-'))
afterAll(() => rmSync(place, { recursive: true }))

/** Every value of a setting, in order. */
const valuesOf = (name: string): string[] => [...text.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value)

/** The unit as it would be with this checkout as its installation. */
function installed(): string {
  const file = join(place, 'holdfast.service')
  writeFileSync(file, text.replaceAll('/opt/holdfast', top))
  return file
}

test('runs the program itself, not npm, so that signals reach the server', () => {
  expect(valuesOf('ExecStart')).toEqual(['/opt/holdfast/bin/holdfast serve'])
  for (const [, path = ''] of text.matchAll(/\/opt\/holdfast\/([\w./-]+)/g)) expect(existsSync(join(top, path)), path).toBe(true)
})

test('writes nowhere but into the folders that systemd makes for it', () => {
  expect(valuesOf('DynamicUser')).toEqual(['yes'])
  expect(valuesOf('ProtectSystem')).toEqual(['strict'])
  expect(valuesOf('StateDirectory')).toEqual(['holdfast'])
  expect(valuesOf('CacheDirectory')).toEqual(['holdfast'])
  expect(valuesOf('Environment')[0]?.split(' ')).toEqual([
    'NODE_ENV=production',
    'HOLDFAST_DATA=%S/holdfast',
    // the installation is read-only, so compiled code is kept elsewhere
    'NODE_COMPILE_CACHE=%C/holdfast',
  ])
  expect(valuesOf('ReadWritePaths')).toEqual([])
})

test('holds no secret, and reads them from a file of root', () => {
  expect(valuesOf('EnvironmentFile')).toEqual(['-/etc/holdfast/holdfast.env'])
  expect(text).not.toMatch(/HOLDFAST_(KEY|OWNER_PASSWORD|STORAGE)=/)
})

test('gives a stop longer than it may take, and starts again what mends by starting', () => {
  expect(Number(valuesOf('TimeoutStopSec')[0])).toBeGreaterThan(10)
  expect(valuesOf('Restart')).toEqual(['on-failure'])
  expect(valuesOf('RestartPreventExitStatus')).toEqual(['2 3 6'])
})

const systemd = spawnSync(analyze, ['--version'], { encoding: 'utf8' })

test('is a unit that systemd understands, with next to no rights', (context) => {
  if (systemd.status !== 0) {
    console.warn('NOT RUN: the check of the unit needs systemd-analyze (Debian package systemd)')
    return context.skip()
  }
  const verified = spawnSync(analyze, ['verify', installed()], { encoding: 'utf8' })
  expect({ status: verified.status, words: verified.stderr }).toEqual({ status: 0, words: '' })

  const { stdout } = spawnSync(analyze, ['security', '--offline=true', installed()], { encoding: 'utf8' })
  const exposure = Number(/Overall exposure level for holdfast\.service: ([\d.]+)/.exec(stdout)?.[1])
  // 0 can do nothing, 10 can do everything; a unit without any hardening has 9.6
  expect(exposure, stdout).toBeLessThan(1.5)
})

/** System calls by the names of systemd's groups. */
function groupsOfCalls(): (name: string) => string[] {
  const { stdout } = spawnSync(analyze, ['syscall-filter'], { encoding: 'utf8' })
  const groups = new Map<string, string[]>()
  let group: string[] = []
  for (const line of stdout.split('\n')) {
    if (line !== '' && !line.startsWith(' ')) group = []
    if (line.startsWith('@')) groups.set(line.trim(), group)
    else if (/^ +[@\w]/.test(line)) group.push(line.trim())
  }
  const expanded = (name: string): string[] => (name.startsWith('@') ? (groups.get(name) ?? []).flatMap(expanded) : [name])
  return expanded
}

test('allows every system call that the server makes', { timeout: 120_000 }, (context) => {
  // strace -u takes root, and the checkout must be one that others may read
  const may =
    systemd.status === 0 && spawnSync(strace, ['-u', 'nobody', '-o', '/dev/null', 'test', '-x', join(top, 'bin/holdfast')]).status === 0
  if (!may) {
    console.warn('NOT RUN: comparing system calls with the unit needs systemd-analyze, strace, root, and a checkout that others may read')
    return context.skip()
  }
  const callsOf = groupsOfCalls()
  const [allow = '', deny = ''] = valuesOf('SystemCallFilter')
  // @default is always allowed (systemd.exec(5)); of several lines, `~` takes away
  const denied = new Set(deny.slice(1).split(' ').flatMap(callsOf))
  const allowed = new Set([...allow.split(' '), '@default'].flatMap(callsOf).filter((call) => !denied.has(call)))
  expect(allowed.size).toBeGreaterThan(200)
  const trace = join(place, 'trace')
  const data = join(place, 'data')
  // as an ordinary user: SQLite gives away what root makes, which nobody else may
  const script = 'mkdir "$0" && chown nobody "$0" && exec timeout --preserve-status 12 strace -f -u nobody -o "$1" "$2" serve'
  spawnSync('chmod', ['755', place])
  const env = { ...process.env, HOLDFAST_DATA: data, HOLDFAST_PORT: '0', NODE_COMPILE_CACHE: join(data, 'cache') }
  const { stdout, stderr } = spawnSync('sh', ['-c', script, data, trace, join(top, 'bin/holdfast')], { env, encoding: 'utf8' })
  expect(stdout + stderr).toContain('listens at')

  const made = new Set([...readFileSync(trace, 'utf8').matchAll(/^\d+ +(\w+)\(/gm)].map(([, call = '']) => call))

  expect(made.size).toBeGreaterThan(50)
  expect([...made].filter((call) => !allowed.has(call))).toEqual([])
})
