import createClient, { type Client } from 'openapi-fetch'
import { type Resilience, resilient } from './calls.ts'
import { follow, type LogEvent } from './events.ts'
import type { components, paths } from './generated/schema.ts'

export type Problem = components['schemas']['Problem']
export type Tokens = { accessToken: string; refreshToken: string }

type Options = Pick<Resilience, 'fetch' | 'pause'> & {
  /** Where the server is, such as `https://accounts.example.org`. */
  baseUrl: string
  /** A machine's key, instead of a sign-in. */
  apiKey?: string
  /** Tokens of an earlier sign-in. */
  tokens?: Tokens
  /** Told of every new pair before it is used, and of null when the session is over: keep the pair where a restart finds it. */
  keep?(tokens: Tokens | null): void | Promise<void>
  /** In a browser on the server's own page: the session is a cookie, and scripts hold no token. */
  cookie?: true
}

export type Holdfast = {
  /** Every operation of `/v1`, typed: `api.GET('/v1/users/{id}', { params: { path: { id } } })`. */
  api: Client<paths>
  /** Signs in. The answer is the problem when it was refused. */
  signIn(given: { login: string; password: string; tenant?: string; code?: string }): Promise<Problem | null>
  signOut(): Promise<void>
  /** The tenant's log from now on. */
  events(signal: AbortSignal): AsyncGenerator<LogEvent>
}

/** A client of one Holdfast server, for one person or machine at a time. */
export function createHoldfast({ baseUrl, apiKey, tokens: first, keep, cookie, ...how }: Options): Holdfast {
  let tokens = first ?? null
  let renewing: Promise<boolean> | null = null
  const ask = how.fetch ?? fetch
  const pause = how.pause ?? ((ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)))
  const base = cookie ? '/v1/console/session' : '/v1/sessions'

  const authorize = (): Record<string, string> => {
    if (apiKey !== undefined) return { 'X-Api-Key': apiKey }
    return tokens === null || cookie ? {} : { Authorization: `Bearer ${tokens.accessToken}` }
  }
  const post = (path: string, body: unknown) =>
    ask(`${baseUrl}${path}`, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })

  async function take(answer: Response): Promise<void> {
    if (cookie) return
    const { accessToken, refreshToken } = (await answer.json()) as Tokens
    tokens = { accessToken, refreshToken }
    await keep?.(tokens)
  }

  /** The predecessor gives the same successor for ten seconds: so a lost reply is asked for again, at once, with the token that was sent. */
  async function renew(): Promise<boolean> {
    if (tokens === null && !cookie) return false
    const sent = tokens
    for (const waitMs of [0, 300, 1_000, 2_500]) {
      if (waitMs > 0) await pause(waitMs)
      const answer = await post(`${base}/refresh`, cookie ? {} : { refreshToken: sent?.refreshToken }).catch(() => null)
      if (answer === null || answer.status >= 500) continue
      if (answer.ok) {
        const isRead = await take(answer).then(
          () => true,
          () => false,
        )
        if (isRead) return true
        continue
      }
      if (answer.status === 429) continue
      tokens = null
      await keep?.(null)
      return false
    }
    return false
  }
  const renewOnce = (): Promise<boolean> =>
    (renewing ??= renew().finally(() => {
      renewing = null
    }))

  const call = resilient({ ...how, ...(apiKey === undefined ? { renew: renewOnce } : {}) }, authorize)
  return {
    api: createClient<paths>({ baseUrl, fetch: call, credentials: 'same-origin' }),
    async signIn(given) {
      const answer = await post(base, given)
      if (!answer.ok) return (await answer.json()) as Problem
      await take(answer)
      return null
    },
    async signOut() {
      await call(
        new Request(new URL(`${baseUrl}${cookie ? base : '/v1/sessions/current'}`, globalThis.location?.href), {
          method: 'DELETE',
          credentials: 'same-origin',
        }),
      )
      tokens = null
      await keep?.(null)
    },
    events: (signal) =>
      follow({
        signal,
        open: (last) =>
          call(
            new Request(new URL(`${baseUrl}/v1/events`, globalThis.location?.href), {
              signal,
              credentials: 'same-origin',
              headers: last === null ? {} : { 'Last-Event-ID': last },
            }),
          ),
      }),
  }
}
