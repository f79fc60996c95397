import { z } from 'zod'
import { type Change, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import type { AnyEntity, BaseRow } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { metaOf } from '../kernel/meta.ts'
import { operation } from '../kernel/operation.ts'
import { Conflict, platformTenant, type TenantStore } from '../storage/port.ts'
import { Tenant } from '../tenant/entity.ts'

type Row = BaseRow & { readonly [field: string]: unknown }

/** Rows a commit. */
const batchSize = 50
/** Walks over everything until one finds nothing: whoever still seals under a former key is named then. */
const mostWalks = 5

/**
 * Seals every sealed value of every tenant anew, under the current master key (SECURITY.md, secrets at rest). Each commit stands in the log of its tenant and moves some rows whole, so a run
 * that was broken off is finished by running it again; values of a former key open all the while. What history holds stays as it was written. Errors: `wrong_key` for a value of a key that is
 * not at hand, `seal_broken`, `former_key_in_use`.
 */
export const renewSeals = operation({
  name: 'key.rotate-master',
  summary: 'Seal every sealed value under the current master key',
  needs: 'key:rotate',
  input: z.strictObject({}),
  output: z.object({ kid: z.string(), renewed: z.int(), rows: z.int() }),
  async serial() {
    return { key: 'key.rotate-master', width: 1 }
  },
  async run(context) {
    const { kid } = context.services.sealer
    const total = { renewed: 0, rows: 0 }
    for (let walk = 1; walk <= mostWalks; walk++) {
      const found = await walkAll(context)
      total.renewed += found.renewed
      total.rows = found.rows
      if (found.renewed === 0) return { output: { kid, ...total }, logged: true, detail: { kid, renewed: total.renewed } }
    }
    throw new AppError(
      'conflict',
      'former_key_in_use',
      'Another process keeps sealing under a former master key. Give every process the new key first, then run this again.',
    )
  },
})

type Found = { renewed: number; rows: number }

async function walkAll(context: Context): Promise<Found> {
  const found: Found = { renewed: 0, rows: 0 }
  for await (const store of storesOf(context))
    for (const type of context.services.entities)
      if (type.sealed.length > 0) {
        const { renewed, rows } = await walkEntity(context, store, type)
        found.renewed += renewed
        found.rows += rows
      }
  return found
}

async function* storesOf({ runtime }: Context): AsyncGenerator<TenantStore> {
  const platform = runtime.storage.platform()
  yield platform
  for (let cursor: string | null = null; ; ) {
    const page: { items: { tenantId: string }[]; nextCursor: string | null } = await platform.listAll(Tenant, 'byId', {
      cursor,
      limit: 200,
    })
    for (const { tenantId } of page.items) if (tenantId !== platformTenant) yield runtime.storage.tenant(tenantId)
    if (page.nextCursor === null) return
    cursor = page.nextCursor
  }
}

async function walkEntity(context: Context, store: TenantStore, type: AnyEntity): Promise<Found> {
  const found: Found = { renewed: 0, rows: 0 }
  for (let cursor: string | null = null; ; ) {
    const page: { items: unknown[]; nextCursor: string | null } = await store.list(type, { cursor, limit: batchSize })
    found.rows += page.items.length
    found.renewed += await renewRows(context, { store, type, rows: page.items as Row[] })
    if (page.nextCursor === null) return found
    cursor = page.nextCursor
    await new Promise((resolve) => setImmediate(resolve))
  }
}

type Page = { store: TenantStore; type: AnyEntity; rows: readonly Row[] }

/** How many values were sealed anew. Rows that others change meanwhile are read again. */
async function renewRows(context: Context, { store, type, rows: listed }: Page): Promise<number> {
  for (let rows = listed; ; ) {
    const changes = rows.flatMap((row) => renewedRow(context, store.tenantId, type, row) ?? [])
    if (changes.length === 0) return 0
    const meta = metaOf(context, 'key.rotate-master', { detail: { entity: type.name, rows: changes.length } })
    try {
      await store.commit(changes, meta)
      return changes.length
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
      const again = await store.read(rows.map(({ id }) => ({ type, id })))
      rows = again.filter((row) => row !== null) as Row[]
    }
  }
}

/** The change that seals a row's values anew, or null when none is of a former key. It is no change of what the row says, so the time of its last one stays. */
function renewedRow({ services }: Context, tenant: string, type: AnyEntity, row: Row): Change | null {
  const patch: Record<string, string> = {}
  for (const field of type.sealed) {
    const sealed = row[field]
    if (typeof sealed !== 'string') continue
    const renewed = services.sealer.renewed(sealed, { tenant, entity: type.name, id: row.id, field })
    if (renewed !== null) patch[field] = renewed
  }
  return Object.keys(patch).length === 0 ? null : update(type, row as never, patched(type, row as never, patch as never, row.updatedAt))
}
