import { generateKeyPairSync } from 'node:crypto'
import { writeSync } from 'node:fs'
import { add, Counter } from '../../kernel/change.ts'
import { idSource } from '../../kernel/id.ts'
import type { Meta } from '../port.ts'
import { sqlite } from './engine.ts'

/**
 * A process without manners, for tests that kill it: `node killed-writer.ts <folder> <tenant> <writers>`. Says `open` when it holds the folder, then `<sequence> <id>` for every commit that
 * was acknowledged, and goes on until it is killed.
 */
const [folder = '', tenantId = '', writers = ''] = process.argv.slice(2)
const now = '2026-03-01T08:00:00.000Z'
const meta: Meta = { actor: { id: null, kind: 'system', name: '' }, action: 'test.write', entity: null, requestId: null, time: now }
const { newId } = idSource()
const storage = sqlite({ folder, entities: [Counter] })
await storage.open()
const privateKey = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
await storage.setSigner({ kid: 'killed', privateKey })
writeSync(1, 'open\n')
const tenant = storage.tenant(tenantId)

async function write(): Promise<never> {
  for (;;) {
    const id = newId()
    const { sequence } = await tenant.commit([add(id, 1, now)], meta)
    writeSync(1, `${sequence} ${id}\n`)
  }
}

await Promise.all(Array.from({ length: Number(writers) }, write))
