import type { Context } from '../kernel/context.ts'
import type { Head, TenantStore } from '../storage/port.ts'

export type Stream = { tenantId: string; stream: string; store: TenantStore; head: Head | null }

/** The streams that an audit walks: the own tenant's, or, for the platform's scope, those of every tenant. */
export async function* streamsOf({ scope, runtime, store }: Context, everything: boolean): AsyncGenerator<Stream> {
  if (!everything || scope !== 'platform') {
    yield { tenantId: store.tenantId, stream: store.tenantId, store, head: await store.head() }
    return
  }
  for (let cursor: string | null = null; ; ) {
    const page: { items: (Head & { tenantId: string })[]; nextCursor: string | null } = await runtime.storage
      .platform()
      .heads({ cursor, limit: 200 })
    for (const head of page.items)
      yield { tenantId: head.tenantId, stream: head.stream, store: runtime.storage.tenant(head.tenantId), head }
    if (page.nextCursor === null) return
    cursor = page.nextCursor
  }
}
