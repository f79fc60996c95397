import { AppError } from '../kernel/errors.ts'
import { type Argon2Phc, readArgon2 } from './argon2-phc.ts'
import { type LegacyRecipe, type LegacyScheme, type Problem, readLegacy } from './legacy-hash.ts'

/**
 * How a stored password is verified. Its text names the algorithm and all public parameters:
 * - argon2id: `$argon2id$v=19$m=…,t=…,p=…$salt$hash` (PHC), made here, over the NFC form of the password;
 * - argon2id, argon2i, argon2d: `argon2` and a PHC text (Django's `argon2$argon2id$…`), made elsewhere, over the password as it was typed;
 * - sha256: 64 hex digits;
 * - sha256-salted: `sha256$prefix$<salt>$<64 hex>` = SHA-256(salt ‖ password), `sha256$suffix$…` = SHA-256(password ‖ salt); salt in UTF-8;
 * - pbkdf2_sha256: `pbkdf2_sha256$<iterations>$<salt>$<base64>` (Django);
 * - bcrypt: `$2a$…`, `$2b$…`, `$2y$…`, with or without Django's `bcrypt$` before it;
 * - scrypt: `$scrypt$ln=…,r=…,p=…$salt$hash` (PHC), `scrypt$<n>$<salt>$<r>$<p>$<base64>` (Django);
 * - argon2id(<legacy>): `argon2id(<legacy>)$`, the legacy text up to its digest, and the PHC text of argon2id over that digest in
 *   lower-case hex (of scrypt: over its first 32 bytes);
 * - none: `!…` (Django's unusable password), which no password matches.
 */
export type Scheme = Argon2Phc['type'] | LegacyScheme | `argon2id(${LegacyScheme})` | 'none'

export type StoredPassword =
  | { kind: 'none' }
  | { kind: 'argon2'; argon2: Argon2Phc; madeHere: boolean }
  | { kind: 'legacy'; recipe: LegacyRecipe; publicText: string; digest: Buffer }
  | { kind: 'wrapped'; recipe: LegacyRecipe; argon2: Argon2Phc }

/**
 * What a bare hex digest does not say about itself: its salt, and how salt and password stood together, such as `{salt}{password}` or
 * `{password}:{salt}`.
 */
export type ImportHint = { salt?: string; template?: string }

const maxImportLength = 1024
const bcryptBytes = 72

/** The scheme of a stored password. Throws like `readStored`. */
export function schemeOf(stored: string): Scheme {
  const read = readStored(stored)
  if (read.kind === 'none') return 'none'
  if (read.kind === 'argon2') return read.argon2.type
  return read.kind === 'legacy' ? read.recipe.scheme : `argon2id(${read.recipe.scheme})`
}

/**
 * Whether bcrypt looked at a part of this password only: it reads 72 bytes of UTF-8. Such a sign-in proves less than it seems; the upgrade
 * to argon2id that follows it takes the whole password.
 */
export function truncates(stored: string, password: string): boolean {
  const read = readStored(stored)
  return (read.kind === 'legacy' || read.kind === 'wrapped') && read.recipe.scheme === 'bcrypt' && Buffer.byteLength(password) > bcryptBytes
}

/**
 * A stored password taken apart. Throws `internal` `stored_password_broken` for any other text: a damaged row must not look like a wrong
 * password.
 */
export function readStored(stored: string): StoredPassword {
  const found = read(stored)
  if ('problem' in found)
    throw new AppError(
      'internal',
      'stored_password_broken',
      'A stored password cannot be read: set a new one, or restore the user from a backup.',
    )
  return found
}

/**
 * The stored form of a hash made elsewhere, or one sentence about why it is refused: no known form, malformed, or more costly than a
 * sign-in may be. It is the same text byte for byte, but a bare argon2 PHC gets `argon2` before it, and a bare SHA-256 digest whose hint
 * names a salt or a template takes that in. Wrapped forms are taken as well. A bcrypt hash of a password that was cut is taken as it is:
 * `truncates` tells at sign-in.
 */
export function parseImportedHash(text: string, hint: ImportHint = {}): { stored: string } | Problem {
  if (text.length > maxImportLength) return { problem: `A password hash may have at most ${maxImportLength} characters.` }
  const stored = text.startsWith('$argon2') ? `argon2${text}` : withHint(text, hint)
  if (typeof stored !== 'string') return stored
  const found = read(stored)
  return 'problem' in found ? found : { stored }
}

function read(text: string): StoredPassword | Problem {
  if (text.startsWith('!')) return { kind: 'none' }
  if (text.startsWith('argon2id(')) return readWrapped(text)
  const madeHere = !text.startsWith('argon2$')
  const argon2 = readArgon2(madeHere ? text : text.slice('argon2'.length))
  if (argon2 !== null) return 'problem' in argon2 ? argon2 : { kind: 'argon2', argon2, madeHere }
  const legacy = readLegacy(text)
  if (legacy === null || 'problem' in legacy) return legacy ?? unknownForm
  const { recipe, publicText, digest } = legacy
  return digest === null ? unknownForm : { kind: 'legacy', recipe, publicText, digest }
}

function readWrapped(text: string): StoredPassword | Problem {
  // greedy: a salt may hold anything, a PHC text holds no second $argon2id$
  const match = /^argon2id\(([a-z0-9_-]+)\)\$(.*)(\$argon2id\$.*)$/s.exec(text)
  const [, scheme, publicText = '', phc = ''] = match ?? []
  const legacy = readLegacy(publicText)
  const argon2 = readArgon2(phc)
  if (legacy === null || argon2 === null) return unknownForm
  if ('problem' in legacy) return legacy
  if ('problem' in argon2) return argon2
  return legacy.digest !== null || legacy.recipe.scheme !== scheme ? unknownForm : { kind: 'wrapped', recipe: legacy.recipe, argon2 }
}

function withHint(text: string, { salt = '', template }: ImportHint): string | Problem {
  if (salt === '' && template === undefined) return text
  if (!/^[0-9a-f]{64}$/i.test(text))
    return { problem: 'A salt or template goes with a SHA-256 digest of 64 hex digits only: other hashes carry their own.' }
  const [before, after, ...more] = (template ?? '').split('{password}')
  if (before === undefined || after === undefined || more.length > 0)
    return { problem: 'A template must hold {password} once, as in {salt}{password}.' }
  if (salt !== '' && (before + after).split('{salt}').length !== 2)
    return { problem: 'A template must hold {salt} once where there is a salt.' }
  const [prefix, suffix] = [before, after].map((part) => part.replace('{salt}', () => salt))
  if (prefix && suffix) return { problem: 'A template may have text before the password or after it, not both.' }
  if (prefix) return `sha256$prefix$${prefix}$${text}`
  return suffix ? `sha256$suffix$${suffix}$${text}` : text
}

const unknownForm: Problem = { problem: 'This is not a password hash in a form that can be verified.' }
