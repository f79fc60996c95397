import { createHash, pbkdf2Sync, scryptSync } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { hash as argon2 } from '@node-rs/argon2'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { createHasher, type Hasher } from './hasher.ts'
import { parseImportedHash, schemeOf } from './stored-password.ts'

const policy = { memoryKib: 64, iterations: 2, parallelism: 1 } // small: what it costs is measured where cost is the law
const hasher = createHasher(policy)
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

function imported(text: string): string {
  const answer = parseImportedHash(text)
  if ('problem' in answer) throw new Error(answer.problem)
  return answer.stored
}

// Published values: password, then the hash made elsewhere.
const published: [source: string, scheme: string, password: string, text: string][] = [
  ['SHA-256 of "abc", FIPS 180-2', 'sha256', 'abc', 'BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD'],
  ['satshine', 'pbkdf2_sha256', 'Test-Vector-1', 'pbkdf2_sha256$1000$abcdefghijklmnopqrstuv$nW+SqS8zJqRDwu+BnpiOflh9nrfrLWcJNjYNvWJQx8Q='],
  [
    'satshine',
    'pbkdf2_sha256',
    'Test-Vector-1',
    'pbkdf2_sha256$600000$abcdefghijklmnopqrstuv$zOXF9TW04qX7Xc4XL4eQ8/rMKxdW0GG4qJlBafGkows=',
  ],
  [
    'satshine',
    'pbkdf2_sha256',
    'Test-Vector-1',
    'pbkdf2_sha256$1200000$abcdefghijklmnopqrstuv$DBjJ6QKMnAHKaz279+jJYwQobTd/wT+xdmkV+J30tbk=',
  ],
  ['satshine', 'pbkdf2_sha256', 'pässwörd', 'pbkdf2_sha256$1000$0123456789ABCDEFGHIJkl$Huz0pGcVy1Eof7c5Xza6RBqJNWXNK7hQ9GOqh2k1EkI='],
  ['crypt_blowfish', 'bcrypt', 'U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['crypt_blowfish', 'bcrypt', 'U*U*U', '$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a'],
  ['crypt_blowfish as 2y', 'bcrypt', 'U*U', '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  [
    'crypt_blowfish',
    'bcrypt',
    '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored',
    '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui',
  ],
  [
    'RFC 7914, section 12, as PHC',
    'scrypt',
    'pleaseletmein',
    '$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw',
  ],
  ['passlib', 'scrypt', 'password', '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E'],
  [
    'Django',
    'scrypt',
    'lètmein',
    'scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==',
  ],
  [
    'Django',
    'scrypt',
    'lètmein',
    'scrypt$16384$seasalt$8$5$ECMIUp+LMxMSK8xB/IVyba+KYGTI7FTnet025q/1f/vBAVnnP3hdYqJuRi+mJn6ji6ze3Fbb7JEFPKGpuEf5vw==',
  ],
  ['argon2 reference', 'argon2id', 'password', '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'],
  ['argon2 reference', 'argon2i', 'password', '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA'],
  [
    'argon2 reference, version 16',
    'argon2i',
    'password',
    '$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ',
  ],
]

test.each(published)('%s: verifies a published %s hash of "%s" and no other password', async (_source, scheme, password, text) => {
  const stored = imported(text)
  expect(schemeOf(stored)).toBe(scheme)
  for (const wrong of ['', `x${password}`, password.toUpperCase() === password ? password.toLowerCase() : password.toUpperCase()]) {
    expect(await hasher.verify(stored, wrong)).toBe(false)
  }
  expect(await hasher.verify(stored, password)).toBe(true)
})

test.each(published)(
  '%s: a %s hash of "%s" verifies the same when wrapped, and its digest is gone',
  async (_source, scheme, password, text) => {
    const stored = imported(text)
    const wrapped = await hasher.wrap(stored)
    if (scheme.startsWith('argon2')) expect(wrapped).toBe(stored)
    else {
      expect(schemeOf(wrapped)).toBe(`argon2id(${scheme})`)
      expect(wrapped).not.toContain(text.slice(-20))
      expect(await hasher.verify(wrapped, `x${password}`)).toBe(false)
      expect(await hasher.verify(wrapped, password)).toBe(true)
      expect(await hasher.wrap(wrapped)).toBe(wrapped)
    }
  },
)

test('salted SHA-256 puts the salt where its form says', async () => {
  expect(await hasher.verify(`sha256$prefix$salt$${sha256('passwordsalt')}`, 'password')).toBe(false)
  expect(await hasher.verify(`sha256$suffix$salt$${sha256('saltpassword')}`, 'password')).toBe(false)
  expect(await hasher.verify(`sha256$prefix$salt$${sha256('saltpassword')}`, 'password')).toBe(true)
  expect(await hasher.verify(`sha256$suffix$salt$${sha256('passwordsalt')}`, 'password')).toBe(true)
  const wrapped = await hasher.wrap(`sha256$suffix$a$argon2id$b$${sha256('passworda$argon2id$b')}`)
  expect([await hasher.verify(wrapped, 'password'), await hasher.verify(wrapped, 'passwore')]).toEqual([true, false])
})

test('no password matches an unusable one, and a text in no known form is an error, not a mismatch', async () => {
  for (const password of ['', '!', '!x']) expect(await hasher.verify('!x', password)).toBe(false)
  await expect(hasher.verify('x', 'x')).rejects.toMatchObject({ kind: 'internal', code: 'stored_password_broken' })
})

test('bcrypt matches what it was given to hash, the first 72 bytes', async () => {
  const stored = '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui'
  const first72 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
  expect(await hasher.verify(stored, first72.slice(0, 71))).toBe(false)
  expect(await hasher.verify(stored, `${first72}other end`)).toBe(true)
})

test('a new hash is argon2id by the policy with 16 bytes of salt and 32 of tag, never the same twice', async () => {
  const [one, two] = [await hasher.hash('password'), await hasher.hash('password')]
  expect(one).toMatch(/^\$argon2id\$v=19\$m=64,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  expect(one).not.toBe(two)
})

test('nothing of a long password is cut, not its last character', async () => {
  const long = 'x'.repeat(1024)
  const stored = await hasher.hash(long)
  expect(await hasher.verify(stored, long.slice(1))).toBe(false)
  expect(await hasher.verify(stored, `${long.slice(1)}y`)).toBe(false)
  expect(await hasher.verify(stored, long)).toBe(true)
})

test('every password matches its own hash only', async () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 }).map((value) => value.toWellFormed())
  await fc.assert(
    fc.asyncProperty(text, text, async (password, other) => {
      const stored = await hasher.hash(password)
      expect(await hasher.verify(stored, password)).toBe(true)
      expect(await hasher.verify(stored, other)).toBe(password.normalize('NFC') === other.normalize('NFC'))
    }),
    { numRuns: 50 },
  )
})

