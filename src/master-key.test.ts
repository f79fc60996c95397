import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadMasterKey } from './master-key.ts'

let parent = ''
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'holdfast-key-'))
})
afterEach(() => rmSync(parent, { recursive: true, force: true }))

test('data without its key is refused, and no key is made beside it', () => {
  writeFileSync(join(parent, 'holdfast.db'), '')
  expect(() => loadMasterKey(parent, null)).toThrow(expect.objectContaining({ code: 'missing_key' }))
  expect(existsSync(join(parent, 'master.key'))).toBe(false)
})

test.each(['', 'too short', Buffer.alloc(33).toString('base64')])('a key file that holds %j is refused', (text) => {
  writeFileSync(join(parent, 'master.key'), text)
  expect(() => loadMasterKey(parent, null)).toThrow(expect.objectContaining({ code: 'wrong_key' }))
})

test('the first start makes the folders and a key for its owner alone, and every later one reads the same', () => {
  const folder = join(parent, 'a', 'b')
  const key = loadMasterKey(folder, null)
  expect(key).toHaveLength(32)
  expect(loadMasterKey(folder, null)).toEqual(key)
  expect(statSync(join(folder, 'master.key')).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder)).toEqual(['master.key'])
})

test('what a start that was killed left behind stops no later one', () => {
  for (const name of [`master.key.${process.pid}.tmp`, 'master.key.tmp']) writeFileSync(join(parent, name), 'half a k')
  expect(loadMasterKey(parent, null)).toHaveLength(32)
})

test('the setting wins, and no file is made', () => {
  mkdirSync(join(parent, 'data'))
  chmodSync(join(parent, 'data'), 0o700)
  const key = Buffer.alloc(32, 5)
  expect(loadMasterKey(join(parent, 'data'), key)).toBe(key)
  expect(readdirSync(join(parent, 'data'))).toEqual([])
})
