import { expect, test } from 'vitest'
import { aFile, chapter, newId, type OpenSubject, read } from './harness.ts'

export const readLaws = (open: OpenSubject): void =>
  chapter('open, copy, remove, erase', open, ({ ours, subject }) => {
    test('knows nothing of what was never put', async () => {
      expect(await ours().stat('never')).toBeNull()
      expect(await ours().open('never')).toBeNull()
      expect(await ours().open('never', { start: 0, length: 1 })).toBeNull()
      expect(await ours().copy('never', `to/${newId()}`)).toBeNull()
      await ours().remove('never')
      await ours().erase('never')
    })

    test('refuses a range that begins behind the end, or is none', async () => {
      const { key, bytes, described } = aFile(100)
      await ours().put(key, bytes, described)
      for (const range of [
        { start: 100, length: 1 },
        { start: 0, length: 0 },
        { start: -1, length: 5 },
        { start: 0.5, length: 5 },
      ])
        await expect(ours().open(key, range)).rejects.toMatchObject({ kind: 'unprocessable', code: 'range_invalid' })
    })

    test('opens a range, and no more than there is', async () => {
      const { key, bytes, described } = aFile(200_000)
      const stat = await ours().put(key, bytes, described)
      for (const [start, length] of [
        [0, 1],
        [199_999, 1],
        [199_999, 500],
        [70_000, 66_000],
        [0, 200_000],
      ] as const) {
        const opened = await ours().open(key, { start, length })
        expect(opened?.stat).toEqual(stat)
        expect((await read(opened)).equals(bytes.subarray(start, start + length))).toBe(true)
      }
    })

    test('ends in object_damaged when the bytes are not those that were put', async () => {
      const { key, bytes, described } = aFile(200_000)
      await ours().put(key, bytes, described)
      await subject().damage(ours().tenantId, key)

      await expect(ours().open(key).then(read)).rejects.toMatchObject({ kind: 'internal', code: 'object_damaged' })
    })

    test('lets go of a body that is not read', async () => {
      const { key, bytes, described } = aFile(300_000)
      await ours().put(key, bytes, described)
      for (let n = 0; n < 60; n += 1) (await ours().open(key))?.body.destroy()

      expect((await read(await ours().open(key))).equals(bytes)).toBe(true)
    })

    test('copies an object with what describes it, and leaves the first where it is', async () => {
      const { key, bytes, described } = aFile(100_000)
      await ours().put(key, bytes, described)
      const to = `confirmed/${newId()}`

      const copy = await ours().copy(key, to)

      expect(copy).toMatchObject({ key: to, ...described })
      expect(await ours().stat(to)).toEqual(copy)
      expect((await read(await ours().open(to))).equals(bytes)).toBe(true)
      expect(await ours().copy(key, to)).toEqual(copy)
      await ours().remove(key)
      expect((await read(await ours().open(to))).equals(bytes)).toBe(true)
    })

    test('copies over nothing', async () => {
      const [from, to] = [aFile(), aFile()]
      await ours().put(from.key, from.bytes, from.described)
      await ours().put(to.key, to.bytes, to.described)

      await expect(ours().copy(from.key, to.key)).rejects.toMatchObject({ kind: 'conflict', code: 'object_exists' })
      expect((await read(await ours().open(to.key))).equals(to.bytes)).toBe(true)
    })

    test('lets exactly one of several copies win that aim at one key', async () => {
      const files = Array.from({ length: 6 }, () => aFile())
      for (const { key, bytes, described } of files) await ours().put(key, bytes, described)
      const to = `confirmed/${newId()}`

      const results = await Promise.allSettled(files.map(({ key }) => ours().copy(key, to)))

      const winners = files.filter((_, n) => results[n]?.status === 'fulfilled')
      expect(winners).toHaveLength(1)
      expect(await ours().stat(to)).toMatchObject(winners[0]?.described ?? {})
    })

    test.each(['remove', 'erase'] as const)(
      'has no object after %s, and takes another under the key, with another version',
      async (verb) => {
        const { key, bytes, described } = aFile()
        const first = await ours().put(key, bytes, described)
        await ours()[verb](key)

        expect(await ours().stat(key)).toBeNull()
        expect(await ours().open(key)).toBeNull()
        expect((await ours().list(key)).items).toEqual([])
        await ours()[verb](key)
        const other = aFile()
        await ours().put(key, other.bytes, other.described)
        expect((await read(await ours().open(key))).equals(other.bytes)).toBe(true)
        await ours()[verb](key)
        const again = await ours().put(key, bytes, described)
        expect(again.version).not.toBe(first.version)
      },
    )

    test('erases one key and none that begins with it', async () => {
      const { key, bytes, described } = aFile()
      await ours().put(key, bytes, described)
      for (const other of [`${key}-x`, `${key}/x`]) await ours().put(other, bytes, described)

      await ours().erase(key)

      expect((await ours().list(key)).items.map((item) => item.key)).toEqual([`${key}-x`, `${key}/x`])
    })
  })
