import { writeSync } from 'node:fs'
import { insert } from '../../kernel/change.ts'
import { aMember, entities, Member, meta, newId, newSigner } from '../contract/harness.ts'
import { sqlite } from './engine.ts'

/**
 * A server without manners, for tests that kill it: `node killed-writer.ts <folder> <tenant> [writers]`. Says `open` when it holds the folder, then `<sequence> <id>` for every commit that was
 * acknowledged, and goes on until it is killed.
 */
const [folder = '', tenantId = '', writers = '16'] = process.argv.slice(2)
const storage = sqlite({ folder, entities })
await storage.open()
await storage.setSigner(newSigner())
writeSync(1, 'open\n')
const tenant = storage.tenant(tenantId)

async function write(): Promise<never> {
  for (;;) {
    const member = aMember({ username: newId() })
    const { sequence } = await tenant.commit([insert(Member, member)], meta)
    writeSync(1, `${sequence} ${member.id}\n`)
  }
}

await Promise.all(Array.from({ length: Number(writers) }, write))
