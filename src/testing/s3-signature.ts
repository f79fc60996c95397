import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { S3Error } from './s3-error.ts'

export type Credentials = { accessKeyId: string; secretAccessKey: string }

export type Signed = { method: string; url: URL; headers: IncomingHttpHeaders }

type Verifier = { credentials: Credentials; region: string; nowMs: number }

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** Percent-encoding of Signature Version 4: all but the unreserved characters. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)

const skewMs = 15 * 60_000

/** `20260301T080000Z` → milliseconds. */
const timeOf = (date: string): number => Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))

/** The key of a scope (AWS Signature Version 4, "derive a signing key"). Errors: the refusals of S3 for a wrong key id, date, region or service. */
export function signingKey(credential: string, date: string, { credentials, region }: Verifier): { key: Buffer; scope: string } {
  const [id, day = '', ofRegion = '', service, end, ...rest] = credential.split('/')
  if (id !== credentials.accessKeyId) throw new S3Error(403, 'InvalidAccessKeyId')
  if (day !== date.slice(0, 8) || service !== 's3' || end !== 'aws4_request' || rest.length > 0)
    throw new S3Error(400, 'AuthorizationHeaderMalformed')
  if (ofRegion !== region) throw new S3Error(400, 'AuthorizationHeaderMalformed', { Region: region })
  const key = [day, ofRegion, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${credentials.secretAccessKey}`) as Buffer
  return { key, scope: [day, ofRegion, 's3', 'aws4_request'].join('/') }
}

export function assertSame(expected: Buffer, given: string): void {
  const bytes = Buffer.from(given, 'hex')
  if (bytes.length !== expected.length || !timingSafeEqual(bytes, expected)) throw new S3Error(403, 'SignatureDoesNotMatch')
}

/**
 * Judges a request signed in its headers or in its query, computing the signature from what really arrived. Returns the digest of the body that was signed, or `UNSIGNED-PAYLOAD`. As at AWS, each `x-amz-` header
 * that is there must be signed.
 */
export function verifySignature({ method, url, headers }: Signed, verifier: Verifier): string {
  const query = url.searchParams
  const isPresigned = query.has('X-Amz-Signature')
  const given = isPresigned ? ofQuery(query) : ofHeader(headers)
  const startMs = timeOf(given.date)
  if (isPresigned) {
    const seconds = Number(query.get('X-Amz-Expires'))
    if (!(seconds >= 1 && seconds <= 604_800)) throw new S3Error(400, 'AuthorizationQueryParametersError')
    if (verifier.nowMs >= startMs + seconds * 1_000 || verifier.nowMs < startMs - skewMs) throw new S3Error(403, 'AccessDenied')
  } else if (!(Math.abs(verifier.nowMs - startMs) <= skewMs)) throw new S3Error(403, 'RequestTimeTooSkewed')

  const names = given.signedHeaders.split(';')
  const mustBe = ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))]
  if (mustBe.some((name) => !names.includes(name))) throw new S3Error(403, 'AccessDenied')
  const payload = isPresigned ? 'UNSIGNED-PAYLOAD' : String(headers['x-amz-content-sha256'])
  const canonical = [
    method,
    url.pathname
      .split('/')
      .map((part) => encode(decodeURIComponent(part)))
      .join('/'),
    [...query]
      .filter(([name]) => name !== 'X-Amz-Signature')
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .sort()
      .join('&'),
    ...names.map(
      (name) =>
        `${name}:${String(headers[name] ?? '')
          .trim()
          .replace(/ +/g, ' ')}`,
    ),
    '',
    given.signedHeaders,
    payload,
  ].join('\n')
  const { key, scope } = signingKey(given.credential, given.date, verifier)
  assertSame(hmac(key, ['AWS4-HMAC-SHA256', given.date, scope, sha256(canonical)].join('\n')), given.signature)
  return payload
}

type Given = { credential: string; date: string; signedHeaders: string; signature: string }

function ofQuery(query: URLSearchParams): Given {
  const get = (name: string): string => query.get(`X-Amz-${name}`) ?? ''
  return { credential: get('Credential'), date: get('Date'), signedHeaders: get('SignedHeaders'), signature: get('Signature') }
}

function ofHeader(headers: IncomingHttpHeaders): Given {
  const found = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)$/.exec(headers.authorization ?? '')
  if (found === null) throw new S3Error(403, 'AccessDenied')
  const [, credential = '', signedHeaders = '', signature = ''] = found
  return { credential, date: String(headers['x-amz-date'] ?? ''), signedHeaders, signature }
}

type Policy = { expiration: string; conditions: (Record<string, string> | [string, string | number, string | number])[] }

/** Judges a form by the policy that it carries (S3, "POST policy"): every field must be allowed by a condition, and every condition kept. Names are compared without case. */
export function verifyPolicy(fields: ReadonlyMap<string, string>, size: number, verifier: Verifier): void {
  const get = (name: string): string => fields.get(name) ?? ''
  const text = get('policy')
  const { key } = signingKey(get('x-amz-credential'), get('x-amz-date'), verifier)
  assertSame(hmac(key, text), get('x-amz-signature'))
  const { expiration, conditions } = JSON.parse(Buffer.from(text, 'base64').toString('utf8')) as Policy
  const refuse = (): never => {
    throw new S3Error(403, 'AccessDenied')
  }
  if (verifier.nowMs >= Date.parse(expiration)) refuse()
  const allowed = new Set(['policy', 'x-amz-signature', 'file'])
  const exact = (name: string, value: string): void => {
    allowed.add(name.toLowerCase())
    if (get(name.toLowerCase()) !== value) refuse()
  }
  for (const condition of conditions) {
    if (!Array.isArray(condition)) for (const [name, value] of Object.entries(condition)) exact(name, value)
    else if (condition[0] === 'eq') exact(String(condition[1]).slice(1), String(condition[2]))
    else if (condition[0] === 'content-length-range') {
      if (size < Number(condition[1])) throw new S3Error(400, 'EntityTooSmall')
      if (size > Number(condition[2])) throw new S3Error(400, 'EntityTooLarge')
    } else refuse()
  }
  for (const name of fields.keys()) if (!allowed.has(name)) refuse()
}
