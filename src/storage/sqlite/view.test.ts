import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { insert, patched, update } from '../../kernel/change.ts'
import { aNote, entities, meta, Note, newId, newSigner } from '../contract/harness.ts'
import { sqlite } from './engine.ts'
import { sqliteView } from './view.ts'

test('a view stays what it was while others write', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-view-'))
  const storage = sqlite({ folder, entities })
  await storage.open()
  try {
    await storage.setSigner(newSigner())
    const store = storage.tenant(newId())
    const first = aNote('first', 'as it was')
    await store.commit([insert(Note, first), insert(Note, aNote('second'))], meta)
    const view = sqliteView(folder, entities)
    await store.commit([update(Note, first, patched(Note, first, { text: 'changed' }, meta.time)), insert(Note, aNote('third'))], meta)
    const page = await view.rows(Note, { limit: 1 })
    expect(page.items).toEqual([{ tenantId: store.tenantId, row: first }])
    expect((await view.rows(Note, { cursor: page.nextCursor, limit: 10 })).items.map(({ row }) => row.id)).toEqual(['second'])
    expect((await view.heads({})).items.map(({ sequence }) => sequence)).toEqual([1])
    expect((await store.head())?.sequence).toBe(2)
    await view.close()
    const later = sqliteView(folder, entities)
    expect((await later.rows(Note, {})).items).toHaveLength(3)
    expect((await later.sequences({})).items).toEqual([])
    await later.close()
  } finally {
    await storage.close()
    rmSync(folder, { recursive: true })
  }
})
