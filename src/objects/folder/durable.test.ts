import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const script = `
import { writeSync } from 'node:fs'
import { folderObjects } from '${new URL('./objects.ts', import.meta.url)}'
const objects = folderObjects({ folder: process.argv[1], signingKey: Buffer.alloc(32), nowMs: Date.now, newId: () => 'v' })
await objects.open()
const sha256 = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
await objects.tenant('t').put('a/b', Buffer.from('hello'), { size: 5, sha256, type: 'text/plain' })
writeSync(1, 'acknowledged\\n')
await objects.tenant('t').remove('a/b')
writeSync(1, 'removed\\n')
`

const strace = 'strace'
/** `kill -9` alone does not test durability: what was asked of the kernel does, and in which order. */
test('asks the kernel for durability in the right order before it acknowledges', (context) => {
  if (spawnSync(strace, ['-V']).status !== 0) {
    console.warn('NOT RUN: the order of system calls of the objects folder needs strace')
    return context.skip()
  }
  const parent = mkdtempSync(join(tmpdir(), 'holdfast-objects-'))
  const folder = join(parent, 'objects')
  const trace = join(parent, 'trace')
  const calls = ['openat', 'mkdir', 'fsync', 'fdatasync', 'link', 'linkat', 'unlink', 'write'].join(',')
  const args = ['-f', '-y', '-o', trace, '-e', `trace=${calls}`, process.execPath, '--input-type=module', '-e', script, folder]
  const { status } = spawnSync(strace, args, { env: { ...process.env, UV_USE_IO_URING: '0' } })
  const lines = readFileSync(trace, 'utf8').split('\n')
  rmSync(parent, { recursive: true })
  expect(status).toBe(0)
  const at = (pattern: RegExp, from = 0): number => {
    const found = lines.findIndex((line, n) => n >= from && pattern.test(line))
    expect(found, String(pattern)).toBeGreaterThanOrEqual(0)
    return found
  }

  // each new folder is written down in the one above it
  for (const [made, above] of [
    [folder, parent],
    [join(folder, 't'), folder],
    [join(folder, 't/a'), join(folder, 't')],
  ] as const)
    expect(at(new RegExp(`fsync\\(\\d+<${above}>`), at(new RegExp(`mkdir\\("${made}"`)))).toBeLessThan(at(/link(at)?\(/))
  const bytes = at(/fsync\(\d+<.*\.pending\/[0-9a-f]{32}>/)
  const named = at(/link(at)?\(.*\.pending\/.*b\+"/, bytes)
  const written = at(new RegExp(`fsync\\(\\d+<${folder}/t/a>`), named)
  const acknowledged = at(/write\(1.*acknowledged/, written)
  const dropped = at(/unlink\(.*b\+"/, acknowledged)
  at(/write\(1.*removed/, at(new RegExp(`fsync\\(\\d+<${folder}/t/a>`), dropped))
})
