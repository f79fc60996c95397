import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { add, insert, patched, remove, update } from '../../kernel/change.ts'
import type { Page } from '../../kernel/page.ts'
import { aMember, aNote, entities, type Member, Member as MemberType, meta, Note, newId } from '../../storage/contract/harness.ts'
import type { Storage, StoredRow, TenantStore } from '../../storage/port.ts'
import { sqlite } from '../../storage/sqlite/engine.ts'

/** An empty SQLite of the contract's entities in a folder of its own. */
export async function emptyStorage(): Promise<{ storage: Storage; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-move-'))
  const storage = sqlite({ folder, entities })
  await storage.open()
  onTestFinished(async () => {
    await storage.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { storage, folder }
}

async function all<T>(page: (ask: { cursor: string | null; limit: number }) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = []
  for (let cursor: string | null = null; ; ) {
    const found: Page<T> = await page({ cursor, limit: 200 })
    items.push(...found.items)
    if (found.nextCursor === null) return items
    cursor = found.nextCursor
  }
}

/** Everything that a storage tells of itself, to be compared with another one. */
export async function contentOf(storage: Storage): Promise<unknown> {
  const transfer = storage.transfer()
  const rows: Record<string, StoredRow[]> = {}
  for (const type of entities) rows[type.name] = await all((ask) => transfer.rows(type, ask))
  const heads = await all((ask) => storage.platform().heads(ask))
  const logs: unknown[] = []
  for (const { tenantId, stream, sequence } of heads)
    for (let after = 0; after < sequence; after += 1_000) logs.push(await storage.tenant(tenantId).log(stream, after, 1_000))
  return { rows, heads, logs, sequences: await all((ask) => transfer.sequences(ask)) }
}

/** One write of somebody: `tenant`, `row`, `key` and `kind` are small numbers, so that writers meet the same rows and want the same keys. */
export type Write = {
  kind: 'insert' | 'rename' | 'remove' | 'note' | 'count' | 'document' | 'swap'
  tenant: number
  row: number
  key: number
}

const tenants = [newId(), newId(), 'platform']
const emailOf = (key: number): string | null => (key === 0 ? null : `key-${key}@example.org`)

/** Writers over a storage; each remembers what it wrote last, and a write that loses a race or a key is refused as it would be anywhere. */
export function createWriter(storage: Storage) {
  const held = new Map<string, Member[]>()
  let notes = 0

  async function write({ kind, tenant: number, row, key }: Write): Promise<void> {
    const tenant: TenantStore = storage.tenant(tenants[number % tenants.length] ?? '')
    const members = held.get(tenant.tenantId) ?? []
    held.set(tenant.tenantId, members)
    const position = members.length === 0 ? 0 : row % members.length
    const found = members[position]
    const time = new Date(Date.parse(meta.time) + row * 1000).toISOString()
    if (kind === 'insert' || (found === undefined && kind !== 'note' && kind !== 'count' && kind !== 'document')) {
      const [first] = [await tenant.next('member')]
      const made = aMember({ email: emailOf(key), number: first, password: `secret ${key}`, settings: { tags: ['é'], nested: { key } } })
      await tenant.commit([insert(MemberType, made)], meta)
      members.push(made)
    } else if (kind === 'note') {
      notes += 1
      await tenant.commit([insert(Note, aNote(`note ${notes % 7}`, String(notes)))], meta)
    } else if (kind === 'count') {
      await tenant.commit([add(`counter ${key}`, row + 1, time)], meta)
    } else if (kind === 'document') {
      await tenant.commit([add(`document ${key}`, 1, time)], { ...meta, stream: `document-${tenant.tenantId}-${key}` })
    } else if (found !== undefined) {
      const email = kind === 'swap' ? null : emailOf(key)
      const next = patched(MemberType, found, { email, note: String(row), ...(kind === 'swap' ? { password: null } : {}) }, time)
      if (kind === 'remove') await tenant.commit([remove(MemberType, found)], meta)
      else await tenant.commit([update(MemberType, found, next)], meta)
      if (kind === 'remove') members.splice(position, 1)
      else members[position] = next
    }
  }

  return { write: (one: Write): Promise<void> => write(one).catch(ignoreRefusal) }
}

function ignoreRefusal(error: unknown): void {
  const { code } = error as { code?: string }
  if (code !== 'version_conflict' && code !== 'storage_moved') throw error
}
