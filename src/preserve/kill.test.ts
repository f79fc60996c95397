import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { survey } from './destination.ts'
import { namedDestination } from './place.ts'
import { anAdminRecord, aRecord, freshFolder } from './testing/records.ts'
import { generationsKept, writeBackup } from './write-backup.ts'

const { folder, remove } = freshFolder()
afterAll(remove)

const scripts = {
  write: fileURLToPath(new URL('./testing/killed-write.ts', import.meta.url)),
  run: fileURLToPath(new URL('./testing/killed-run.ts', import.meta.url)),
}

type Ended = { signal: string | null; code: number | null; steps: string[]; err: string }

function run(script: keyof typeof scripts, args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [scripts[script], ...args], { env: { PATH: process.env.PATH ?? '', ...environment } })
  const said = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => (said.out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (said.err += text))
  return new Promise((resolve) =>
    child.on('close', (code, signal) => resolve({ signal, code, steps: said.out.split('\n').filter(Boolean), err: said.err })),
  )
}

const asJson = (value: unknown): string => JSON.stringify(value, null, 2)
const backupOf = (text: string) => ({ text, counts: { users: 0, admins: 0, fieldOfficers: 0 }, tombstones: [] })
const old = asJson([anAdminRecord(1), aRecord(1), aRecord(2)])
const next = asJson([anAdminRecord(1), aRecord(1), aRecord(2), aRecord(3)])
const nextFile = join(folder, 'next.json')
writeFileSync(nextFile, next)
const older = (file: string): string[] => readdirSync(join(file, '..')).filter((name) => /^users\.json\.\d{8}T/.test(name))
let count = 0

const templates = new Map<number, Promise<string>>()

/** A folder of its own with a file of so many generations, all of them ours. */
async function placeWith(generations: number): Promise<string> {
  const template = templates.get(generations) ?? made(generations)
  templates.set(generations, template)
  const at = join(folder, String(++count))
  cpSync(await template, at, { recursive: true })
  return join(at, 'users.json')
}

async function made(generations: number): Promise<string> {
  const at = join(folder, `of-${generations}`)
  mkdirSync(at)
  const file = join(at, 'users.json')
  const destination = namedDestination(file)
  for (let number = 1; number < generations; number++) {
    const text = asJson([aRecord(number)])
    await writeBackup(destination, await survey(destination, { force: false }), backupOf(text), {
      nowMs: Date.UTC(2025, 0, number),
      prunes: true,
    })
  }
  await writeBackup(destination, await survey(destination, { force: false }), backupOf(old), { nowMs: Date.UTC(2025, 1, 1), prunes: true })
  return at
}

test.each([1, generationsKept])(
  'of %i generations, a backup that is killed before any step leaves the old file or the new one, whole and listed, and another run ends it',
  async (generations) => {
    const { steps } = await run('write', [await placeWith(generations), nextFile, '0'])
    expect(steps.length).toBeGreaterThan(10)
    const seen = new Set<string>()
    for (let at = 1; at <= steps.length; at++) {
      const file = await placeWith(generations)
      const killed = await run('write', [file, nextFile, String(at)])
      expect([at, killed.signal]).toEqual([at, 'SIGKILL'])
      const text = readFileSync(file, 'utf8')
      expect([old, next]).toContain(text)
      seen.add(text)

      const destination = namedDestination(file)
      const found = await survey(destination, { force: false })
      // not taken for a file that somebody else changed
      expect([at, found.rejected, found.newest?.problem]).toEqual([at, [], null])
      await writeBackup(destination, found, backupOf(next), { nowMs: Date.now(), prunes: true })
      const again = await survey(destination, { force: false })
      await writeBackup(destination, again, backupOf(next), { nowMs: Date.now(), prunes: true })

      expect(readFileSync(file, 'utf8')).toBe(next)
      const names = older(file)
      expect([at, names.filter((name) => readFileSync(join(file, '..', name), 'utf8') === old).length]).toEqual([at, 1])
      expect(names.length).toBeLessThanOrEqual(generationsKept)
      expect(readdirSync(join(file, '..')).filter((name) => /\.tmp-|\.bad-/.test(name))).toEqual([])
      rmSync(join(file, '..'), { recursive: true, force: true })
    }
    expect(seen.size).toBe(2)
  },
  600_000,
)

test('a restore that is killed before its commit created nobody, after it everyone, and another run ends it', async () => {
  for (const [at, left] of [
    [1, 4],
    [2, 0],
  ] as const) {
    const environment = {
      HOLDFAST_DATA: join(folder, `restore-${at}`),
      HOLDFAST_BACKUP: 'off',
      HOLDFAST_OWNER_PASSWORD: 'correct horse battery staple',
    }
    expect((await run('run', ['restore', nextFile, 'legacy', String(at)], environment)).signal).toBe('SIGKILL')
    const again = await run('run', ['restore', nextFile, 'legacy', '0'], environment)
    expect([at, again.code, again.err, again.steps.at(-1)]).toEqual([at, 0, '', `created ${left}`])
  }
})
