import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { canonical, type Json, sha256 } from '../kernel/canonical.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { execute } from './execute.ts'

type Found = { ok: boolean; entries: number; heads: number; signers: string[]; problems: { sequence: number; code: string }[] }
type Options = { keys: Map<string, unknown>; isPinned: boolean; heads?: string; signer?: string; isPart?: boolean }

const script = join(import.meta.dirname, '../../bin/holdfast-verify.mjs')
const { check, keysIn } = (await import(script)) as {
  check(path: string, options: Options): Promise<Found>
  keysIn(path: string): Map<string, unknown>
}

const folder = mkdtempSync(join(tmpdir(), 'holdfast-alone-'))
const [file, keyFile, target] = [join(folder, 'export.ndjson'), join(folder, 'keys.json'), join(folder, 'target')] as const
let server: TestServer
let tenantId: string
let lines: string[]

const run = <T>(name: string, at: 'platform' | { tenant: null }, input: unknown) =>
  execute(server.holdfast, { name, at, input }) as Promise<T>

beforeAll(async () => {
  server = await startTestServer({ HOLDFAST_BACKUP: `file:${join(folder, 'live')}` })
  for (const username of ['ann', 'ben']) await run('user.create', { tenant: null }, { username, fullName: 'Zoë "hash":"x' })
  await run('backup.create', 'platform', {})
  const part = await run<{ lines: string[]; sealed: string }>('audit.export', { tenant: null }, { after: 0 })
  lines = [...part.lines, part.sealed]
  tenantId = String(JSON.parse(lines[0] ?? '').stream)
  writeFileSync(keyFile, JSON.stringify(await run('key.list', 'platform', {})))
  // as whoever keeps the target has it: from the moment of the export
  cpSync(join(folder, 'live'), target, { recursive: true })
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

const text = (all: readonly string[] = lines) => all.map((line) => `${line}\n`).join('')
/** The entry before the shortest one: every byte of a part takes three runs. */
const shortest = (): number => {
  const lengths = lines.slice(0, -1).map(({ length }) => length)
  return lengths.indexOf(Math.min(...lengths))
}
const signer = () => String(JSON.parse(readFileSync(join(target, 'instance.json'), 'utf8')).signedBy)

function verify(bytes: string | Buffer, options: Partial<Options> = {}): Promise<Found> {
  writeFileSync(file, bytes)
  return check(file, { keys: keysIn(keyFile), isPinned: true, ...options })
}
const inTarget = (bytes: string | Buffer, options: Partial<Options> = {}) =>
  verify(bytes, { keys: new Map(), isPinned: false, heads: target, signer: signer(), ...options })
const codes = ({ problems }: Found) => problems.map(({ code }) => code)

/** The log as someone writes it anew who has the database and its keys: every hash and signature is right. */
function rewritten(change: (entry: Record<string, Json>) => void, count = lines.length - 1): string {
  let before = '0'.repeat(64)
  let last = { stream: '', sequence: 0, hash: '', time: '' }
  const made = lines.slice(0, count).map((line) => {
    const { hash: _, ...entry } = JSON.parse(line) as Record<string, Json>
    change(entry)
    entry.previousHash = before
    before = sha256(before + canonical(entry))
    last = { stream: String(entry.stream), sequence: Number(entry.sequence), hash: before, time: String(entry.time) }
    return canonical({ ...entry, hash: before })
  })
  const head = server.holdfast.keys.signHead(last)
  return text([...made, canonical({ head } as unknown as Json)])
}

test('an export as it was written is good, by the keys and by the heads of the target', async () => {
  const wanted = { ok: true, entries: lines.length - 1, problems: [] }
  expect(await verify(text())).toMatchObject(wanted)
  expect(await inTarget(text())).toMatchObject({ ...wanted, heads: 1, signers: [signer()] })
  expect(await verify(text(), { heads: join(target, 'heads') })).toMatchObject({ ...wanted, heads: 1 })
  expect(
    rewritten(() => {})
      .split('\n')
      .slice(0, -2),
  ).toEqual(lines.slice(0, -1))
})

test('every single changed byte, and dropped and added ones, are found', async () => {
  const part = await run<{ lines: string[]; sealed: string }>('audit.export', { tenant: null }, { after: shortest(), to: shortest() + 1 })
  const whole = Buffer.from(text([...part.lines, part.sealed]))
  expect((await verify(whole)).ok).toBe(true)
  const missed: string[] = []
  for (let at = 0; at < whole.length; at++) {
    const altered = Buffer.from(whole)
    altered[at] = (altered[at] ?? 0) ^ 1
    const changes = [altered]
    if (at % 7 === 0) {
      changes.push(Buffer.concat([whole.subarray(0, at), whole.subarray(at + 1)]))
      changes.push(Buffer.concat([whole.subarray(0, at), Buffer.from(' '), whole.subarray(at)]))
    }
    for (const [kind, bytes] of changes.entries()) if ((await verify(bytes)).ok) missed.push(`${kind} at ${at}`)
  }
  for (const more of [' ', '\n', '{}\n', '\ufeff'])
    if ((await verify(whole.toString() + more)).ok) missed.push(`added ${JSON.stringify(more)}`)
  expect(missed).toEqual([])
})

test('a history written anew by whoever has the database and its keys is found by the heads of the target', async () => {
  const forged = rewritten((entry) => {
    if (entry.sequence === 2) entry.action = 'nothing.happened'
  })
  expect((await verify(forged)).ok).toBe(true)
  const found = await inTarget(forged)
  expect(codes(found)).toEqual(['changed'])
  const cut = rewritten(() => {}, 2)
  expect((await verify(cut)).ok).toBe(true)
  expect(codes(await inTarget(cut))).toEqual(['tail_missing'])
  expect((await inTarget(cut, { isPart: true })).ok).toBe(true)
})

test('heads that were touched, that another key signed, or that are not there, count for nothing', async () => {
  const heads = join(target, 'heads', tenantId)
  const [name = ''] = readdirSync(heads)
  const good = readFileSync(join(heads, name))
  for (let at = 0; at < good.length; at += 1) {
    const altered = Buffer.from(good)
    altered[at] = (altered[at] ?? 0) ^ 1
    writeFileSync(join(heads, name), altered)
    expect(codes(await inTarget(text())), `byte ${at}`).toContain('head_invalid')
  }
  writeFileSync(join(heads, name), good)
  expect(codes(await inTarget(text(), { signer: 'A'.repeat(43) }))).toContain('head_invalid')
  expect(codes(await verify(text(), { keys: new Map() }))).toEqual(['head_invalid'])
  expect(codes(await inTarget(text(), { heads: folder }))).toContain('head_invalid')
})

test('as a program it ends with 0, 2 or 3, on the Node.js of this machine', async () => {
  const node = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path)) ?? process.execPath
  const end = (...args: string[]) =>
    new Promise<{ code: unknown; out: string; err: string }>((resolve) =>
      execFile(node, [script, ...args], (error, out, err) => resolve({ code: error?.code ?? 0, out, err })),
    )
  writeFileSync(file, text())
  const good = await end(file, '--keys', keyFile, '--heads', target, '--json')
  expect(good.code).toBe(0)
  expect(JSON.parse(good.out)).toMatchObject({ ok: true, stream: tenantId })
  writeFileSync(file, text().replace('ann', 'anm'))
  expect(await end(file, '--keys', keyFile)).toMatchObject({ code: 3, out: expect.stringContaining('changed at ') })
  for (const args of [[], [file], [file, '--keys', 'absent'], [file, '--nonsense'], [file, keyFile, '--keys', keyFile]])
    expect(await end(...args)).toMatchObject({ code: 2, err: expect.stringContaining('Usage:') })
})
