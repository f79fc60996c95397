import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshFolder, holdfast, ownerPassword, signIn, startServer } from '../src/cli/testing/process.ts'
import { startPostgres } from '../src/testing/postgres-server.ts'

const top = join(import.meta.dirname, '..')
const text = readFileSync(join(top, 'compose.yaml'), 'utf8')

type Node = string | readonly Node[] | { readonly [name: string]: Node }

const scalar = (given: string): Node => (/^\[.*\]$/.test(given) ? listOf(given) : given.replace(/^"(.*)"$/, '$1'))

const listOf = (given: string): string[] => [...given.matchAll(/"([^"]*)"|([\w:/-]+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')

/** YAML as far as this file goes: maps by indentation, lists of scalars, and lists in brackets. Anything else throws. */
function readYaml(lines: string[], indent = 0): Node {
  const pad = ' '.repeat(indent)
  if (lines[0]?.startsWith(`${pad}- `)) return lines.map((line) => scalar(line.slice(indent + 2)))
  const map: Record<string, Node> = {}
  for (let at = 0; at < lines.length; ) {
    const [, name = '', value = ''] = new RegExp(`^${pad}([\\w-]+):(?: (.*))?$`).exec(lines[at] ?? '') ?? []
    if (name === '' || name in map) throw new Error(`not understood: ${lines[at]}`)
    let end = at + 1
    while (lines[end]?.startsWith(`${pad}  `)) end += 1
    const inside = lines.slice(at + 1, end)
    map[name] = inside.length === 0 ? scalar(value) : readYaml(inside, indent + 2)
    at = end
  }
  return map
}

const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^ *#/.test(line))
const compose = readYaml(lines) as { services: Record<string, Record<string, Node>>; volumes: Record<string, Node> }
const services = Object.entries(compose.services)

test('gives no container more than it needs', () => {
  expect(services.map(([name]) => name)).toEqual(['database', 'setup', 'holdfast'])
  for (const [name, service] of services) {
    expect(service, name).toMatchObject({ read_only: 'true', cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] })
    for (const wrong of ['privileged', 'network_mode', 'pid', 'ipc', 'devices', 'user']) expect(service, name).not.toHaveProperty(wrong)
  }
  expect(compose.services.holdfast).not.toHaveProperty('cap_add')
  expect(compose.services.setup).not.toHaveProperty('cap_add')
})

test('opens one port, to this machine alone', () => {
  expect(services.flatMap(([, { ports = [] }]) => ports)).toEqual([expect.stringMatching(/^127\.0\.0\.1:\S+:8080$/)])
})

test('keeps what must stay in volumes', () => {
  const kept = services.flatMap(([, { volumes = [] }]) => volumes) as string[]
  expect(kept).toEqual(['database:/var/lib/postgresql', 'data:/data'])
  expect(Object.keys(compose.volumes)).toEqual(kept.map((volume) => volume.split(':')[0]))
})

test('holds no secret, and does not start without one', () => {
  const needed = [...text.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name)
  expect(new Set(needed)).toEqual(new Set(['POSTGRES_PASSWORD', 'HOLDFAST_DATABASE_PASSWORD', 'HOLDFAST_KEY']))
  expect(compose.services.holdfast).toHaveProperty(
    'environment.HOLDFAST_STORAGE',
    expect.stringMatching(/:\$\{HOLDFAST_DATABASE_PASSWORD:/),
  )
  for (const line of lines) if (/^ *\w*(PASSWORD|KEY):/.test(line)) expect(line).toMatch(/: \$\{\w+:[-?][^}]*\}$/)
})

test('starts in order: the database well, its roles made, then Holdfast', () => {
  expect(compose.services.setup).toMatchObject({ depends_on: { database: { condition: 'service_healthy' } } })
  expect(compose.services.holdfast).toMatchObject({
    depends_on: { database: { condition: 'service_healthy' }, setup: { condition: 'service_completed_successfully' } },
  })
  expect(compose.services.database).toHaveProperty('healthcheck.test')
  // a server that another container waits for is not killed in the middle of its stop
  expect(Number.parseInt(String(compose.services.holdfast?.stop_grace_period), 10)).toBeGreaterThan(10)
})

test('builds the image from the Dockerfile beside it, and runs commands that exist', () => {
  const built = services.filter(([, { build }]) => build !== undefined)
  expect(built.map(([, { build, image }]) => [build, image])).toEqual(built.map(() => ['.', 'holdfast']))
  const commands = built.map(([, { command = ['serve'] }]) => command as string[])

  const missing = commands.filter((words) => {
    const names = words.slice(0, words.findIndex((word) => word.startsWith('-')) >>> 0)
    const { status, stdout } = spawnSync(join(top, 'bin/holdfast'), [...names, '--help'], { encoding: 'utf8' })
    const isShown = status === 0 && stdout.startsWith(`Usage: holdfast ${names.join(' ')}`)
    return !isShown || words.some((word) => word.startsWith('--') && !stdout.includes(word))
  })

  // the command comes with its engine
  const isThere = spawnSync(join(top, 'bin/holdfast'), ['--help'], { encoding: 'utf8' }).stdout.includes('\n  postgres')
  expect(missing.map((words) => words.slice(0, 2).join(' '))).toEqual(isThere ? [] : ['postgres setup'])
})

test('sets up a database and serves on it, by its own commands and settings', async () => {
  const server = await startPostgres({ own: true })
  const { data, remove } = freshFolder()
  const admin = new URL(server.adminUrl)
  const settings = {
    POSTGRES_PASSWORD: admin.password,
    HOLDFAST_DATABASE_PASSWORD: 'serves0123',
    HOLDFAST_KEY: randomBytes(32).toString('base64'),
    HOLDFAST_OWNER_PASSWORD: ownerPassword,
  }
  const filled = (given: string): string =>
    given
      .replace(/\$\{(\w+)(?::[-?][^}]*)?\}/g, (_, name: string) => settings[name as keyof typeof settings] ?? '')
      .replace('@database/', `@127.0.0.1:${admin.port}/`)
  const environmentOf = (service: string) =>
    Object.fromEntries(
      Object.entries((compose.services[service]?.environment ?? {}) as Record<string, string>).map(([name, value]) => [
        name,
        filled(value),
      ]),
    )
  const command = (compose.services.setup?.command ?? []) as string[]
  const setUp = () => holdfast(data, command.map(filled), { environment: environmentOf('setup') })
  try {
    for (let times = 0; times < 2; times++) {
      const { code, out, err } = await setUp()
      expect(code, err).toBe(0)
      expect(out + err).not.toContain(settings.HOLDFAST_DATABASE_PASSWORD)
    }
    const running = await startServer(data, environmentOf('holdfast'))
    expect(await signIn(running.url)).toEqual(expect.any(String))
    expect((await running.stop()).code).toBe(0)
  } finally {
    await server.stop()
    remove()
  }
})
