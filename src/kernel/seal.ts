import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { AppError } from './errors.ts'

/** Where a sealed value lives. It opens nowhere else. */
export type SealPlace = { tenant: string; entity: string; id: string; field: string }

export type Sealer = {
  /** Names the master key without telling anything about it: 8 hex digits. */
  kid: string
  /** Seals a text (UTF-8) for one place. Sealing twice gives two different texts. */
  seal(plaintext: string, place: SealPlace): string
  /**
   * The text again. Throws `internal` `wrong_key` for a value of another master key, `internal` `seal_broken` for one that was moved,
   * altered or cut.
   */
  open(sealed: string, place: SealPlace): string
  /** The same text, sealed for the same place under the current master key, or null when it is so already. Throws like `open`. */
  renewed(sealed: string, place: SealPlace): string | null
}

const version = 'hfs1'
const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16
const wrappedBytes = nonceBytes + keyBytes + tagBytes

/**
 * Secrets at rest (SECURITY.md, data): AES-256-GCM under a fresh data key for each value, the data key wrapped by AES-256-GCM under a key
 * derived from the master key. Both carry version, `kid` and place as additional data. The text is `hfs1.<kid>.<base64url>`, the bytes wrap
 * nonce 12 ‖ wrapped data key 32 ‖ tag 16 ‖ nonce 12 ‖ ciphertext ‖ tag 16. Random 96-bit nonces under one master key are safe for 2^32
 * values (NIST SP 800-38D, 8.3). Values of `former` master keys still open. Throws `internal` `wrong_key` unless each key has 32 bytes.
 */
export function createSealer(masterKey: Buffer, former: readonly Buffer[] = []): Sealer {
  const { kid, wrapKey } = keyOf(masterKey)
  const known = new Map([...former.map(keyOf), { kid, wrapKey }].map((key) => [key.kid, key.wrapKey]))

  function seal(plaintext: string, place: SealPlace): string {
    const bound = boundTo(kid, place)
    const dataKey = randomBytes(keyBytes)
    const body = Buffer.concat([encrypt(wrapKey, dataKey, bound), encrypt(dataKey, Buffer.from(plaintext), bound)])
    return `${version}.${kid}.${body.toString('base64url')}`
  }

  function open(sealed: string, place: SealPlace): string {
    const [form, sealedBy, text, ...rest] = sealed.split('.')
    if (form !== version || sealedBy === undefined || text === undefined || rest.length > 0) throw broken()
    const openedBy = known.get(sealedBy)
    if (openedBy === undefined)
      throw new AppError(
        'internal',
        'wrong_key',
        `This value was sealed under master key ${sealedBy}, not ${kid}: give the server that key.`,
      )
    const body = Buffer.from(text, 'base64url')
    if (body.toString('base64url') !== text || body.length < wrappedBytes + nonceBytes + tagBytes) throw broken()
    const bound = boundTo(sealedBy, place)
    try {
      return decrypt(decrypt(openedBy, body.subarray(0, wrappedBytes), bound), body.subarray(wrappedBytes), bound).toString()
    } catch (cause) {
      throw broken(cause)
    }
  }

  const isCurrent = (sealed: string): boolean => sealed.startsWith(`${version}.${kid}.`)
  return { kid, seal, open, renewed: (sealed, place) => (isCurrent(sealed) ? null : seal(open(sealed, place), place)) }
}

/** The id of a master key, and what wraps data keys under it. */
function keyOf(masterKey: Buffer): { kid: string; wrapKey: Buffer } {
  if (masterKey.length !== keyBytes)
    throw new AppError('internal', 'wrong_key', 'The master key must have 32 bytes: set HOLDFAST_KEY to 32 bytes of base64.')
  const wrapKey = derive(masterKey, 'holdfast seal: wrap data keys')
  const kid = createHash('sha256').update(derive(masterKey, 'holdfast seal: key id')).digest('hex').slice(0, 8)
  return { kid, wrapKey }
}

const broken = (cause?: unknown) =>
  new AppError('internal', 'seal_broken', 'A sealed value was altered or moved and cannot be opened.', { cause })

const derive = (masterKey: Buffer, purpose: string): Buffer => Buffer.from(hkdfSync('sha256', masterKey, '', purpose, keyBytes))

/** JSON, so that no two places share their additional data. */
const boundTo = (kid: string, { tenant, entity, id, field }: SealPlace): Buffer =>
  Buffer.from(JSON.stringify([version, kid, tenant, entity, id, field]))

function encrypt(key: Buffer, plain: Buffer, bound: Buffer): Buffer {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes }).setAAD(bound)
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: Buffer, bytes: Buffer, bound: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes }).setAAD(bound)
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()])
}
