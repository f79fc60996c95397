const waitsMs = [200, 800, 2_000]
const retried = new Set([502, 503, 504])

export type Resilience = {
  /** Called once, however many calls wait, when a call was answered 401; true = ask again. */
  renew?: () => Promise<boolean>
  fetch?: typeof fetch
  pause?: (ms: number) => Promise<void>
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/**
 * A `fetch` that gets its answer: a lost reply, 502, 503 and 504 are tried again up to three times, as late as `Retry-After` says (at most 30 s). Every write carries one `Idempotency-Key` through all
 * of its attempts, so that it happens once (native-api.md section 1). A 401 is renewed and asked again once. Errors: what the last attempt threw; refusals are answers, not errors.
 */
export function resilient({ renew, fetch: ask = fetch, pause = sleep }: Resilience, authorize: () => Record<string, string>) {
  return async (input: Request): Promise<Response> => {
    const isWrite = input.method !== 'GET' && input.method !== 'HEAD'
    const body = isWrite ? await input.arrayBuffer() : null
    const headers = new Headers(input.headers)
    if (isWrite && !headers.has('Idempotency-Key')) headers.set('Idempotency-Key', crypto.randomUUID())
    const once = () => {
      for (const [name, value] of Object.entries(authorize())) headers.set(name, value)
      const { method, credentials, signal } = input
      return ask(input.url, { method, credentials, signal, headers, body: body !== null && body.byteLength > 0 ? body : null })
    }
    let isRenewed = false
    for (let attempt = 0; ; attempt += 1) {
      const waitMs = waitsMs[attempt]
      try {
        const answer = await once()
        if (answer.status === 401 && !isRenewed && renew !== undefined) {
          isRenewed = true
          if (await renew()) {
            await answer.body?.cancel()
            continue
          }
          return answer
        }
        if (!retried.has(answer.status) || waitMs === undefined) return answer
        await answer.body?.cancel()
        await pause(Math.min(30_000, Math.max(waitMs, Number(answer.headers.get('Retry-After') ?? 0) * 1000)))
      } catch (error) {
        if (input.signal.aborted || waitMs === undefined) throw error
        await pause(waitMs)
      }
    }
  }
}
