import { expect, test } from 'vitest'
import { aFile, chapter, inChunks, newId, type OpenSubject, read } from './harness.ts'

export const putLaws = (open: OpenSubject): void =>
  chapter('put', open, ({ ours, fresh, reopen }) => {
    test('refuses keys that are not of the form, with every method, before anything is touched', async () => {
      const { bytes, described } = aFile()
      const signing = { attachmentName: 'a', type: 'text/plain', expiresInSeconds: 60 }
      const bad = [
        '',
        '/a',
        'a/',
        'a//b',
        '../a',
        'a/../b',
        'a/..',
        '.a',
        'a/.b',
        '-a',
        'a b',
        'a\\b',
        'a%2fb',
        'a\0',
        'ä',
        'a\n',
        'a+',
        `${'a/'.repeat(256)}a`,
        'a'.repeat(201),
      ]
      for (const key of bad) {
        await expect(ours().put(key, bytes, described), key).rejects.toThrow('another form')
        await expect(ours().open(key), key).rejects.toThrow('another form')
        await expect(ours().stat(key), key).rejects.toThrow('another form')
        await expect(ours().copy(key, 'a'), key).rejects.toThrow('another form')
        await expect(ours().copy('a', key), key).rejects.toThrow('another form')
        await expect(ours().remove(key), key).rejects.toThrow('another form')
        await expect(ours().erase(key), key).rejects.toThrow('another form')
        await expect(ours().signUpload(key, described, { method: 'PUT', expiresInSeconds: 60 }), key).rejects.toThrow('another form')
        await expect(ours().signDownload(key, signing), key).rejects.toThrow('another form')
      }
      for (const prefix of ['/', '../', 'a/../', '.', 'a//']) await expect(ours().list(prefix), prefix).rejects.toThrow('another form')
    })

    test('takes the longest key and the longest segment', async () => {
      for (const key of ['a'.repeat(200), `${'a'.repeat(200)}/${'b'.repeat(200)}/${'c'.repeat(110)}`, 'A-z_0.9/a..b']) {
        const { bytes, described } = aFile(10)
        await ours().put(key, bytes, described)
        expect((await read(await ours().open(key))).equals(bytes), key).toBe(true)
      }
    })

    test('refuses descriptions that describe nothing', async () => {
      const { key, bytes, described } = aFile()
      const bad = [
        { size: -1 },
        { size: 1.5 },
        { size: 5 * 1024 ** 3 + 1 },
        { sha256: described.sha256.toUpperCase() },
        { sha256: 'abc' },
        { type: '' },
        { type: 'image' },
        { type: 'text/html; charset=utf-8' },
        { type: 'text/html\r\nx: y' },
      ]
      for (const wrong of bad) await expect(ours().put(key, bytes, { ...described, ...wrong })).rejects.toThrow()
      expect(await ours().stat(key)).toBeNull()
    })

    test('keeps nothing of bytes that are not as described, whole or streamed', async () => {
      const { key, bytes, described } = aFile()
      const other = aFile()
      const wrong: [Buffer, Partial<typeof described>][] = [
        [other.bytes, {}],
        [bytes, { size: 999 }],
        [bytes, { size: 1_001 }],
        [bytes, { sha256: other.described.sha256 }],
        [Buffer.alloc(0), {}],
      ]
      for (const [given, changes] of wrong) {
        for (const body of [given, inChunks(given)])
          await expect(ours().put(key, body, { ...described, ...changes })).rejects.toMatchObject({
            kind: 'unprocessable',
            code: 'object_mismatch',
          })
      }
      expect(await ours().stat(key)).toBeNull()
      expect(await ours().open(key)).toBeNull()
      expect((await ours().list(key)).items).toEqual([])
    })

    test('keeps nothing of a stream that breaks off, and passes on what it threw', async () => {
      const { key, bytes, described } = aFile(400_000)
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield* inChunks(bytes.subarray(0, 300_000), 65_536)
        throw new Error('the sender went away')
      }

      await expect(ours().put(key, broken(), described)).rejects.toThrow('the sender went away')

      expect(await ours().stat(key)).toBeNull()
    })

    test('shows nothing of an object while it is being put', async () => {
      const { key, bytes, described } = aFile(300_000)
      const seen: unknown[] = []
      async function* watched(): AsyncGenerator<Uint8Array> {
        for await (const chunk of inChunks(bytes, 100_000)) {
          seen.push(await ours().stat(key), await ours().open(key), (await ours().list(key)).items)
          yield chunk
        }
      }

      await ours().put(key, watched(), described)

      expect(seen).toEqual([null, null, [], null, null, [], null, null, []])
      expect(await ours().stat(key)).not.toBeNull()
    })

    test('reads no further once a stream is longer than announced', async () => {
      const { key, described } = aFile()
      let given = 0
      async function* endless(): AsyncGenerator<Uint8Array> {
        for (;;) {
          given += 1
          yield Buffer.alloc(1_000)
        }
      }

      await expect(ours().put(key, endless(), described)).rejects.toMatchObject({ code: 'object_mismatch' })

      expect(given).toBe(2)
      expect(await ours().stat(key)).toBeNull()
    })

    test('stores bytes and streams of every size, with what describes them', async () => {
      for (const size of [0, 1, 299, 300, 70_000, 3_000_000]) {
        for (const streamed of [false, true]) {
          const { key, bytes, described } = aFile(size)

          const stat = await ours().put(key, streamed ? inChunks(bytes, 65_536) : bytes, described)

          expect(stat).toEqual({ key, ...described, version: expect.stringMatching(/./), storedAt: expect.stringMatching(/^20.*Z$/) })
          expect(await ours().stat(key)).toEqual(stat)
          const opened = await ours().open(key)
          expect(opened?.stat).toEqual(stat)
          expect((await read(opened)).equals(bytes)).toBe(true)
        }
      }
    })

    test('never replaces what is there', async () => {
      const { key, bytes, described } = aFile()
      const first = await ours().put(key, bytes, described)
      const other = aFile()

      for (const body of [other.bytes, inChunks(other.bytes)])
        await expect(ours().put(key, body, other.described)).rejects.toMatchObject({ kind: 'conflict', code: 'object_exists' })
      await expect(ours().put(key, bytes, { ...described, type: 'text/plain' })).rejects.toMatchObject({ code: 'object_exists' })

      expect(await ours().stat(key)).toEqual(first)
      expect((await read(await ours().open(key))).equals(bytes)).toBe(true)
    })

    test('resolves with what is there when the same is put again', async () => {
      const { key, bytes, described } = aFile()
      const first = await ours().put(key, bytes, described)

      expect(await ours().put(key, bytes, described)).toEqual(first)
      expect(await ours().put(key, inChunks(bytes), described)).toEqual(first)
    })

    test('lets exactly one of several win that put different bytes at once', async () => {
      const key = `race/${newId()}`
      const files = Array.from({ length: 8 }, () => aFile(5_000))

      const results = await Promise.allSettled(files.map(({ bytes, described }) => ours().put(key, bytes, described)))

      const winners = files.filter((_, n) => results[n]?.status === 'fulfilled')
      expect(winners).toHaveLength(1)
      for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'object_exists' })
      expect((await read(await ours().open(key))).equals(winners[0]?.bytes ?? Buffer.alloc(0))).toBe(true)
    })

    test('has both `a` and `a/b`', async () => {
      const tenant = fresh()
      const [outer, inner] = [aFile(), aFile()]
      await tenant.put('a/b', inner.bytes, inner.described)
      await tenant.put('a', outer.bytes, outer.described)

      expect((await read(await tenant.open('a'))).equals(outer.bytes)).toBe(true)
      expect((await read(await tenant.open('a/b'))).equals(inner.bytes)).toBe(true)
      expect(await tenant.stat('a/b/c')).toBeNull()
    })

    test('has what was put after it was closed and opened again', async () => {
      const { key, bytes, described } = aFile()
      const stat = await ours().put(key, bytes, described)

      await reopen()

      expect(await ours().stat(key)).toEqual(stat)
      expect((await read(await ours().open(key))).equals(bytes)).toBe(true)
    })
  })
