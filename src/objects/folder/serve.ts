import { AppError, notFound } from '../../kernel/errors.ts'
import { attachment, exists, isSame, mismatch } from '../described.ts'
import type { ByteRange, Described, SignedAnswer, SignedRequest, TenantObjects } from '../port.ts'
import { type Address, readAddress } from './address.ts'

/** What a form may be longer than its file: its fields and boundaries. */
const formOverhead = 64 * 1_024

export const digestHeader = (sha256: string): string => `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`

type Serving = { signingKey: Buffer; nowMs(): number; tenant(id: string): TenantObjects }

/** Answers requests to signed addresses. The signature is judged before a byte of the body is read. */
export function serveSigned({ signingKey, nowMs, tenant }: Serving): (request: SignedRequest) => Promise<SignedAnswer> {
  return async (request) => {
    const { pathname: path, searchParams } = new URL(request.url, 'http://self')
    const check = (given: URLSearchParams): Address => readAddress(signingKey, nowMs(), { method: request.method, path, given })
    if (request.method === 'POST') return await receiveForm(request, check, tenant)
    const address = check(searchParams)
    const objects = tenant(address.tenant)
    if (address.method === 'GET') return await send(request, address, objects)
    if (!isAsSigned(request, address)) throw mismatch()
    if ((await objects.stat(address.key)) !== null) throw exists()
    await objects.put(address.key, request.body, describedIn(address))
    return { status: 200, headers: {}, body: null }
  }
}

const describedIn = ({ size, sha256, type }: Described): Described => ({ size, sha256, type })

const isAsSigned = ({ headers }: SignedRequest, { size, sha256, type }: Described): boolean =>
  headers['content-type'] === type &&
  headers['content-digest'] === digestHeader(sha256) &&
  (headers['content-length'] === undefined || headers['content-length'] === String(size))

async function send(request: SignedRequest, address: Address & { method: 'GET' }, objects: TenantObjects): Promise<SignedAnswer> {
  const stat = await objects.stat(address.key)
  const range = stat === null ? null : rangeOf(request.headers.range, stat.size)
  const opened = await objects.open(address.key, range ?? undefined)
  if (opened === null) throw notFound()
  const { size } = opened.stat
  const last = range === null ? size - 1 : Math.min(range.start + range.length, size) - 1
  return {
    status: range === null ? 200 : 206,
    headers: {
      'content-type': address.type,
      'content-length': String(range === null ? size : last - range.start + 1),
      'content-disposition': attachment(address.name),
      // nothing in the file may run, whatever its bytes say that they are
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'accept-ranges': 'bytes',
      ...(range === null ? {} : { 'content-range': `bytes ${range.start}-${last}/${size}` }),
    },
    body: opened.body,
  }
}

/** One range of bytes (RFC 9110 section 14.2); anything else is answered with the whole, as the RFC allows. */
function rangeOf(header: string | undefined, size: number): ByteRange | null {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? []
  if (from === '' && to === '') return null
  const start = from === '' ? Math.max(size - Number(to), 0) : Number(from)
  // a beginning behind the end is not satisfiable, which the store says
  const end = to !== '' && from !== '' ? Number(to) + 1 : Math.max(size, from === '' ? 0 : start + 1)
  return end > start ? { start, length: end - start } : null
}

/** A form is read whole, so it may be longer than its file only by the fields. A repeated one changes nothing. */
async function receiveForm(
  { headers, body, url }: SignedRequest,
  check: (given: URLSearchParams) => Address,
  tenant: (id: string) => TenantObjects,
): Promise<SignedAnswer> {
  const { searchParams } = new URL(url, 'http://self')
  const address = check(searchParams)
  if (address.method !== 'POST') throw mismatch()
  const form = await formOf(headers['content-type'], await collected(body, address.size + formOverhead))
  const file = form.get('file')
  if (file === null || typeof file === 'string' || [...form.keys()].length !== 2) throw mismatch()
  const described = { size: file.size, sha256: address.sha256, type: String(form.get('Content-Type')) }
  if (!isSame(described, address)) throw mismatch()
  await tenant(address.tenant).put(address.key, new Uint8Array(await file.arrayBuffer()), describedIn(address))
  return { status: 204, headers: {}, body: null }
}

async function collected(body: AsyncIterable<Uint8Array>, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let met = 0
  for await (const chunk of body) {
    met += chunk.byteLength
    if (met > most) throw mismatch()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function formOf(type: string | undefined, bytes: Buffer): Promise<FormData> {
  try {
    return await new Response(new Uint8Array(bytes), { headers: { 'content-type': type ?? '' } }).formData()
  } catch (cause) {
    throw new AppError(
      'media_type',
      'unsupported_media_type',
      'Send a form (multipart/form-data) with the fields that were signed and the file.',
      {
        cause,
      },
    )
  }
}
