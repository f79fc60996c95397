import type { AnyEntity } from '../../kernel/entity.ts'
import type { Page } from '../../kernel/page.ts'
import type { EncodedCommit as WireCommit } from '../encoded.ts'
import type { Query } from '../port.ts'
import type { Row } from './tables.ts'

/** Pages kept, of up to 50 rows each; most of their rows are the ones that the row cache holds. */
const pagesKept = 500

export type PageCache = ReturnType<typeof pageCache>

/**
 * Pages read lately, each until a row of its entity and tenant changes. A page is never older than an acknowledged commit: this process alone holds the folder, a page is read and kept
 * within one snapshot, and a commit drops all pages that it may change before it is acknowledged. Pages are frozen, because all who ask get the same one.
 */
export function pageCache(entities: readonly AnyEntity[]) {
  const kept = new Map<string, Map<string, Map<string, Page<Row>>>>(entities.map(({ name }) => [name, new Map()]))
  let size = 0

  function forget(name: string, tenant: string): void {
    const of = kept.get(name)
    size -= of?.get(tenant)?.size ?? 0
    of?.delete(tenant)
  }

  return {
    get: (type: AnyEntity, tenant: string, key: string): Page<Row> | undefined => kept.get(type.name)?.get(tenant)?.get(key),
    set(type: AnyEntity, tenant: string, key: string, page: Page<Row>): Page<Row> {
      if (size >= pagesKept) for (const [name, tenants] of kept) for (const one of tenants.keys()) forget(name, one)
      const tenants = kept.get(type.name)
      const pages = tenants?.get(tenant) ?? new Map<string, Page<Row>>()
      tenants?.set(tenant, pages)
      if (!pages.has(key)) size += 1
      Object.freeze(page.items)
      pages.set(key, Object.freeze(page))
      return page
    },
    drop([tenant, , , , changes]: WireCommit): void {
      for (const [op, entity] of changes) if (op !== 'check') forget(entities[entity]?.name ?? '', tenant)
    },
  }
}

/** Tells two queries of one entity apart that may have different pages. The cursor is last, because it alone may hold any character. */
export function keyOf({ index, where, filter, order, cursor }: Query, limit: number): string {
  let key = `${index ?? ''} ${order === 'desc' ? 'desc' : ''} ${limit} `
  for (const field in where) key += `${field}=${JSON.stringify(where[field])} `
  if (filter !== undefined && filter.length > 0) key += JSON.stringify(filter)
  return cursor == null ? key : `${key} after ${cursor}`
}
