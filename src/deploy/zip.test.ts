import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { unzip } from './testing/unzip.ts'
import { zip } from './zip.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-zip-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const files = new Map([
  ['index.mjs', Buffer.from('export const handler = 1\n'.repeat(1000))],
  ['docs/übung.md', Buffer.from('ü')],
  ['empty', Buffer.alloc(0)],
  ['bytes', Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * 7919) & 255))],
])

test('what is unpacked is what was packed, readable for everyone', () => {
  writeFileSync(join(folder, 'a.zip'), zip(files))
  unzip(join(folder, 'a.zip'), folder)
  for (const [path, content] of files) {
    expect(readFileSync(join(folder, path))).toEqual(content)
    expect(statSync(join(folder, path)).mode & 0o777).toBe(0o644)
  }
  expect(readdirSync(folder, { recursive: true })).toHaveLength(files.size + 2) // and the folder docs, and the zip
})

test('the same files are the same bytes, in whatever order and whenever they are packed', async () => {
  const once = zip(files)
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(zip(new Map([...files].reverse())).equals(once)).toBe(true)
  expect(zip(new Map([...files, ['one-more', Buffer.alloc(0)]])).equals(once)).toBe(false)
})

test('a byte that changed is found', () => {
  const bytes = zip(files)
  bytes.writeUInt8((bytes[60] ?? 0) ^ 1, 60)
  writeFileSync(join(folder, 'a.zip'), bytes)
  expect(() => unzip(join(folder, 'a.zip'), folder)).toThrow()
})
