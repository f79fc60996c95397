// A process of its own that imports a file: tests kill it half-way, and it measures what an import costs.
// node src/import/testing/run-import.ts <data folder> <file> [wrap]
import { readConfig } from '../../config.ts'
import { system } from '../../kernel/context.ts'
import { perform } from '../../kernel/perform.ts'
import { openHoldfast } from '../../main.ts'
import { Tenant } from '../../tenant/entity.ts'
import { importUsers } from '../users.ts'

const [folder = '', file = '', wrap] = process.argv.slice(2)
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

const config = readConfig({ HOLDFAST_DATA: folder, HOLDFAST_OWNER_PASSWORD: 'correct horse battery staple' })
const { runtime, close } = await openHoldfast(config, { info: () => {}, warn: () => {}, error: () => {} })
const { items } = await runtime.storage.platform().listAll(Tenant, 'byId', { limit: 1 })
const startMs = performance.now()
await perform(runtime, importUsers, {
  actor: system,
  tenantId: items[0]?.row.id ?? '',
  origin: { requestId: runtime.ids.newId(), surface: 'cli', network: null, userAgent: null, deviceToken: null },
  input: { file, wrap: wrap === 'wrap', onProgress: (done: number, total: number) => say({ done, total }) },
  encode(output) {
    const { refused, ...counts } = output
    const { maxRSS } = process.resourceUsage()
    say({ ...counts, refused: refused.length, seconds: (performance.now() - startMs) / 1000, peakMiB: maxRSS / 1024 })
    return { status: 200, body: '' }
  },
})
await close()
