import fc from 'fast-check'
import { expect, test } from 'vitest'
import { insert } from '../kernel/change.ts'
import { aMember, aNote, entities, Member, meta, Note, newId, newSigner } from '../storage/contract/harness.ts'
import { pausable } from '../storage/pausable.ts'
import type { Load, Storage, Transfer } from '../storage/port.ts'
import { createSums, rowText } from './digest.ts'
import { moveStorage } from './run.ts'
import { contentOf, createWriter, emptyStorage, type Write } from './testing/storages.ts'

const signer = newSigner()

async function source(): Promise<Storage> {
  const { storage } = await emptyStorage()
  await storage.setSigner(signer)
  return storage
}

/** The storage with some methods of its transfer replaced. */
function withTransfer(storage: Storage, change: (inner: Transfer) => Partial<Transfer>): Storage {
  const inner = storage.transfer()
  const transfer: Transfer = { ...inner, ...change(inner) }
  return { ...storage, transfer: () => transfer }
}

const quiet = { check: async () => {}, told: () => {}, entities }

const move = (from: Storage, to: Storage, more: Partial<Parameters<typeof moveStorage>[0]> = {}) => {
  const held = pausable(from)
  return moveStorage({ ...quiet, source: held.storage, target: to, pause: held.pause, ...more })
}

async function filled(members: number): Promise<Storage> {
  const storage = await source()
  const tenant = storage.tenant(newId())
  await tenant.commit(
    Array.from({ length: members }, (_, n) => insert(Member, aMember({ number: n + 1, password: 'hash' }))),
    meta,
  )
  await storage.platform().commit([insert(Note, aNote('platform', newId()))], meta)
  return storage
}

const anyWrite: fc.Arbitrary<Write> = fc.record({
  kind: fc.constantFrom('insert', 'insert', 'rename', 'rename', 'swap', 'remove', 'note', 'count', 'document'),
  tenant: fc.nat(2),
  row: fc.nat(11),
  key: fc.nat(3),
})

test('a storage that is written to while it moves, at any moment, is moved whole', { timeout: 180_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyWrite, { minLength: 1, maxLength: 40 }),
      fc.array(fc.array(anyWrite, { maxLength: 3 }), { maxLength: 40 }),
      fc.array(anyWrite, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 5 }),
      async (before, meanwhile, last, limit) => {
        const held = pausable(await source())
        const writer = createWriter(held.storage)
        for (const one of before) await writer.write(one)
        const left = [...meanwhile]
        let isPaused = false
        const late: Promise<void>[] = []
        // between any two reads of the move somebody writes; what meets the pause is refused once all has moved
        const interrupted = async (): Promise<void> => {
          for (const one of left.shift() ?? []) {
            if (isPaused) late.push(writer.write(one))
            else await writer.write(one)
          }
        }
        const target = (await emptyStorage()).storage
        const from: Storage = {
          ...withTransfer(held.storage, (inner) => ({
            async rows(type, query) {
              await interrupted()
              return inner.rows(type, { ...query, limit })
            },
          })),
          tenant: (id) => {
            const store = held.storage.tenant(id)
            return {
              ...store,
              async read(references) {
                const rows = await store.read(references)
                await interrupted()
                return rows
              },
              async log(stream, after, most) {
                await interrupted()
                return store.log(stream, after, most)
              },
            }
          },
        }
        const moved = await moveStorage({
          ...quiet,
          source: from,
          target,
          async pause() {
            for (const one of last) await writer.write(one)
            const paused = held.pause()
            isPaused = true
            return paused
          },
        })
        await Promise.all(late)

        expect(await contentOf(target)).toEqual(await contentOf(held.storage))
        expect(await target.transfer().state()).toBe('ready')
        const sums = createSums()
        for (const type of entities)
          for (const row of (await target.transfer().rows(type, { limit: 1_000 })).items) sums.add(type.name, rowText(row))
        for (const { name } of entities) expect({ count: moved.entities[name], digest: moved.digests[name] }).toEqual(sums.of(name))
      },
    ),
    { numRuns: 12, endOnFailure: true },
  )
})

test('refuses a target that holds data, and goes on serving', async () => {
  const [from, to] = [await filled(3), await filled(2)]
  const before = [await contentOf(from), await contentOf(to)]

  await expect(move(from, to)).rejects.toMatchObject({ kind: 'conflict', code: 'storage_not_empty' })

  expect([await contentOf(from), await contentOf(to)]).toEqual(before)
  await from.tenant('t').commit([], meta)
})

test('refuses to move nothing', async () => {
  await expect(move(await source(), (await emptyStorage()).storage)).rejects.toMatchObject({ code: 'no_data' })
})

test('refuses a target in which a move from elsewhere has not finished', async () => {
  const to = (await emptyStorage()).storage
  const stop = withTransfer(to, () => ({ finish: () => Promise.reject(new Error('killed here')) }))
  await expect(move(await filled(3), stop)).rejects.toThrow('killed here')

  await expect(move(await filled(3), to)).rejects.toMatchObject({ code: 'storage_not_empty' })
})

