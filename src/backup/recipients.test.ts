import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Decrypter } from 'age-encryption'
import { expect, test } from 'vitest'
import { found } from '../testing/people.ts'
import { startTestServer } from '../testing/server.ts'
import { folderTarget } from './folder/target.ts'
import { objectCopies } from './object-copies.ts'
import { recoveryKeyOf } from './recovery-key.ts'

const others = [await recoveryKeyOf(Buffer.alloc(32, 71)), await recoveryKeyOf(Buffer.alloc(32, 72))]
const recipients = others.map(({ recipient }) => recipient)
const stranger = await recoveryKeyOf(Buffer.alloc(32, 73))

const opens = (identity: string, bytes: Uint8Array): Promise<boolean> => {
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  return decrypter.decrypt(bytes).then(
    () => true,
    () => false,
  )
}
const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.age'))

test('everything that is written opens for each recipient that the settings name, and for ourselves; for nobody else', async () => {
  const server = await startTestServer({ HOLDFAST_BACKUP: '', HOLDFAST_BACKUP_RECIPIENTS: recipients.join(', ') })
  const folder = join(server.folder, 'backups')
  const ours = await found(server)
  const made = await server.send('POST', '/v1/backups', { token: ours.token, body: {} })
  expect(made.status, made.text).toBe(201)
  const kinds = new Set<string>()
  for (const name of filesOf(folder)) {
    const bytes = readFileSync(join(folder, name))
    kinds.add(String(/^\.?\w+/.exec(name)))
    for (const { identity } of others) expect(await opens(identity, bytes), name).toBe(true)
    expect(await opens(stranger.identity, bytes), name).toBe(false)
  }
  expect([...kinds].sort()).toEqual(['log', 'snapshots'])
  const instance = JSON.parse(readFileSync(join(folder, 'instance.json'), 'utf8')) as { recipients: string[] }
  expect(instance.recipients).toHaveLength(3)
  expect(instance.recipients).toEqual(expect.arrayContaining(recipients))
  expect((await server.send('POST', `/v1/backups/${made.body.id}/verify`, { token: ours.token, body: {} })).body).toMatchObject({
    ok: true,
  })
  await server.close()
})

test('copies of files are for all of them too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-recipients-'))
  const target = folderTarget(folder)
  const copies = objectCopies({ targets: [target], recipients, openingOf: () => Promise.reject(new Error('nothing is read')) })
  await copies.put('tenant', 'media/one', async () => ReadableStream.from([Buffer.from('the bytes')]))
  const [name = ''] = filesOf(folder)
  for (const { identity } of others) expect(await opens(identity, readFileSync(join(folder, name)))).toBe(true)
  rmSync(folder, { recursive: true })
})