test('two spellings of one accent are one password, for ours and for argon2 made elsewhere', async () => {
  const [composed, apart] = ['caf\u00e9', 'cafe\u0301']
  const ours = await hasher.hash(apart)
  expect([await hasher.verify(ours, composed), await hasher.verify(ours, apart)]).toEqual([true, true])
  const theirs = imported(await argon2(apart, { memoryCost: 64 }))
  expect(await hasher.verify(theirs, apart)).toBe(true)
  const exported = `argon2${ours}`
  expect(await hasher.verify(exported, apart)).toBe(true)
})

test('asks for a new hash unless it is ours with at least the memory and passes of the policy', async () => {
  const of = (memoryKib: number, iterations: number) => createHasher({ ...policy, memoryKib, iterations }).hash('x')
  expect(hasher.needsRehash(await of(63, 2))).toBe(true)
  expect(hasher.needsRehash(await of(64, 1))).toBe(true)
  expect(hasher.needsRehash(await of(128, 1))).toBe(true)
  expect(hasher.needsRehash(await of(64, 2))).toBe(false)
  expect(hasher.needsRehash(await of(65, 3))).toBe(false)
  const ours = await hasher.hash('x')
  for (const stored of [`argon2${ours}`, ours.replace('argon2id', 'argon2i'), ours.replace('v=19', 'v=16'), sha256('x'), '!x']) {
    expect(hasher.needsRehash(stored)).toBe(true)
  }
  expect(hasher.needsRehash(await hasher.wrap(sha256('x')))).toBe(true)
})

test('turns away the call after a full queue with 503 and one second, and serves all the others', async () => {
  const busy = createHasher({ ...policy, concurrency: 1 })
  const calls = Array.from({ length: 102 }, (_, i) => (i % 2 ? busy.hash('x') : busy.burn()))
  expect(busy.stats()).toMatchObject({ active: 1, queued: 100, refused: 1 })
  const results = await Promise.allSettled(calls)

  expect(results.slice(0, 101).every(({ status }) => status === 'fulfilled')).toBe(true)
  expect(results[101]).toMatchObject({ reason: { kind: 'unavailable', code: 'busy', retryAfterSeconds: 1 } })
  expect(busy.stats()).toMatchObject({ active: 0, queued: 0 })
  expect(await busy.verify(await busy.hash('x'), 'x')).toBe(true)
})

