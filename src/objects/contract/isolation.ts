import { expect, test } from 'vitest'
import { aFile, chapter, type OpenSubject, read, upload } from './harness.ts'

export const isolationLaws = (open: OpenSubject): void =>
  chapter('isolation', open, ({ ours, theirs, subject }) => {
    test('reaches no object of another tenant by any method', async () => {
      const { key, bytes, described } = aFile()
      const stat = await theirs().put(key, bytes, described)

      expect(await ours().stat(key)).toBeNull()
      expect(await ours().open(key)).toBeNull()
      expect(await ours().copy(key, `${key}-copy`)).toBeNull()
      expect((await ours().list('')).items).toEqual([])
      await ours().remove(key)
      await ours().erase(key)
      expect(await theirs().stat(key)).toEqual(stat)
    })

    test('keeps the same key of two tenants apart', async () => {
      const key = 'same/key'
      const [mine, yours] = [aFile(), aFile()]
      await ours().put(key, mine.bytes, mine.described)
      await theirs().put(key, yours.bytes, yours.described)

      expect((await read(await ours().open(key))).equals(mine.bytes)).toBe(true)
      await ours().erase(key)
      expect((await read(await theirs().open(key))).equals(yours.bytes)).toBe(true)
    })

    test('takes no id of a tenant that is a way to another', () => {
      const { objects } = subject()
      for (const id of ['', '.', '..', '../x', 'a/b', `${ours().tenantId}/x`, '.pending', 'a b', 'ä'])
        expect(() => objects.tenant(id), id).toThrow('another form')
    })

    test("puts nothing of another tenant's with a signed upload that was bent", async () => {
      const { key, bytes, described } = aFile()
      const signed = await ours().signUpload(key, described, { method: 'PUT', expiresInSeconds: 60 })

      const url = signed.url.replace(ours().tenantId, theirs().tenantId)
      expect(url).not.toBe(signed.url)
      expect(await upload(subject().origin, { ...signed, url }, bytes)).toBe(403)

      expect(await theirs().stat(key)).toBeNull()
      expect(await ours().stat(key)).toBeNull()
    })
  })
