import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { beginRotation, endRotation, loadMasterKeys, openMasterKeys } from './master-key.ts'

let parent = ''
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'holdfast-key-'))
})
afterEach(() => rmSync(parent, { recursive: true, force: true }))

test('data without its key is refused, and no key is made beside it', () => {
  writeFileSync(join(parent, 'holdfast.db'), '')
  expect(() => loadMasterKeys(parent)).toThrow(expect.objectContaining({ code: 'missing_key' }))
  expect(existsSync(join(parent, 'master.key'))).toBe(false)
})

test.each(['', 'too short', Buffer.alloc(33).toString('base64')])('a key file that holds %j is refused', (text) => {
  writeFileSync(join(parent, 'master.key'), text)
  expect(() => loadMasterKeys(parent)).toThrow(expect.objectContaining({ code: 'wrong_key' }))
})

test('the first start makes the folders and a key for its owner alone, and every later one reads the same', () => {
  const folder = join(parent, 'a', 'b')
  const keys = loadMasterKeys(folder)
  expect(keys.current).toHaveLength(32)
  expect(keys.former).toEqual([])
  expect(loadMasterKeys(folder)).toEqual(keys)
  expect(statSync(join(folder, 'master.key')).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder)).toEqual(['master.key'])
})

test('what a start that was killed left behind stops no later one', () => {
  for (const name of [`master.key.${process.pid}.tmp`, 'master.key.tmp']) writeFileSync(join(parent, name), 'half a k')
  expect(loadMasterKeys(parent).current).toHaveLength(32)
})

test('the setting wins, and no file is made', async () => {
  mkdirSync(join(parent, 'data'))
  chmodSync(join(parent, 'data'), 0o700)
  const [masterKey, former] = [Buffer.alloc(32, 5), Buffer.alloc(32, 6)]
  const keys = await openMasterKeys({ masterKey, formerKeys: [former], keyWrapping: null, dataFolder: join(parent, 'data') })
  expect(keys).toEqual({ current: masterKey, former: [former] })
  expect(readdirSync(join(parent, 'data'))).toEqual([])
})

test('a rotation makes a new key, keeps the former one until it ends, and then beside it', () => {
  const before = loadMasterKeys(parent)
  beginRotation(parent)
  const during = loadMasterKeys(parent)
  expect(during.former).toEqual([before.current])
  expect(during.current).not.toEqual(before.current)
  // broken off and begun again: no third key
  beginRotation(parent)
  expect(loadMasterKeys(parent)).toEqual(during)

  const [kept = ''] = endRotation(parent)
  expect(loadMasterKeys(parent)).toEqual({ current: during.current, former: [] })
  expect(readFileSync(kept, 'utf8').trim()).toBe(before.current.toString('base64'))
  for (const name of readdirSync(parent)) expect(statSync(join(parent, name)).mode & 0o777).toBe(0o600)
  expect(readdirSync(parent)).toHaveLength(2)
  expect(endRotation(parent)).toEqual([])
})