test('lets so many wait as take no longer than a second, as hashes have been taking lately, and forty in any case', async () => {
  const [work, never] = [20, 0].map((waitMs) => createHasher({ ...policy, concurrency: 1, waitMs })) as [Hasher, Hasher]
  const burst = (hasher: Hasher) => Array.from({ length: 110 }, () => hasher.burn())
  expect([work.paceMs(), never.paceMs()]).toEqual([0, 0])
  for (const hasher of [work, never]) for (let time = 0; time < 3; time++) await hasher.burn()

  const refused = burst(never)
  expect(never.stats()).toMatchObject({ active: 1, queued: 40, refused: 69 })
  expect((await Promise.allSettled(refused)).filter(({ status }) => status === 'rejected')).toHaveLength(69)

  const calls = burst(work)
  const allowed = Math.min(100, Math.max(40, Math.floor(20 / work.paceMs())))
  expect(work.paceMs()).toBeGreaterThan(0)
  expect(work.stats()).toMatchObject({ active: 1, queued: allowed, refused: 109 - allowed })
  await Promise.allSettled(calls)
})

test('does not work for whoever has gone away while they waited, and goes on with the next', async () => {
  const one = createHasher({ ...policy, concurrency: 1 })
  const stored = await one.hash('x')
  let isGone = false
  const calls = [false, true, true, false].map((leaves) => one.verify(stored, 'x', () => leaves && isGone))
  calls.push(one.burn(() => isGone) as unknown as Promise<boolean>)
  isGone = true
  const results = await Promise.allSettled(calls)

  expect(results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason.code))).toEqual([
    true,
    'busy',
    'busy',
    true,
    'busy',
  ])
  expect(one.stats()).toMatchObject({ active: 0, queued: 0, refused: 0, outcomes: { argon2id: { match: 2, mismatch: 0 } } })
})

test('works at no more than twice as many hashes at once as there are cores, whatever it is asked', async () => {
  const eager = createHasher({ ...policy, concurrency: 1000 })
  const calls = Array.from({ length: 100 }, () => eager.burn())
  expect(eager.stats().active).toBe(2 * availableParallelism())
  await Promise.all(calls)
})

test('a failed check gives its place back', async () => {
  const busy = createHasher({ ...policy, concurrency: 1, queue: 0 })
  await expect(busy.hash(null as never)).rejects.toThrow(TypeError)
  expect(await busy.verify(sha256('x'), 'x')).toBe(true)
})

test('counts matches and mismatches by scheme', async () => {
  const counted = createHasher(policy)
  await counted.verify(sha256('x'), 'x')
  await counted.verify(sha256('x'), 'y')
  await counted.verify(sha256('x'), 'z')
  await counted.verify(await counted.hash('x'), 'x')
  expect(counted.stats().outcomes).toEqual({ sha256: { match: 1, mismatch: 2 }, argon2id: { match: 1, mismatch: 0 } })
})

const real = createHasher({ memoryKib: 19_456, iterations: 2, parallelism: 1 })
const cheap = {
  sha256: sha256('x'),
  pbkdf2: `pbkdf2_sha256$1000$salt$${pbkdf2Sync('x', 'salt', 1000, 32, 'sha256').toString('base64')}`,
  scrypt: `scrypt$16$salt$8$1$${scryptSync('x', 'salt', 64, { N: 16, r: 8, p: 1 }).toString('base64')}`,
  unusable: '!x',
}
let ours = ''
beforeAll(async () => {
  ours = await real.hash('x')
})

const median = (samples: number[]): number => samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? 0

test.each(Object.entries(cheap))(
  'a wrong password takes as long on a cheap %s hash, or no login at all, as on one of ours',
  async (_name, stored) => {
    const works = [() => real.verify(ours, 'y'), () => real.verify(stored, 'y'), () => real.burn()]
    // one quiet moment of the machine is enough: what is not padded never takes as long
    await expect
      .poll(
        async () => {
          const took: number[][] = [[], [], []]
          for (let round = 0; round < 25; round++) {
            for (const [i, work] of works.entries()) {
              const start = performance.now()
              await work()
              took[i]?.push(performance.now() - start)
            }
          }
          const [own = 0, legacy = 0, nobody = 0] = took.map(median)
          return Math.max(Math.abs(legacy - own), Math.abs(nobody - own)) / own
        },
        { timeout: 60_000 },
      )
      .toBeLessThan(0.25)
  },
)

test('the event loop goes on while bcrypt is at work, and the time it takes is remembered', async () => {
  const stored = `$2b$11$${'C'.repeat(21)}.${'x'.repeat(31)}`
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  await hasher.verify(stored, 'x')
  clearInterval(timer)
  expect(ticks).toBeGreaterThan(20) // bcryptjs on this thread would leave it three or four times
  expect(hasher.dearestMs()).toBeGreaterThan(20)
})
