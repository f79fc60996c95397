import { AppError } from '../kernel/errors.ts'
import type { Incoming } from './lambda-event.ts'

/** What Lambda passes on to the client (payload formats 2.0 and 1.0). */
export type LambdaResult = {
  statusCode: number
  headers: Record<string, string>
  body: string
  isBase64Encoded: boolean
  /** Format 2.0: each `Set-Cookie`. */
  cookies?: string[]
  /** Format 1.0: each `Set-Cookie`. */
  multiValueHeaders?: Record<string, string[]>
}

/** An answer as light-my-request gives it. */
export type Answer = {
  statusCode: number
  headers: Readonly<Record<string, number | string | readonly string[] | undefined>>
  rawPayload: Buffer
}

/** Lambda's limit for the whole result, as JSON (quotas, "invocation payload, synchronous"), less what AWS adds. */
const mostBytes = 6 * 1024 * 1024 - 16 * 1024

const textual = /^(text\/|application\/([\w.-]+\+)?(json|xml)\b|application\/(javascript|x-ndjson)\b|image\/svg\+xml\b)/i
const ofTheConnection = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'set-cookie'])

/** The answer in the form of the event's version. Errors: `reply_too_large`. */
export function lambdaResult({ statusCode, headers: given, rawPayload }: Answer, { version }: Pick<Incoming, 'version'>): LambdaResult {
  const headers: Record<string, string> = {}
  for (const [spelled, value] of Object.entries(given)) {
    const name = spelled.toLowerCase()
    if (value !== undefined && !ofTheConnection.has(name)) headers[name] = Array.isArray(value) ? value.join(', ') : String(value)
  }
  const isText = textual.test(headers['content-type'] ?? '') && headers['content-encoding'] === undefined
  const isBase64Encoded = rawPayload.length > 0 && !isText
  const body = rawPayload.toString(isBase64Encoded ? 'base64' : 'utf8')
  // a byte of text takes up to six in JSON
  if (body.length * 6 > mostBytes && Buffer.byteLength(JSON.stringify(body)) > mostBytes) throw tooLarge()
  const result = { statusCode, headers, body, isBase64Encoded }
  const setCookie = given['set-cookie']
  if (setCookie === undefined) return result
  const cookies = Array.isArray(setCookie) ? setCookie.map(String) : [String(setCookie)]
  return version === '2.0' ? { ...result, cookies } : { ...result, multiValueHeaders: { 'Set-Cookie': cookies } }
}

const tooLarge = () =>
  new AppError(
    'unsupported',
    'reply_too_large',
    'The answer is larger than the 6 MB that AWS Lambda passes on. Ask for less at once, with `limit` or a filter.',
  )
