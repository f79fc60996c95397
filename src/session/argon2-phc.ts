/** An argon2 hash in PHC form, and what it costs. `version` is 19 (RFC 9106) or the older 16. */
export type Argon2Phc = {
  type: 'argon2id' | 'argon2i' | 'argon2d'
  version: number
  memoryKib: number
  iterations: number
  parallelism: number
  phc: string
}

const maxMemoryKib = 1024 * 1024
const maxWork = 4 * maxMemoryKib // KiB · passes: the strongest preset of libsodium

/**
 * Reads `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, or says what is wrong. Null: not this form. Costs are bounded: an imported hash must not be
 * an attack on the server.
 */
export function readArgon2(phc: string): Argon2Phc | { problem: string } | null {
  const match =
    /^\$(argon2id|argon2i|argon2d)(?:\$v=(\d+))?\$m=([1-9]\d*),t=([1-9]\d*),p=([1-9]\d*)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(phc)
  if (!match) return null
  const [, type, v = '16', m, t, p, salt = '', tag = ''] = match
  const [version, memoryKib, iterations, parallelism] = [Number(v), Number(m), Number(t), Number(p)]
  if (version !== 16 && version !== 19) return { problem: 'The version of an argon2 hash must be 16 or 19.' }
  if (memoryKib > maxMemoryKib || memoryKib * iterations > maxWork)
    return { problem: 'An argon2 hash may need at most 1 GiB, and four passes over that.' }
  if (parallelism > 64 || memoryKib < 8 * parallelism) return { problem: 'An argon2 hash needs 8 KiB a lane, and at most 64 lanes.' }
  const [saltBytes, tagBytes] = [byteLength(salt), byteLength(tag)]
  if (saltBytes < 8 || saltBytes > 64) return { problem: 'The salt of an argon2 hash must be 8 to 64 bytes of unpadded base64.' }
  if (tagBytes < 16 || tagBytes > 64) return { problem: 'The tag of an argon2 hash must be 16 to 64 bytes of unpadded base64.' }
  return { type: type === 'argon2i' || type === 'argon2d' ? type : 'argon2id', version, memoryKib, iterations, parallelism, phc }
}

/** 0 for text that is not canonical. */
function byteLength(base64: string): number {
  const bytes = Buffer.from(base64, 'base64')
  return bytes.toString('base64').replace(/=+$/, '') === base64 ? bytes.length : 0
}
