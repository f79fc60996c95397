import { expect } from 'vitest'
import { add, insert, patched, remove, update } from '../../kernel/change.ts'
import type { Page } from '../../kernel/page.ts'
import type { Head, LoggedEntry, SequenceValue, Storage, StoredRow, TenantStore } from '../port.ts'
import { aMember, aNote, entities, Member, meta, Note, newId, now } from './harness.ts'

export const later = '2026-03-01T09:00:00.000Z'

/** Everything that a storage holds, as a mover reads it. */
export type Copy = {
  rows: Record<string, StoredRow[]>
  entries: ({ tenantId: string } & LoggedEntry)[]
  heads: (Head & { tenantId: string })[]
  sequences: SequenceValue[]
}

type Ask = { cursor: string | null; limit: number }

/** Every item of a list, page by page. */
export async function everything<T>(page: (ask: Ask) => Promise<Page<T>>, limit = 3): Promise<T[]> {
  const all: T[] = []
  for (let cursor: string | null = null; ; ) {
    const { items, nextCursor }: Page<T> = await page({ cursor, limit })
    expect(items.length).toBeLessThanOrEqual(limit)
    all.push(...items)
    if (nextCursor === null) return all
    cursor = nextCursor
  }
}

export async function copyOf(storage: Storage): Promise<Copy> {
  const transfer = storage.transfer()
  const rows: Copy['rows'] = {}
  for (const type of entities) rows[type.name] = await everything((ask) => transfer.rows(type, ask))
  const heads = await everything((ask) => storage.platform().heads(ask))
  const entries: Copy['entries'] = []
  for (const { tenantId, stream } of heads)
    for (const entry of await storage.tenant(tenantId).log(stream, 0, 1_000)) entries.push({ tenantId, ...entry })
  return { rows, entries, heads, sequences: await everything((ask) => transfer.sequences(ask)) }
}

export async function loadAll(to: Storage, { rows, entries, heads, sequences }: Copy): Promise<void> {
  const transfer = to.transfer()
  for (const type of entities) await transfer.load({ type, rows: rows[type.name] ?? [] })
  await transfer.load({ entries, heads, sequences })
}

/** A history with every kind of change, in three tenants, one of them with a stream of its own. */
export async function writeHistory(storage: Storage): Promise<{ tenants: TenantStore[]; document: string; first: Member }> {
  const tenants = [newId(), newId(), 'platform'].map((id) => storage.tenant(id))
  const [ours, theirs, platform] = tenants as [TenantStore, TenantStore, TenantStore]
  const document = `document-${newId()}`
  const first = aMember({
    number: 41,
    email: 'ada@example.org',
    password: 'hash',
    recovery: ['one'],
    settings: { tags: ['é'], nested: [1] },
  })
  const second = aMember({ number: 42, login: 'bob', isCertified: false, score: 0.1, lastSeenAt: now })
  await ours.commit([insert(Member, first), insert(Member, second), add('seats', 3, now)], meta)
  await ours.commit([update(Member, second, patched(Member, second, { password: 'next', note: '"\u2028' }, later))], meta)
  const note = aNote('short-lived')
  await ours.commit([insert(Note, note)], { ...meta, detail: { a: 1 } })
  await ours.commit([remove(Note, note), add('seats', -1, later)], meta)
  await ours.commit([insert(Note, aNote('typed'))], { ...meta, stream: document })
  await theirs.commit([insert(Member, aMember({ number: 7, email: 'ada@example.org' })), insert(Note, aNote('typed'))], meta)
  await platform.commit([], { ...meta, actor: { id: null, kind: 'system', name: 'system' }, entity: { type: 'note', id: 'x' } })
  return { tenants, document, first }
}
