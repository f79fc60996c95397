import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Target } from '../target.ts'

/** A target under test. `breakIt` makes it unreachable until `mend`. */
export type TargetSubject = { target: Target; breakIt(): Promise<void>; mend(): Promise<void>; close(): Promise<void> }

const bytes = (text: string): Uint8Array => Buffer.from(text)

async function* inParts(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield bytes(part)
}

/** The port, sentence by sentence; every adapter runs all of it. */
export function runTargetContract(adapter: string, open: () => Promise<TargetSubject>): void {
  describe(`${adapter} keeps the contract of a target`, () => {
    let subject: TargetSubject
    let target: Target
    beforeAll(async () => {
      subject = await open()
      target = subject.target
      await target.open()
    })
    afterAll(() => subject.close())

    async function text(name: string): Promise<string | null> {
      const body = await target.read(name)
      return body === null ? null : Buffer.concat(await Array.fromAsync(body)).toString()
    }
    const names = async (prefix: string) => (await Array.fromAsync(target.list(prefix))).map(({ name }) => name)

    test('refuses names that could lead outside, or that hide', async () => {
      for (const name of ['', '/a', 'a/', 'a//b', '../a', 'a/../b', './a', '.a', 'a/.b', 'a\\b', 'a\u0000', 'ä', 'a b', 'x'.repeat(401)]) {
        await expect(target.put(name, bytes('x')), name).rejects.toThrow('no name of a file')
        await expect(target.read(name), name).rejects.toThrow('no name of a file')
        await expect(target.remove(name), name).rejects.toThrow('no name of a file')
      }
    })

    test('keeps what was put, of bytes and of streams', async () => {
      expect(await target.put('kept/one.json', bytes('{"a":1}'))).toBe('stored')
      expect(await target.put('kept/deep/er/two.age', inParts('a', 'b', 'c'))).toBe('stored')
      expect(await target.put('kept/empty', bytes(''))).toBe('stored')
      expect([await text('kept/one.json'), await text('kept/deep/er/two.age'), await text('kept/empty')]).toEqual(['{"a":1}', 'abc', ''])
      expect(await text('kept/absent')).toBeNull()
    })

    test('a large file comes back whole', async () => {
      const part = 'x'.repeat(1_000_000)
      await target.put('large', inParts(...Array.from({ length: 12 }, () => part)))
      let length = 0
      for await (const chunk of (await target.read('large')) ?? []) length += chunk.length
      expect(length).toBe(12_000_000)
      expect(await Array.fromAsync(target.list('large'))).toEqual([{ name: 'large', bytes: 12_000_000 }])
    })

    test('nothing is ever replaced', async () => {
      await target.put('once', bytes('first'))
      expect(await target.put('once', bytes('second'))).toBe('exists')
      expect(await target.put('once', inParts('third'))).toBe('exists')
      expect(await text('once')).toBe('first')
    })

    test('of several at once one stores', async () => {
      const outcomes = await Promise.all(Array.from({ length: 10 }, (_, n) => target.put('race', inParts(String(n), String(n)))))
      expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1)
      expect(await text('race')).toMatch(/^(\d)\1$/)
    })

    test('a body that fails leaves nothing', async () => {
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield bytes('half')
        throw new Error('gone')
      }
      await expect(target.put('failed/file', failing())).rejects.toThrow('gone')
      expect(await text('failed/file')).toBeNull()
      expect(await names('failed')).toEqual([])
      expect(await target.put('failed/file', bytes('whole'))).toBe('stored')
    })

    test('lists by prefix, in the order of the names', async () => {
      for (const name of ['l/b/1', 'l/a-1', 'l/a/2', 'l/a/10', 'l/B', 'l2/x']) await target.put(name, bytes(name))
      expect(await names('l/')).toEqual(['l/B', 'l/a-1', 'l/a/10', 'l/a/2', 'l/b/1'])
      expect(await names('l/a')).toEqual(['l/a-1', 'l/a/10', 'l/a/2'])
      expect(await names('l/a/')).toEqual(['l/a/10', 'l/a/2'])
      expect(await names('nothing')).toEqual([])
      const behind = async (last: string) => (await Array.fromAsync(target.list('l/', last))).map(({ name }) => name)
      expect(await behind('l/a/')).toEqual(['l/a/10', 'l/a/2', 'l/b/1'])
      expect(await behind('l/a/10')).toEqual(['l/a/2', 'l/b/1'])
      expect(await behind('l/b/1')).toEqual([])
      expect(await behind('')).toHaveLength(5)
      expect(await names('')).toEqual(expect.arrayContaining(['l/B', 'l2/x']))
    })

    test('what was removed is gone, and its name is free', async () => {
      await target.put('removed', bytes('1'))
      await target.remove('removed')
      expect(await text('removed')).toBeNull()
      expect(await names('removed')).toEqual([])
      await target.remove('removed')
      await target.remove('never/there')
      expect(await target.put('removed', bytes('2'))).toBe('stored')
    })

    test('an outage never looks like an absent file, and passes', async () => {
      await target.put('outage', bytes('here'))
      await subject.breakIt()
      const down = { code: 'target_unreachable' }
      await expect(target.read('outage')).rejects.toMatchObject(down)
      await expect(target.put('outage2', bytes('x'))).rejects.toMatchObject(down)
      await expect(names('')).rejects.toMatchObject(down)
      await expect(target.remove('outage')).rejects.toMatchObject(down)
      await subject.mend()
      expect(await text('outage')).toBe('here')
    })
  })
}
