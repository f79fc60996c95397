import { createHmac, timingSafeEqual } from 'node:crypto'
import { AppError } from '../../kernel/errors.ts'
import { isKey } from '../key.ts'
import type { Described } from '../port.ts'

/** Paths below this one are signed requests of the folder adapter. */
const base = '/objects/'

type Upload = { method: 'PUT' | 'POST'; tenant: string; key: string; expiresMs: number } & Described
type Download = { method: 'GET'; tenant: string; key: string; expiresMs: number; name: string; type: string }
export type Address = Upload | Download

/** Names of the parameters, in the order in which they are signed. */
const parameters = { PUT: ['size', 'sha256', 'type'], POST: ['size', 'sha256', 'type'], GET: ['name', 'type'] } as const

const expiryOf = (ms: number): string => String(Math.floor(ms / 1_000))

/** HMAC-SHA256 over all that the address means, as canonical JSON: no two addresses share their text. */
function signatureOf(
  signingKey: Buffer,
  address: { method: string; tenant: string; key: string; expires: string },
  values: readonly string[],
): string {
  const { method, tenant, key, expires } = address
  return createHmac('sha256', signingKey)
    .update(JSON.stringify(['holdfast-object-1', method, tenant, key, expires, ...values]))
    .digest('base64url')
}

export const pathOfAddress = ({ tenant, key }: Pick<Address, 'tenant' | 'key'>): string => `${base}${tenant}/${key}`

/** The query of a PUT or GET, the fields of a POST form. */
export function parametersOf(signingKey: Buffer, address: Address): Record<string, string> {
  const { method, tenant, key, expiresMs } = address
  const expires = expiryOf(expiresMs)
  const values = parameters[method].map((name) => [name, String((address as Record<string, unknown>)[name])] as const)
  const signature = signatureOf(
    signingKey,
    { method, tenant, key, expires },
    values.map(([, value]) => value),
  )
  return { expires, ...Object.fromEntries(values), signature }
}

const invalid = () =>
  new AppError('forbidden', 'signature_invalid', 'The address was altered, or never signed by this server. Ask for a new one.')

/** What the address allows. Errors: `signature_invalid`, `signature_expired`. */
export function readAddress(
  signingKey: Buffer,
  nowMs: number,
  { method, path, given }: { method: string; path: string; given: URLSearchParams },
): Address {
  const [tenant = '', ...segments] = path.startsWith(base) ? path.slice(base.length).split('/') : []
  const key = segments.join('/')
  if (method !== 'PUT' && method !== 'POST' && method !== 'GET') throw invalid()
  const names: readonly string[] = parameters[method]
  const expires = given.get('expires') ?? ''
  const values = names.map((name) => given.get(name) ?? '')
  const expected = Buffer.from(signatureOf(signingKey, { method, tenant, key, expires }, values))
  const signature = Buffer.from(given.get('signature') ?? '')
  const isOurs = signature.length === expected.length && timingSafeEqual(signature, expected)
  const isPlain = given.size === names.length + 2 && isKey(key)
  if (!isOurs || !isPlain) throw invalid()
  const expiresMs = Number(expires) * 1_000
  if (nowMs >= expiresMs) throw new AppError('forbidden', 'signature_expired', 'The address has expired. Ask for a new one.')
  const [first = '', second = '', third = ''] = values
  if (method === 'GET') return { method, tenant, key, expiresMs, name: first, type: second }
  return { method, tenant, key, expiresMs, size: Number(first), sha256: second, type: third }
}
