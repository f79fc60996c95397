import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { identityToRecipient } from 'age-encryption'
import { expect, test } from 'vitest'
import { packLines, unpackLines } from './format.ts'
import { recoveryKeyOf } from './recovery-key.ts'

const key = await recoveryKeyOf(Buffer.alloc(32, 7))
const other = await recoveryKeyOf(Buffer.alloc(32, 8))

/** Some at once, none at once, and one alone. */
async function* from(lines: readonly string[]): AsyncGenerator<readonly string[]> {
  yield lines.slice(0, -1)
  yield []
  yield lines.slice(-1)
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function packed(lines: readonly string[], recipients = [key.recipient]): Promise<Buffer> {
  const { body } = packLines(from(lines), recipients)
  return Buffer.concat(await Array.fromAsync(body))
}

const unpacked = (bytes: Uint8Array, identity = key.identity) => Array.fromAsync(unpackLines(one(bytes), [identity], 'users.ndjson'))

const lines = Array.from({ length: 500 }, (_, n) => JSON.stringify({ n, name: `Zoë ${n}`, text: 'x'.repeat(n) }))

test('the pair follows from the master key, in the forms of age', async () => {
  expect(key.recipient).toMatch(/^age1[a-z0-9]{58}$/)
  expect(key.identity).toMatch(/^AGE-SECRET-KEY-1[A-Z0-9]{58}$/)
  expect(await recoveryKeyOf(Buffer.alloc(32, 7))).toEqual(key)
  expect(other.recipient).not.toBe(key.recipient)
  expect(await identityToRecipient(key.identity)).toBe(key.recipient)
})

test('lines come back as they went in, whatever their number and size', async () => {
  for (const some of [[], ['{}'], lines, ['x'.repeat(1_000_000), '', 'end']]) expect(await unpacked(await packed(some))).toEqual(some)
})

test('what was written is told: digest, bytes and lines', async () => {
  const { body, written } = packLines(from(lines), [key.recipient])
  const bytes = Buffer.concat(await Array.fromAsync(body))
  expect(written()).toMatchObject({ bytes: bytes.length, lines: 500 })
  expect(bytes.subarray(0, 21).toString()).toBe('age-encryption.org/v1')
})

test('each of several recipients can read it, nobody else', async () => {
  const bytes = await packed(['a'], [key.recipient, other.recipient])
  expect(await unpacked(bytes, other.identity)).toEqual(['a'])
  await expect(unpacked(await packed(['a']), other.identity)).rejects.toMatchObject({ code: 'backup_wrong_key' })
})

test('no byte can be changed, and none be missing', async () => {
  const bytes = await packed(['{"a":1}', '{"b":2}'])
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    await expect(unpacked(changed), `byte ${at}`).rejects.toMatchObject({ code: expect.stringMatching(/^backup_(damaged|wrong_key)$/) })
  }
  for (const length of [0, 1, 100, bytes.length - 17, bytes.length - 1])
    await expect(unpacked(bytes.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({ code: 'backup_damaged' })
  await expect(unpacked(Buffer.concat([bytes, Buffer.from([0])]))).rejects.toMatchObject({ code: 'backup_damaged' })
})

test('the error of whoever makes the lines, or reads the file, is passed on', async () => {
  async function* failing(): AsyncGenerator<string[]> {
    yield ['a']
    throw new Error('gone')
  }
  await expect(Array.fromAsync(packLines(failing(), [key.recipient]).body)).rejects.toThrow('gone')
  const bytes = await packed(lines)
  async function* cut(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 1000)
    throw new Error('disk gone')
  }
  await expect(Array.fromAsync(unpackLines(cut(), [key.identity], 'users.ndjson'))).rejects.toThrow('disk gone')
})

const tools = ['age', 'zstd'].every((tool) => spawnSync(tool, ['--version']).status === 0)
if (!tools) console.log('left out: reading a backup with the programs age and zstd, which are not installed')

test.runIf(tools)('the programs age and zstd read it without us', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-format-'))
  try {
    writeFileSync(join(folder, 'identity'), `${key.identity}\n`)
    writeFileSync(join(folder, 'file'), await packed(lines))
    const text = execFileSync('sh', ['-c', 'age -d -i identity file | zstd -dc'], { cwd: folder }).toString()
    expect(text).toBe(`${lines.join('\n')}\n`)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
