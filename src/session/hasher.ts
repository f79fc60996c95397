import { randomBytes, timingSafeEqual } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { hash as argon2Hash, verify as argon2Verify } from '@node-rs/argon2'
import { AppError } from '../kernel/errors.ts'
import type { Argon2Phc } from './argon2-phc.ts'
import { createCostMemory } from './cost-memory.ts'
import { legacyDigest } from './legacy-hash.ts'
import { readStored, type StoredPassword, schemeOf } from './stored-password.ts'

export type HashPolicy = {
  /** Memory of one hash, in KiB. */
  memoryKib: number
  /** Passes over the memory. */
  iterations: number
  /** Lanes. */
  parallelism: number
  /** Hashes at work at once: default the number of cores, which was the fastest; never more than twice that. */
  concurrency?: number
  /** Hashes waiting, at most; default 100. */
  queue?: number
  /** Milliseconds that the last one waiting may have to wait, as hashes have been taking lately; default 1,000. Forty may wait in any case. */
  waitMs?: number
}

export type HasherStats = {
  /** Hashes at work now. */
  active: number
  /** Hashes waiting now. */
  queued: number
  /** Calls turned away so far because the queue was full. */
  refused: number
  /** Verifications so far, by scheme. */
  outcomes: Record<string, { match: number; mismatch: number }>
}

/** Whether whoever asked has gone away meanwhile. */
type IsGone = () => boolean

/**
 * Password hashing within bounds. Every promise rejects with `unavailable` `busy` (retry after 1 s) when the queue is full or would
 * take too long, so a bulk import has to await a few at a time. Nothing here blocks the event loop.
 */
export type Hasher = {
  /** argon2id of the NFC form by the policy, as a PHC text with a 16-byte salt and a 32-byte tag. */
  hash(password: string): Promise<string>
  /**
   * Whether this is the password, in any form of stored-password.ts, in constant-time comparisons. Takes at least as long as one argon2id
   * by the policy: a cheaper form is worked out beside a `burn`. A dearer one (pbkdf2 with many iterations, bcrypt) takes its own time
   * until the upgrade at sign-in; wrapping does not shorten it. Passwords of foreign forms are taken as typed, ours in NFC. Rejects with
   * `internal` `stored_password_broken` for a text in no known form. Whoever `isGone` when their turn comes is turned away like one too many: nobody would hear the answer.
   */
  verify(stored: string, password: string, isGone?: IsGone): Promise<boolean>
  /**
   * Whether a good sign-in should store `hash(password)` instead: any form but our own, or less memory or passes than the policy asks for.
   */
  needsRehash(stored: string): boolean
  /** The work of one verification that fails, for a login that does not exist: same time class, same `isGone`. */
  burn(isGone?: IsGone): Promise<void>
  /**
   * A legacy form turned into `argon2id(<legacy>)`, whose digest can no longer be attacked by itself. Other forms come back as they are.
   */
  wrap(stored: string): Promise<string>
  /**
   * How many milliseconds the dearest scheme verified in the last ten minutes has been taking, without the wait for a slot. Where dear
   * legacy forms are in use, sign-in holds every refusal until so long after its start: then a login with such a hash cannot be told from
   * one that does not exist.
   */
  dearestMs(): number
  /** Milliseconds from one hash that is done to the next, as long as some are waiting: what each that waits adds to the wait. 0 until one was done. */
  paceMs(): number
  stats(): HasherStats
}

const argon2id = 2 // Algorithm.Argon2id, a const enum that erasable syntax cannot import
const saltBytes = 16
const tagBytes = 32

