import { describe, expect, onTestFinished, test } from 'vitest'
import { add, Counter, insert, patched, remove, update } from '../../kernel/change.ts'
import type { TenantStore, View } from '../port.ts'
import { aMember, aNote, entities, Member, meta, Note, newId, newSigner, type OpenSubject } from './harness.ts'
import { everything, later, writeHistory } from './whole.ts'

/** What snapshots rest on: everything at one instant, while others write on. */
export function viewLaws(open: OpenSubject): void {
  describe('view', () => {
    async function begun() {
      const subject = await open()
      onTestFinished(() => subject.close())
      await subject.storage.setSigner(newSigner())
      const seen = async (): Promise<View> => {
        const view = await subject.openView()
        onTestFinished(() => view.close())
        return view
      }
      return { storage: subject.storage, seen }
    }

    async function contentOf(view: View) {
      const rows = await Promise.all(entities.map((type) => everything((ask) => view.rows(type, ask), 7)))
      return {
        rows,
        sequences: await everything((ask) => view.sequences(ask), 2),
        heads: await everything((ask) => view.heads(ask), 2),
      }
    }

    test('shows all that is stored: rows with their secrets, sequences, heads', async () => {
      const { storage, seen } = await begun()
      await writeHistory(storage)
      await storage.tenant(newId()).next('member', 5)
      const view = await seen()
      const transfer = storage.transfer()
      expect(await contentOf(view)).toEqual({
        rows: await Promise.all(entities.map((type) => everything((ask) => transfer.rows(type, ask), 7))),
        sequences: await everything((ask) => transfer.sequences(ask), 2),
        heads: await everything((ask) => storage.platform().heads(ask), 2),
      })
    })

    test('has nothing of a storage that nothing was written to', async () => {
      const { seen } = await begun()
      expect(await contentOf(await seen())).toEqual({ rows: entities.map(() => []), sequences: [], heads: [] })
    })

    test('reads one tenant alone where that is asked for', async () => {
      const { storage, seen } = await begun()
      const { tenants } = await writeHistory(storage)
      const view = await seen()
      for (const { tenantId } of tenants)
        expect(await view.rows(Member, { tenantId })).toEqual(await storage.transfer().rows(Member, { tenantId }))
    })

    test('stays what it was from the moment that it is open, whatever is written then', async () => {
      const { storage, seen } = await begun()
      const store = storage.tenant(newId())
      const [first, second] = [aNote('first', 'as it was'), aNote('second')]
      await store.commit([insert(Note, first), insert(Note, second), add('seats', 3, later)], meta)
      const view = await seen()
      await store.commit([update(Note, first, patched(Note, first, { text: 'changed' }, later)), remove(Note, second)], meta)
      await store.commit([insert(Note, aNote('third')), add('seats', 4, later)], meta)
      await store.next('member', 3)
      await storage.tenant(newId()).commit([insert(Note, aNote('elsewhere'))], meta)

      const page = await view.rows(Note, { limit: 1 })
      expect(page.items).toEqual([{ tenantId: store.tenantId, row: first }])
      expect((await view.rows(Note, { cursor: page.nextCursor, limit: 10 })).items).toEqual([{ tenantId: store.tenantId, row: second }])
      expect((await view.rows(Counter, {})).items.map(({ row }) => row.value)).toEqual([3])
      expect((await view.heads({})).items.map(({ sequence }) => sequence)).toEqual([1])
      expect((await view.sequences({})).items).toEqual([])
      expect((await store.head())?.sequence).toBe(3)
    })

    /** Members come, change and go, and a counter moves, until it is told to end. */
    async function writeOn(store: TenantStore, isOver: () => boolean): Promise<void> {
      const kept: Member[] = []
      for (let n = 0; !isOver(); n += 1) {
        const made = aMember({ password: `hash ${n}` })
        const old = kept.length > 4 ? kept.shift() : undefined
        const [changing] = kept
        const changed = changing === undefined ? undefined : (patched(Member, changing, { note: `${n}` }, later) as Member)
        await store.commit(
          [
            insert(Member, made),
            add('members', 1, later),
            ...(old === undefined ? [] : [remove(Member, old)]),
            ...(changing === undefined || changed === undefined ? [] : [update(Member, changing, changed)]),
          ],
          meta,
        )
        if (changed !== undefined) kept[0] = changed
        kept.push(made)
      }
    }

    /** The rows of a tenant after an entry, worked out from its log alone. */
    async function rowsAfter(store: TenantStore, sequence: number): Promise<Map<string, unknown>> {
      const rows = new Map<string, Record<string, unknown>>()
      for (let after = 0; after < sequence; ) {
        const page = await store.log(null, after, Math.min(1_000, sequence - after))
        for (const { entry, secrets } of page) {
          const hidden = secrets === null ? [] : (JSON.parse(secrets) as { changes: Record<string, unknown>[] }).changes
          for (const [position, { op, type, id, fields }] of entry.changes.entries()) {
            const key = `${type} ${id}`
            const before = rows.get(key) ?? (op === 'add' ? { createdAt: fields.updatedAt } : {})
            if (op === 'remove') rows.delete(key)
            else rows.set(key, { ...before, ...fields, ...hidden[position], id })
          }
        }
        after += page.length
      }
      return rows
    }

    test('its rows are those that the log says at its heads, also while it is opened amid writes', async () => {
      const { storage, seen } = await begun()
      const stores = Array.from({ length: 4 }, () => storage.tenant(newId()))
      let isOver = false
      const writing = stores.map((store) => writeOn(store, () => isOver))
      await Promise.all(
        stores.map(async (store) => {
          while (((await store.head())?.sequence ?? 0) < 8) await new Promise((resolve) => setTimeout(resolve, 5))
        }),
      )
      const view = await seen()
      await new Promise((resolve) => setTimeout(resolve, 50))
      isOver = true
      await Promise.all(writing)

      const { heads } = await contentOf(view)
      expect(heads.map(({ tenantId }) => tenantId).sort()).toEqual(stores.map(({ tenantId }) => tenantId).sort())
      for (const store of stores) {
        const head = heads.find(({ tenantId }) => tenantId === store.tenantId)
        const wanted = await rowsAfter(store, head?.sequence ?? 0)
        const found = new Map<string, unknown>()
        for (const type of entities)
          for (const { row } of await everything((ask) => view.rows(type, { ...ask, tenantId: store.tenantId }), 100))
            found.set(`${type.name} ${row.id}`, row)
        expect(found).toEqual(wanted)
        expect((await store.log(null, (head?.sequence ?? 0) - 1, 1))[0]?.hash).toBe(head?.hash)
      }
    })
  })
}
