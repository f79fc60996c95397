import { expect, test } from 'vitest'
import { aFile, chapter, type OpenSubject, read, upload } from './harness.ts'

const methods = ['PUT', 'POST'] as const

export const signedLaws = (open: OpenSubject): void =>
  chapter('signed requests', open, ({ ours, subject }) => {
    const origin = (): string => subject().origin
    const download = { attachmentName: 'a.png', type: 'image/png', expiresInSeconds: 60 }

    test('refuses to sign for longer than allowed', async () => {
      const { key, described } = aFile()
      for (const expiresInSeconds of [0, 3_601, 1.5])
        await expect(ours().signUpload(key, described, { method: 'PUT', expiresInSeconds })).rejects.toThrow('1 to 3600')
      for (const expiresInSeconds of [0, 86_401])
        await expect(ours().signDownload(key, { ...download, expiresInSeconds })).rejects.toThrow('1 to 86400')
      const leftMs = ({ expiresAt }: { expiresAt: string }): number => Date.parse(expiresAt) - Date.now()
      for (const method of methods) {
        const longest = await ours().signUpload(key, described, { method, expiresInSeconds: 3_600 })
        expect(leftMs(longest)).toSatisfy((ms: number) => ms > 3_595_000 && ms <= 3_600_000)
      }
      const longest = await ours().signDownload(key, { ...download, expiresInSeconds: 86_400 })
      expect(leftMs(longest)).toSatisfy((ms: number) => ms > 86_395_000 && ms <= 86_400_000)
    })

    test.each(methods)('%s: keeps nothing of any other length, bytes, type or key', async (method) => {
      const { key, bytes, described } = aFile(5_000)
      const signed = await ours().signUpload(key, described, { method, expiresInSeconds: 60 })
      const flipped = Buffer.from(bytes)
      flipped.writeUInt8(flipped.readUInt8(0) ^ 1, 0)
      const typeName = method === 'PUT' ? 'content-type' : 'Content-Type'

      const refused = [
        await upload(origin(), signed, flipped),
        await upload(origin(), signed, bytes.subarray(1)),
        await upload(origin(), signed, Buffer.concat([bytes, Buffer.from('x')])),
        await upload(origin(), signed, Buffer.alloc(0)),
        await upload(origin(), signed, bytes, { [typeName]: 'text/html' }),
        await upload(origin(), { ...signed, url: signed.url.replace(key, `${key}x`) } as typeof signed, method === 'PUT' ? bytes : flipped),
      ]

      for (const status of refused) expect(status).toSatisfy((code: number) => code >= 400 && code < 500)
      expect(await ours().stat(key)).toBeNull()
      expect(await ours().stat(`${key}x`)).toBeNull()
    })

    test.each(methods)('%s: refuses with 403 from the moment of expiry on', async (method) => {
      const { key, bytes, described } = aFile()
      const signed = await ours().signUpload(key, described, { method, expiresInSeconds: 60 })
      const leftMs = Date.parse(signed.expiresAt) - Date.now()
      expect(leftMs).toSatisfy((ms: number) => ms > 55_000 && ms <= 60_000)

      subject().later(60_000)
      expect(await upload(origin(), signed, bytes)).toBe(403)
      subject().later(-60_000)

      expect(await ours().stat(key)).toBeNull()
    })

    test.each(methods)('%s: refuses what was signed by nobody, or changed since', async (method) => {
      const { key, bytes, described } = aFile()
      const signed = await ours().signUpload(key, described, { method, expiresInSeconds: 60 })
      const bent = JSON.parse(
        JSON.stringify(signed).replace(/(signature=.{4})(.)/i, (_, start, sign) => start + (sign === 'a' ? 'b' : 'a')),
      )
      const fields = 'fields' in bent ? { ...bent.fields, 'X-Amz-Signature': '0'.repeat(64) } : {}
      const isInUrl = bent.url !== signed.url

      expect(await upload(origin(), isInUrl ? bent : { ...bent, fields }, bytes)).toBe(403)

      expect(await ours().stat(key)).toBeNull()
    })

    test.each(methods)('%s: takes the very bytes from someone without a credential', async (method) => {
      for (const size of [1, 300_000]) {
        const { key, bytes, described } = aFile(size)
        const signed = await ours().signUpload(key, described, { method, expiresInSeconds: 60 })
        expect(signed.method).toBe(method)

        expect(await upload(origin(), signed, bytes)).toSatisfy((code: number) => code === 200 || code === 204)

        expect(await ours().stat(key)).toMatchObject({ key, ...described })
        expect((await read(await ours().open(key))).equals(bytes)).toBe(true)
      }
    })

    test('PUT: is refused while there is an object, the same or another', async () => {
      const { key, bytes, described } = aFile()
      const signed = await ours().signUpload(key, described, { method: 'PUT', expiresInSeconds: 60 })
      await upload(origin(), signed, bytes)
      const before = await ours().stat(key)

      expect(await upload(origin(), signed, bytes)).toSatisfy((code: number) => code === 409 || code === 412)
      expect(await ours().stat(key)).toEqual(before)

      const other = aFile()
      const second = await ours().signUpload(key, other.described, { method: 'PUT', expiresInSeconds: 60 })
      expect(await upload(origin(), second, other.bytes)).toSatisfy((code: number) => code === 409 || code === 412)
      expect(await ours().stat(key)).toEqual(before)
    })

    test('POST: sent again leaves the same bytes', async () => {
      const { key, bytes, described } = aFile()
      const signed = await ours().signUpload(key, described, { method: 'POST', expiresInSeconds: 60 })
      await upload(origin(), signed, bytes)
      await upload(origin(), signed, bytes)

      expect((await read(await ours().open(key))).equals(bytes)).toBe(true)
    })

    test('GET: refuses what was changed, and what has expired', async () => {
      const { key, bytes, described } = aFile()
      await ours().put(key, bytes, described)
      await ours().put(`${key}x`, bytes, described)
      const { url } = await ours().signDownload(key, download)
      const get = async (changed: string): Promise<number> => (await fetch(new URL(changed, origin()))).status

      expect(await get(url.replace(key, `${key}x`))).toBe(403)
      expect(await get(url.replace('a.png', 'a.htm'))).toBe(403)
      expect(await get(url.replace(/image(%2F)png/, 'text$1html'))).toBe(403)
      expect(await get(url.replace(/(signature=.{4})(.)/i, (_, start, sign) => start + (sign === 'a' ? 'b' : 'a')))).toBe(403)
      expect(await get(url.replace(/\?.*/, ''))).toBe(403)
      subject().later(60_000)
      expect(await get(url)).toBe(403)
      subject().later(-60_000)
      expect(await get(url)).toBe(200)
      expect((await fetch(new URL(url, origin()), { method: 'DELETE' })).status).toBe(403)
      expect(await ours().stat(key)).not.toBeNull()
    })

    test('GET: signs for an object that is not there; the store then says 404', async () => {
      const { key } = aFile()
      const { url } = await ours().signDownload(key, download)

      expect((await fetch(new URL(url, origin()))).status).toBe(404)
    })

    test('GET: gives the bytes as an attachment of that name and type, whatever they are stored as, and ranges of them', async () => {
      const { key, bytes, described } = aFile(5_000, { type: 'text/html' })
      await ours().put(key, bytes, described)
      const attachmentName = `Foto "1"; größe\\%2f\r\n 写真's.png`
      const { url, expiresAt } = await ours().signDownload(key, { ...download, attachmentName })
      expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(60_000)

      const answer = await fetch(new URL(url, origin()))

      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('image/png')
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('content-disposition')).toBe(
        `attachment; filename="Foto _1_; gr__e__2f__ __'s.png"; filename*=UTF-8''Foto%20%221%22%3B%20gr%C3%B6%C3%9Fe%5C%252f%0D%0A%20%E5%86%99%E7%9C%9F%27s.png`,
      )
      expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true)
      const part = await fetch(new URL(url, origin()), { headers: { range: 'bytes=10-19' } })
      expect(part.status).toBe(206)
      expect(part.headers.get('content-range')).toBe('bytes 10-19/5000')
      expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(10, 20))
    })
  })