export function createHasher(policy: HashPolicy): Hasher {
  const cores = availableParallelism()
  const width = Math.max(1, Math.min(policy.concurrency ?? cores, cores * 2))
  const slots = createSlots({ width, queue: policy.queue ?? 100, waitMs: policy.waitMs ?? 1_000 })
  const outcomes: HasherStats['outcomes'] = {}
  const recent = createCostMemory(() => performance.now())
  const options = {
    algorithm: argon2id,
    memoryCost: policy.memoryKib,
    timeCost: policy.iterations,
    parallelism: policy.parallelism,
    outputLen: tagBytes,
  }
  const costs = `m=${policy.memoryKib},t=${policy.iterations},p=${policy.parallelism}`
  const decoy = `$argon2id$v=19$${costs}$${unpadded(saltBytes)}$${unpadded(tagBytes)}`

  const asCostly = ({ memoryKib, iterations }: Argon2Phc) => memoryKib * iterations >= policy.memoryKib * policy.iterations
  const burnNow = () => argon2Verify(decoy, 'no such login')

  async function check(read: StoredPassword, password: string): Promise<boolean> {
    switch (read.kind) {
      case 'none':
        return false
      case 'argon2':
        return matchesArgon2(read.argon2, read.madeHere ? [nfc(password)] : [password, nfc(password)])
      case 'legacy':
        return timingSafeEqual(await legacyDigest(read.recipe, password, read.digest.length), read.digest)
      case 'wrapped':
        return argon2Verify(read.argon2.phc, (await legacyDigest(read.recipe, password)).toString('hex'))
    }
  }

  async function verify(stored: string, password: string, isGone?: IsGone): Promise<boolean> {
    const read = readStored(stored)
    const padded = !('argon2' in read && asCostly(read.argon2))
    return slots.run(async () => {
      const startMs = performance.now()
      const [match] = await Promise.all([check(read, password), padded ? burnNow() : null])
      recent.record(schemeOf(stored), performance.now() - startMs)
      count(schemeOf(stored), match)
      return match
    }, isGone)
  }

  function count(scheme: string, match: boolean) {
    const before = outcomes[scheme] ?? { match: 0, mismatch: 0 }
    outcomes[scheme] = match ? { ...before, match: before.match + 1 } : { ...before, mismatch: before.mismatch + 1 }
  }

  async function wrap(stored: string): Promise<string> {
    const read = readStored(stored)
    if (read.kind !== 'legacy') return stored
    const { recipe, publicText, digest } = read
    const hex = digest.subarray(0, recipe.scheme === 'scrypt' ? 32 : digest.length).toString('hex')
    return `argon2id(${recipe.scheme})$${publicText}${await slots.run(() => argon2Hash(hex, withSalt()))}`
  }

  const withSalt = () => ({ ...options, salt: randomBytes(saltBytes) })

  return {
    hash: (password) => slots.run(() => argon2Hash(nfc(password), withSalt())),
    verify,
    needsRehash(stored) {
      const read = readStored(stored)
      if (read.kind !== 'argon2' || !read.madeHere || read.argon2.type !== 'argon2id' || read.argon2.version !== 19) return true
      return read.argon2.memoryKib < policy.memoryKib || read.argon2.iterations < policy.iterations
    },
    burn: (isGone) => slots.run(async () => void (await burnNow()), isGone),
    wrap,
    dearestMs: recent.dearestMs,
    paceMs: slots.paceMs,
    stats: () => ({ ...slots.stats(), outcomes: { ...outcomes } }),
  }
}

const nfc = (password: string): string => password.normalize('NFC')

const unpadded = (bytes: number): string => randomBytes(bytes).toString('base64').replace(/=+$/, '')

async function matchesArgon2({ phc }: Argon2Phc, spellings: string[]): Promise<boolean> {
  const answers = await Promise.all([...new Set(spellings)].map((spelling) => argon2Verify(phc, spelling)))
  return answers.includes(true)
}

/** The weight of the newest piece of work in the average: what counts is about the last ten. */
const newest = 0.1

/** So many may wait on a slow machine too, or beside dear legacy forms: as many as are made at once (contracts/vantagepoint.md, section 4), more than one network may try to sign in at once. */
const alwaysWaiting = 40

const tooBusy = () =>
  new AppError('unavailable', 'busy', 'The server is busy checking passwords: try again in a second.', { retryAfterSeconds: 1 })

/** Runs `width` pieces of work at once, lets `queue` wait in order, but hardly longer than `waitMs`, and turns the rest away, with those who have gone away when their turn comes. */
function createSlots({ width, queue, waitMs }: { width: number; queue: number; waitMs: number }) {
  const waiting: (() => void)[] = []
  let active = 0
  let refused = 0
  let averageMs: number | null = null
  const paceMs = () => (averageMs ?? 0) / width

  function mayWait(): boolean {
    if (waiting.length >= queue) return false
    return waiting.length < alwaysWaiting || (waiting.length + 1) * paceMs() <= waitMs
  }

  return {
    stats: () => ({ active, queued: waiting.length, refused }),
    paceMs,
    async run<T>(work: () => Promise<T>, isGone: IsGone = () => false): Promise<T> {
      if (active < width) active += 1
      else if (mayWait()) await new Promise<void>((resolve) => waiting.push(resolve))
      else {
        refused += 1
        throw tooBusy()
      }
      let startMs: number | null = null
      try {
        if (isGone()) throw tooBusy()
        startMs = performance.now()
        return await work()
      } finally {
        const tookMs = startMs === null ? null : performance.now() - startMs
        if (tookMs !== null) averageMs = averageMs === null ? tookMs : averageMs + (tookMs - averageMs) * newest
        // the slot changes hands, so that nobody can slip in between
        const next = waiting.shift()
        if (next) next()
        else active -= 1
      }
    },
  }
}
