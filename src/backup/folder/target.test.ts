import { mkdtempSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runTargetContract } from '../contract/target.ts'
import { folderTarget } from './target.ts'

const root = mkdtempSync(join(tmpdir(), 'holdfast-target-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

runTargetContract('a folder', async () => {
  const folder = join(root, 'new', 'backups')
  return {
    target: folderTarget(folder),
    // a file in its place, as a share that is not mounted would look to nobody; permissions do not stop root
    async breakIt() {
      renameSync(folder, `${folder}.away`)
      writeFileSync(folder, '')
    },
    async mend() {
      rmSync(folder)
      renameSync(`${folder}.away`, folder)
    },
    close: async () => {},
  }
})

test('files are for their owner alone', async () => {
  const target = folderTarget(join(root, 'modes'))
  await target.put('a/b', Buffer.from('x'))
  expect(statSync(join(root, 'modes/a/b')).mode & 0o777).toBe(0o600)
  expect(statSync(join(root, 'modes/a')).mode & 0o777).toBe(0o700)
})

test('no temporary file is left, and none is listed', async () => {
  const folder = join(root, 'temporary')
  const target = folderTarget(folder)
  await target.put('a', Buffer.from('x'))
  await target.put('a', Buffer.from('y'))
  expect(readdirSync(folder)).toEqual(['a'])
  writeFileSync(join(folder, '.left.tmp'), 'half')
  symlinkSync('/etc/hostname', join(folder, 'link'))
  expect(await Array.fromAsync(target.list(''))).toEqual([{ name: 'a', bytes: 1 }])
})

test('a folder that is gone, as an unmounted disk, is no empty target', async () => {
  const target = folderTarget(join(root, 'unmounted'))
  await target.put('a', Buffer.from('x'))
  rmSync(join(root, 'unmounted'), { recursive: true })
  await expect(target.read('a')).rejects.toMatchObject({ code: 'target_unreachable' })
  await expect(target.remove('a')).rejects.toMatchObject({ code: 'target_unreachable' })
  await expect(Array.fromAsync(target.list(''))).rejects.toMatchObject({ code: 'target_unreachable' })
})

test('a folder that cannot be used is named with its remedy', async () => {
  writeFileSync(join(root, 'file'), '')
  await expect(folderTarget(join(root, 'file')).open()).rejects.toMatchObject({
    code: 'target_unreachable',
    message: expect.stringContaining(join(root, 'file')),
  })
})