test.each<[string, (batch: Load) => Load]>([
  [
    'a row that became another',
    (batch) => ({ ...batch, rows: batch.rows?.map((one) => ({ ...one, row: { ...one.row, note: 'altered' } })) ?? [] }),
  ],
  ['a row that is missing', (batch) => ({ ...batch, rows: batch.rows?.slice(1) ?? [] })],
  ['a sequence that is behind', ({ sequences, ...batch }) => ({ ...batch, ...(sequences ? { sequences: [] } : {}) })],
  ['a row too many', (batch) => ({ ...batch, rows: [...(batch.rows ?? []), { tenantId: 'x', row: aMember() }] })],
])('finds %s, lets the source go on, and leaves the target unfinished', async (what, alter) => {
  const from = await filled(20)
  const to = (await emptyStorage()).storage
  const bad = withTransfer(to, (inner) => ({
    load: (batch) => inner.load(batch.type === Member || (batch.sequences && what.startsWith('a sequence')) ? alter(batch) : batch),
  }))
  const held = pausable(from)

  await expect(move(held.storage, bad, { source: held.storage, pause: held.pause })).rejects.toMatchObject({ code: 'move_differs' })

  expect(await to.transfer().state()).toBe('loading')
  await held.storage.tenant('t').commit([], meta)
})

test('finds an entry of the source that was changed, and moves nothing more', async () => {
  const from = await filled(3)
  const altered: Storage = {
    ...from,
    tenant: (id) => {
      const store = from.tenant(id)
      return {
        ...store,
        log: async (...asked) => (await store.log(...asked)).map((one) => ({ ...one, text: one.text.replace('Ada', 'Eve') })),
      }
    },
  }
  await expect(move(altered, (await emptyStorage()).storage)).rejects.toMatchObject({ code: 'move_source_damaged' })
})

test('refuses a source that something else goes on writing to, lets writes go on, and takes the same target again once it is alone', async () => {
  const from = await filled(3)
  const to = (await emptyStorage()).storage
  const held = pausable(from)
  let isPaused = false
  // another server's commits, which a pause of this process does not hold back: one more before each look
  const busy: Storage = {
    ...held.storage,
    platform: () => ({
      ...held.storage.platform(),
      async heads(asked) {
        if (isPaused) await from.tenant('t').commit([], meta)
        return from.platform().heads(asked)
      },
    }),
  }
  const pause = async () => {
    const paused = await held.pause()
    isPaused = true
    return paused
  }

  await expect(moveStorage({ ...quiet, source: busy, target: to, pause })).rejects.toMatchObject({
    kind: 'conflict',
    code: 'move_source_busy',
  })

  expect(await to.transfer().state()).toBe('loading')
  await held.storage.tenant('t').commit([], meta)
  expect(await moveStorage({ ...quiet, source: held.storage, target: to, pause: held.pause })).toMatchObject({ equal: true, resumed: true })
  expect(await contentOf(to)).toEqual(await contentOf(from))
})

test('lets writes go on when the sealed values of the target cannot be opened', async () => {
  const held = pausable(await filled(3))
  const to = (await emptyStorage()).storage
  const check = () => Promise.reject(Object.assign(new Error('another key'), { code: 'wrong_key' }))

  await expect(moveStorage({ ...quiet, source: held.storage, target: to, pause: held.pause, check })).rejects.toMatchObject({
    code: 'wrong_key',
  })

  await held.storage.tenant('t').commit([], meta)
  expect(await to.transfer().state()).toBe('loading')
  // and the same target is taken again
  expect(await moveStorage({ ...quiet, source: held.storage, target: to, pause: held.pause })).toMatchObject({ equal: true, resumed: true })
})

test('after the move the source takes no more writes, and can be read', async () => {
  const held = pausable(await filled(3))
  await moveStorage({ ...quiet, source: held.storage, target: (await emptyStorage()).storage, pause: held.pause })

  await expect(held.storage.tenant('t').commit([], meta)).rejects.toMatchObject({ kind: 'unavailable', code: 'storage_moved' })
  expect(await held.storage.platform().get(Note, 'platform')).not.toBeNull()
})

test('says so when it was killed after everything was done but the saying', async () => {
  const from = await filled(30)
  const to = (await emptyStorage()).storage
  const first = await move(from, to)

  const again = await move(from, to)

  expect(again).toMatchObject({ equal: true, resumed: true, entities: first.entities, digests: first.digests })
  await to.setSigner(signer)
  await to.platform().commit([], { ...meta, action: 'storage.move' })
  await expect(move(from, to)).rejects.toMatchObject({
    code: 'storage_not_empty',
    message: expect.stringContaining('moved to that target before'),
  })
})

test('says how far it is, up to the end', async () => {
  const told: { done: number; total: number }[] = []
  await move(await filled(700), (await emptyStorage()).storage, { told: (progress) => told.push(progress) })

  expect(told.length).toBeGreaterThan(4)
  expect(told.map(({ done }) => done)).toEqual(told.map(({ done }) => done).toSorted((a, b) => a - b))
  const last = told.at(-1)
  expect(last?.done).toBe(last?.total)
})
