import type { TestServer } from './server.ts'

/** The actions of all entries, of every tenant and the platform, that `work` left in the log; each stream in its order. */
export async function actionsOf(server: TestServer, work: () => Promise<unknown>): Promise<string[]> {
  const before = await heads(server)
  await work()
  const actions: string[] = []
  for (const [stream, { tenantId, sequence }] of await heads(server)) {
    const after = before.get(stream)?.sequence ?? 0
    if (after === sequence) continue
    const entries = await server.holdfast.runtime.storage.tenant(tenantId).log(stream, after, 1000)
    actions.push(...entries.map(({ entry }) => entry.action))
  }
  return actions
}

async function heads({ holdfast }: TestServer): Promise<Map<string, { tenantId: string; sequence: number }>> {
  const { items } = await holdfast.runtime.storage.platform().heads({ limit: 200 })
  return new Map(items.map(({ stream, tenantId, sequence }) => [stream, { tenantId, sequence }]))
}
