import { createHash, randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { idSource } from '../../kernel/id.ts'
import { folderObjects } from './objects.ts'

/**
 * A process without manners, for tests that kill it: `node killed-writer.ts <folder> <tenant> <writers>`. Says `<key> <sha256>` for every object that was acknowledged, and goes on until it is killed.
 */
const [folder = '', tenantId = '', writers = ''] = process.argv.slice(2)
const { newId } = idSource()
const objects = folderObjects({ folder, signingKey: randomBytes(32), nowMs: Date.now, newId })
await objects.open()
const tenant = objects.tenant(tenantId)

async function* slowly(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 16_384) yield bytes.subarray(at, at + 16_384)
}

async function write(): Promise<never> {
  for (;;) {
    const bytes = randomBytes(200_000)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const key = `${newId().slice(-2)}/${newId()}`
    await tenant.put(key, slowly(bytes), { size: bytes.length, sha256, type: 'image/png' })
    writeSync(1, `${key} ${sha256}\n`)
  }
}

await Promise.all(Array.from({ length: Number(writers) }, write))
