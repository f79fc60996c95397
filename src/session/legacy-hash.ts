import { createHash, pbkdf2, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { bcrypt } from './bcrypt.ts'

export type LegacyScheme = LegacyRecipe['scheme']

/**
 * How to compute a legacy digest from a password: everything in the text but the digest. `setting` is `$2b$<cost>$<22 characters of salt>`.
 */
export type LegacyRecipe =
  | { scheme: 'sha256' }
  | { scheme: 'sha256-salted'; place: 'prefix' | 'suffix'; salt: string }
  | { scheme: 'pbkdf2_sha256'; iterations: number; salt: string }
  | { scheme: 'bcrypt'; setting: string }
  | { scheme: 'scrypt'; n: number; r: number; p: number; salt: Buffer }

/** `publicText` is the text before the digest. `digest` is null where the text ends there, as inside a wrapped password. */
export type LegacyHash = { recipe: LegacyRecipe; publicText: string; digest: Buffer | null }

export type Problem = { problem: string }

const maxPbkdf2Iterations = 10_000_000
const maxBcryptCost = 16
const maxScryptBytes = 256 * 1024 * 1024
const maxScryptWork = 2 ** 23 // n·r·p, about ten seconds

/**
 * Reads a legacy hash (forms: stored-password.ts), or says in a sentence what is wrong. Null: none of these forms. Costs are bounded, so
 * that an imported hash cannot be an attack on the server that verifies it.
 */
export function readLegacy(text: string): LegacyHash | Problem | null {
  return readSha256(text) ?? readPbkdf2(text) ?? readBcrypt(text) ?? readScrypt(text)
}

function readSha256(text: string): LegacyHash | null {
  const plain = /^([0-9a-f]{64})?$/i.exec(text)
  if (plain) return { recipe: { scheme: 'sha256' }, publicText: '', digest: fromHex(plain[1]) }
  const salted = /^(sha256\$(prefix|suffix)\$(.+)\$)([0-9a-f]{64})?$/is.exec(text)
  if (!salted) return null
  const [, publicText = '', place, salt = '', hex] = salted
  return { recipe: { scheme: 'sha256-salted', place: place === 'suffix' ? 'suffix' : 'prefix', salt }, publicText, digest: fromHex(hex) }
}

function readPbkdf2(text: string): LegacyHash | Problem | null {
  const match = /^(pbkdf2_sha256\$([1-9]\d*)\$([^$]+)\$)(.*)$/.exec(text)
  if (!match) return null
  const [, publicText = '', count, salt = '', base64 = ''] = match
  const iterations = Number(count)
  if (iterations > maxPbkdf2Iterations) return { problem: 'A pbkdf2_sha256 hash may have at most 10,000,000 iterations.' }
  const digest = fromBase64(base64)
  if (digest !== null && digest.length !== 32) return { problem: 'The digest of a pbkdf2_sha256 hash must be 32 bytes of padded base64.' }
  return { recipe: { scheme: 'pbkdf2_sha256', iterations, salt }, publicText, digest }
}

function readBcrypt(text: string): LegacyHash | Problem | null {
  const match = /^((?:bcrypt\$)?(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{22}))([./A-Za-z0-9]{31})?$/.exec(text)
  if (!match) return null
  const [, publicText = '', setting = '', cost, digest] = match
  if (Number(cost) < 4 || Number(cost) > maxBcryptCost) return { problem: 'The cost of a bcrypt hash must be between 4 and 16.' }
  return { recipe: { scheme: 'bcrypt', setting }, publicText, digest: digest === undefined ? null : Buffer.from(digest) }
}

function readScrypt(text: string): LegacyHash | Problem | null {
  const phc = /^(\$scrypt\$ln=([1-9]\d?),r=([1-9]\d*),p=([1-9]\d*)\$([A-Za-z0-9+/]+)\$)([A-Za-z0-9+/]*)$/.exec(text)
  const django = /^(scrypt\$([1-9]\d*)\$([^$]+)\$([1-9]\d*)\$([1-9]\d*)\$)(.*)$/.exec(text)
  const [, publicText = '', cost, second = '', third = '', fourth = '', base64 = ''] = phc ?? django ?? []
  if (cost === undefined) return null
  const n = phc ? 2 ** Number(cost) : Number(cost)
  const [r, p, saltText] = phc ? [Number(second), Number(third), fourth] : [Number(third), Number(fourth), second]
  if (n < 2 || !Number.isInteger(Math.log2(n))) return { problem: 'The n of a scrypt hash must be a power of two.' }
  if (128 * n * r > maxScryptBytes || n * r * p > maxScryptWork)
    return { problem: 'A scrypt hash may need at most 256 MiB, and n·r·p may be at most 2^23.' }
  const salt = phc ? fromBase64(padded(saltText)) : Buffer.from(saltText)
  if (salt === null || salt.length === 0) return { problem: 'The salt of a scrypt hash must be base64.' }
  const digest = fromBase64(phc ? padded(base64) : base64)
  if (digest !== null && (digest.length < 32 || digest.length > 64))
    return { problem: 'The digest of a scrypt hash must be 32 to 64 bytes of base64.' }
  return { recipe: { scheme: 'scrypt', n, r, p, salt }, publicText, digest }
}

/**
 * The digest of a password, in as many bytes as asked for where the scheme has no fixed length (scrypt). Runs off the main thread, but for
 * sha256.
 */
export async function legacyDigest(recipe: LegacyRecipe, password: string, scryptBytes = 32): Promise<Buffer> {
  switch (recipe.scheme) {
    case 'sha256':
      return createHash('sha256').update(password).digest()
    case 'sha256-salted':
      return createHash('sha256')
        .update(recipe.place === 'prefix' ? recipe.salt + password : password + recipe.salt)
        .digest()
    case 'pbkdf2_sha256':
      return promisify(pbkdf2)(password, recipe.salt, recipe.iterations, 32, 'sha256')
    case 'bcrypt':
      return Buffer.from((await bcrypt(password, recipe.setting)).slice(-31))
    case 'scrypt':
      return runScrypt(recipe, password, scryptBytes)
  }
}

function runScrypt({ n, r, p, salt }: Extract<LegacyRecipe, { scheme: 'scrypt' }>, password: string, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { N: n, r, p, maxmem: 2 * 128 * r * (n + p) }
    scrypt(password, salt, bytes, options, (error, key) => (error ? reject(error) : resolve(key)))
  })
}

const fromHex = (hex: string | undefined): Buffer | null => (hex === undefined ? null : Buffer.from(hex, 'hex'))

/** Null for no text; no bytes for text that is not canonical padded base64. */
function fromBase64(text: string): Buffer | null {
  if (text === '') return null
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : Buffer.alloc(0)
}

const padded = (text: string): string => text + '='.repeat(-text.length & 3)
