import { Agent, request } from 'node:http'

/** JSON of any shape, to reach into. */
export type Body = { [field: string]: unknown }

export type Reply = {
  status: number
  body: Body
  /** `<stream>/<sequence>` of the commit that the reply stands for, or null. */
  receipt: string | null
  durability: string
  requestId: string | null
  isReplay: boolean
  /** `Retry-After`, or null. */
  retryAfterSeconds: number | null
}

/** How a request proves who sends it; null sends nothing. */
export type Credential = { bearer: string } | { apiKey: string } | null

export type Send = { credential?: Credential; key?: string | null; body?: object | null; version?: number | null }

/** A server as its clients see it. */
export type Client = {
  /** Null when the connection broke before the whole reply was there: nobody knows whether it took effect. */
  send(method: string, path: string, options?: Send): Promise<Reply | null>
  close(): void
}

const patienceMs = 30_000

export function connectTo(base: string): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  return {
    send: (method, path, options = {}) =>
      new Promise((resolve) => {
        const text = options.body == null ? null : JSON.stringify(options.body)
        const sent = request(`${base}${path}`, { method, agent, headers: headersOf(options, text), timeout: patienceMs })
        sent.on('error', () => resolve(null))
        sent.on('timeout', () => sent.destroy())
        sent.on('response', (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', () => resolve(null))
          response.on('close', () => resolve(null))
          response.on('end', () => {
            const { headers } = response
            resolve({
              status: response.statusCode ?? 0,
              body: parsed(Buffer.concat(chunks).toString()),
              receipt: one(headers['holdfast-commit']),
              durability: one(headers['holdfast-durability']) ?? '',
              requestId: one(headers['x-request-id']),
              isReplay: headers['idempotency-replayed'] === 'true',
              retryAfterSeconds: headers['retry-after'] === undefined ? null : Number(headers['retry-after']),
            })
          })
        })
        sent.end(text ?? undefined)
      }),
    close: () => agent.destroy(),
  }
}

const one = (header: string | string[] | undefined): string | null => (Array.isArray(header) ? (header[0] ?? null) : (header ?? null))

function headersOf({ credential = null, key = null, version = null }: Send, text: string | null): Record<string, string> {
  return {
    ...(text === null ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
    ...(credential === null
      ? {}
      : 'bearer' in credential
        ? { authorization: `Bearer ${credential.bearer}` }
        : { 'x-api-key': credential.apiKey }),
    ...(key === null ? {} : { 'idempotency-key': key }),
    ...(version === null ? {} : { 'if-match': `"${version}"` }),
  }
}

function parsed(text: string): Body {
  if (text === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : { value }
  } catch {
    return { text }
  }
}
