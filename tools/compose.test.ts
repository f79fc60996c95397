import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

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
