import autocannon from 'autocannon'

export type Measured = {
  perSecond: number
  p50: number
  p99: number
  worst: number
  ok: number
  refused: number
  failed: number
  /** How fast the refusals came. */
  refusedP50: number
  refusedP99: number
}

export type Load = {
  url: string
  seconds: number
  clients: number
  method: 'GET' | 'POST'
  /** A new request each time, so that no cache of one row is measured. */
  next(): { path: string; body?: object; token?: string }
}

/** Drives a server with as many keep-alive connections as clients. Times are milliseconds. */
export async function drive({ url, seconds, clients, method, next }: Load): Promise<Measured> {
  const times: number[] = []
  const refusedTimes: number[] = []
  let [ok, refused, failed] = [0, 0, 0]
  const result = await autocannon({
    url,
    duration: seconds,
    connections: clients,
    requests: [
      {
        method,
        setupRequest(request) {
          const { path, body, token } = next()
          const headers: Record<string, string> = { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
          if (body !== undefined) headers['content-type'] = 'application/json'
          return { ...request, path, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
        },
      },
    ],
    setupClient(client) {
      client.on('response', (status: number, _bytes: number, responseMs: number) => {
        if (status < 300) {
          ok += 1
          times.push(responseMs)
        } else if (status === 503 || status === 429) {
          refused += 1
          refusedTimes.push(responseMs)
        } else failed += 1
      })
    },
  })
  times.sort((a, b) => a - b)
  refusedTimes.sort((a, b) => a - b)
  return {
    perSecond: ok / result.duration,
    ...{ p50: at(times, 0.5), p99: at(times, 0.99), worst: times.at(-1) ?? Number.NaN },
    ...{ refusedP50: at(refusedTimes, 0.5), refusedP99: at(refusedTimes, 0.99) },
    ...{ ok, refused, failed },
  }
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
