import { expect, test } from 'vitest'
import { add, Counter, insert } from '../../kernel/change.ts'
import { aMember, aNote, chapter, Member, meta, Note, newId, newSigner, now, type OpenSubject } from './harness.ts'

/** An engine from its opening to its end: what it keeps, what it tells, and how it stops. */
export function lifeLaws(open: OpenSubject): void {
  chapter('life', open, ({ fresh, ours, reopen, storage, signer }) => {
    test('keeps everything that was acknowledged when it is opened again', async () => {
      const tenant = fresh()
      const member = aMember({
        password: 'hash',
        lastSeenAt: now,
        score: 0.1,
        settings: { tags: ['ä', '€'], nested: { deep: [true, null, 1.5] } },
      })
      const receipt = await tenant.commit([insert(Member, member), add('seats', 1, now)], meta)

      await reopen()

      const again = storage().tenant(tenant.tenantId)
      expect(await again.get(Member, member.id)).toEqual(member)
      expect((await again.get(Counter, 'seats'))?.value).toBe(1)
      expect(await again.head()).toMatchObject({ sequence: 1, hash: receipt.hash })
      expect((await again.commit([insert(Member, aMember())], meta)).sequence).toBe(2)
    })

    test('tells a watcher of each durable commit, after it can be read, until it is stopped', async () => {
      const tenant = fresh()
      const told: unknown[] = []
      const stop = storage().watch(({ tenantId, stream, sequence }) => {
        if (tenantId === tenant.tenantId) told.push({ stream, sequence })
      })
      await tenant.commit([insert(Note, aNote('one'))], meta)
      await tenant.commit([insert(Note, aNote('one'))], meta).catch(() => {})
      await tenant.commit([], { ...meta, stream: 'document-of-watch' })
      await expect.poll(() => told).toHaveLength(2)

      stop()
      await tenant.commit([], meta)

      expect(told).toEqual([
        { stream: tenant.tenantId, sequence: 1 },
        { stream: 'document-of-watch', sequence: 1 },
      ])
    })

    test('counts what it did', async () => {
      const before = storage().stats()
      const note = aNote(newId())
      await ours().commit([insert(Note, note)], meta)
      await ours()
        .commit([insert(Note, note)], meta)
        .catch(() => {})
      const after = storage().stats()

      expect(after.commits - before.commits).toBe(1)
      expect(after.conflicts - before.conflicts).toBe(1)
      expect(after.groups - before.groups).toBe(1)
      expect(after.commitSeconds).toBeGreaterThan(before.commitSeconds)
      expect(after.largestGroup).toBeGreaterThanOrEqual(1)
    })

    test('finds nothing wrong with itself', async () => {
      expect(await storage().check()).toEqual([])
    })

    test('lets a new signer take over with the next commit, and refuses a key that cannot sign', async () => {
      const next = newSigner('k-2')
      await storage().setSigner(next)
      await ours().commit([], meta)
      expect((await ours().head())?.kid).toBe('k-2')

      await expect(storage().setSigner({ kid: 'k-3', privateKey: 'none' })).rejects.toThrow()
      await ours().commit([], meta)
      expect((await ours().head())?.kid).toBe('k-2')
      await storage().setSigner(signer)
    })
  })

  chapter('end', open, ({ storage, ours }) => {
    test('finishes what was accepted when it is closed, and then refuses every call', async () => {
      const tenant = ours()
      const notes = Array.from({ length: 50 }, (_, n) => aNote(`closing ${n}`))
      const commits = notes.map((note) => tenant.commit([insert(Note, note)], meta))

      await storage().close()

      expect(await Promise.allSettled(commits)).toEqual(notes.map(() => expect.objectContaining({ status: 'fulfilled' })))
      const closed = expect.objectContaining({ kind: 'unavailable', code: 'storage_closed' })
      await expect(tenant.get(Note, 'closing 1')).rejects.toEqual(closed)
      await expect(tenant.list(Note, {})).rejects.toEqual(closed)
      await expect(tenant.commit([], meta)).rejects.toEqual(closed)
      await expect(tenant.log(null, 0, 1)).rejects.toEqual(closed)
      await storage().close()
    })
  })
}
