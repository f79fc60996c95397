import { lookup } from 'node:dns/promises'
import { type ClientRequest, type IncomingMessage, type RequestOptions, request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import { isIP } from 'node:net'
import { hostOf, isPublicAddress, urlProblem } from './rules.ts'

/** What a receiver made of a message. `error` in words without anything that it sent; null when it took the message. */
export type Sent = { status: number | null; error: string | null; retryAfter: string | undefined }

export type Message = { url: string; body: string; headers: Readonly<Record<string, string>> }

type Options = { allowPrivate: boolean; timeoutMs: number }

/** Of an answer no more than this is read; what it says does not matter. */
const answerLimit = 64 * 1024

const failed = (error: string): Sent => ({ status: null, error, retryAfter: undefined })

/**
 * Sends one message and never throws. The name is looked up once, every address it has must be allowed, and the connection goes to the one that was looked at, so that a second answer of the
 * name server changes nothing. No redirect is followed, and all of it has `timeoutMs`.
 */
export async function send({ url, body, headers }: Message, { allowPrivate, timeoutMs }: Options): Promise<Sent> {
  const problem = urlProblem(url, allowPrivate)
  if (problem !== null) return failed(`The address ${problem}`)
  const target = new URL(url)
  const signal = AbortSignal.timeout(timeoutMs)
  const address = await within(signal, addressOf(hostOf(target))).catch(() => null)
  if (address === null) return failed('The name of the host cannot be looked up')
  if (!allowPrivate && !address.all.every(isPublicAddress)) return failed('The host is in a private network')
  const [pinned = ''] = address.all
  const options: RequestOptions = {
    method: 'POST',
    agent: false,
    signal,
    headers: { ...headers, 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) },
    lookup: (_, asked, done) => {
      const family = isIP(pinned)
      if (asked.all === true) done(null, [{ address: pinned, family }])
      else done(null, pinned, family)
    },
  }
  const open = target.protocol === 'https:' ? requestSecure : requestPlain
  return new Promise((resolve) => {
    const call = open(target, options, (answer) => read(answer, call, resolve))
    call.on('error', (error: NodeJS.ErrnoException) =>
      resolve(failed(signal.aborted ? `No answer within ${timeoutMs / 1_000} s` : `The connection failed (${error.code ?? 'unknown'})`)),
    )
    call.end(body)
  })
}

function read(answer: IncomingMessage, call: ClientRequest, done: (sent: Sent) => void): void {
  const status = answer.statusCode ?? 0
  let length = 0
  answer.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > answerLimit) call.destroy()
  })
  const isTaken = status >= 200 && status < 300
  const isRedirect = status >= 300 && status < 400
  const error = isTaken ? null : isRedirect ? `Answered ${status}; redirects are not followed` : `Answered ${status}`
  done({ status, error, retryAfter: answer.headers['retry-after'] })
}

async function addressOf(host: string): Promise<{ all: string[] }> {
  if (isIP(host) > 0) return { all: [host] }
  const found = await lookup(host, { all: true, verbatim: false })
  return { all: found.map(({ address }) => address) }
}

const within = <T>(signal: AbortSignal, work: Promise<T>): Promise<T> =>
  Promise.race([work, new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))])
