import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { execute } from './execute.ts'
import { type PublicKeys, verifyExport } from './verify-export.ts'

const file = join(mkdtempSync(join(tmpdir(), 'holdfast-export-')), 'export.ndjson')
let server: TestServer
let keys: PublicKeys
let lines: string[] = []

const run = <T>(name: string, at: 'platform' | { tenant: null }, input: unknown) =>
  execute(server.holdfast, { name, at, input }) as Promise<T>

beforeAll(async () => {
  server = await startTestServer()
  for (const username of ['ann', 'ben']) await run('user.create', { tenant: null }, { username, fullName: 'Zoë' })
  const part = await run<{ lines: string[]; sealed: string }>('audit.export', { tenant: null }, { after: 0 })
  lines = [...part.lines, part.sealed]
  keys = await run('key.list', 'platform', {})
})
afterAll(() => server.close())

async function verify(bytes: string | Buffer) {
  writeFileSync(file, bytes)
  return verifyExport(file, keys)
}
const codes = async (changed: readonly string[]) =>
  (await verify(changed.map((line) => `${line}\n`).join(''))).problems.map(({ code }) => code)
const text = () => lines.map((line) => `${line}\n`).join('')

test('an export as it was written is good', async () => {
  expect(await verify(text())).toEqual({ ok: true, streams: 1, entries: lines.length - 1, problems: [] })
})

test('a part of the log is good by itself', async () => {
  const part = await run<{ lines: string[]; sealed: string }>('audit.export', { tenant: null }, { after: 1, to: 2 })
  expect(await verify(`${[...part.lines, part.sealed].join('\n')}\n`)).toMatchObject({ ok: true, entries: 1 })
})

test('every single changed, dropped or added byte is found', async () => {
  const whole = Buffer.from(text())
  const missed: string[] = []
  for (let at = 0; at < whole.length; at++) {
    const altered = Buffer.from(whole)
    altered[at] = (altered[at] ?? 0) ^ 1
    const changes = [
      altered,
      Buffer.concat([whole.subarray(0, at), whole.subarray(at + 1)]),
      Buffer.concat([whole.subarray(0, at), Buffer.from(' '), whole.subarray(at)]),
    ]
    for (const [kind, bytes] of changes.entries()) if ((await verify(bytes)).ok) missed.push(`${kind} at ${at}`)
  }
  for (const more of [' ', '\n', '{}\n', '\ufeff']) if ((await verify(text() + more)).ok) missed.push(`added ${JSON.stringify(more)}`)
  expect(missed).toEqual([])
})

test('what is wrong is named', async () => {
  const [first = '', second = '', ...rest] = lines
  expect(await codes([first, ...rest])).toEqual(['missing'])
  expect(await codes([second, first, ...rest])).toContain('order')
  expect(await codes([first.replace('Acme', 'Acne'), second, ...rest])).toEqual(['changed'])
  expect(await codes(lines.slice(0, -1))).toEqual(['tail_missing'])
  expect(await codes([...lines.slice(0, -2), lines.at(-1) ?? ''])).toEqual(['head_invalid'])
  expect(await codes([...lines.slice(0, -1), (lines.at(-1) ?? '').replace('"hash"', '"extra":1,"hash"')])).toContain('head_invalid')
  expect(await codes([])).toEqual(['tail_missing'])
})

test("another installation's keys do not vouch for it", async () => {
  writeFileSync(file, text())
  expect((await verifyExport(file, { items: [] })).problems).toMatchObject([{ code: 'head_invalid' }])
  expect(readFileSync(file, 'utf8')).toBe(text())
})
