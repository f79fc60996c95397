// A process of its own that imports a file of users: tests kill it half-way, and it measures what an import costs.
// node src/import/testing/run-import.ts <data folder> <file> [wrap]
import { readConfig } from '../../config.ts'
import { system } from '../../kernel/context.ts'
import { perform } from '../../kernel/perform.ts'
import { openHoldfast } from '../../main.ts'
import type { TenantStore } from '../../storage/port.ts'
import { Tenant } from '../../tenant/entity.ts'
import { User } from '../../user/entity.ts'
import { importUsers } from '../users.ts'

const [folder = '', file = '', wrap] = process.argv.slice(2)
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

/** Users whose manager is not there. */
async function orphansIn(store: TenantStore): Promise<number> {
  let orphans = 0
  for (let cursor: string | null = null; ; ) {
    const page: Awaited<ReturnType<typeof store.list<typeof User>>> = await store.list(User, { cursor, limit: 200 })
    const above = await store.read(page.items.flatMap(({ managerId }) => (managerId === null ? [] : [{ type: User, id: managerId }])))
    orphans += above.filter((manager) => manager === null).length
    if (page.nextCursor === null) return orphans
    cursor = page.nextCursor
  }
}

const config = readConfig({ HOLDFAST_DATA: folder, HOLDFAST_OWNER_PASSWORD: 'correct horse battery staple' })
const { runtime, close } = await openHoldfast(config, { info: () => {}, warn: () => {}, error: () => {} })
const { items } = await runtime.storage.platform().listAll(Tenant, 'byId', { limit: 1 })
const tenantId = items[0]?.row.id ?? ''
const startMs = performance.now()
await perform(runtime, importUsers, {
  actor: system,
  tenantId,
  origin: { requestId: runtime.ids.newId(), surface: 'cli', network: null, userAgent: null, deviceToken: null },
  input: { file, wrap: wrap === 'wrap', onProgress: (done: number, total: number) => say({ done, total }) },
  encode: (output) => ({ status: 200, body: JSON.stringify({ ...output, refused: output.refused.length }) }),
}).then(async ({ body }) => {
  const seconds = (performance.now() - startMs) / 1000
  const peakMiB = process.resourceUsage().maxRSS / 1024
  const store = runtime.storage.tenant(tenantId)
  say({ ...JSON.parse(body), seconds, peakMiB, users: await store.count(User, {}), orphans: await orphansIn(store) })
})
await close()
