/** The console's own session: the access token and, after `~`, the refresh token. Scripts cannot read it, and no other site can send it (RFC 6265bis, sections 4.1.3 and 5.6.7). */
const cookieName = '__Host-holdfast-session'
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Strict'

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** The two tokens of the cookie; null without one. */
export function readSessionCookie(header: string | undefined): { accessToken: string; refreshToken: string | null } | null {
  const value = header === undefined ? undefined : /(?:^|; *)__Host-holdfast-session=([^;\s]+)/.exec(header)?.[1]
  if (value === undefined) return null
  const [accessToken = '', refreshToken = null] = value.split('~')
  return { accessToken, refreshToken }
}

export const sessionCookie = (tokens: { accessToken: string; refreshToken: string }, seconds: number): string =>
  `${cookieName}=${tokens.accessToken}~${tokens.refreshToken}; Max-Age=${seconds}; ${attributes}`

export const noSessionCookie = `${cookieName}=; Max-Age=0; ${attributes}`

/**
 * Whether a request comes from a page of this very server. Browsers tell the origin of whatever can change something; a read needs none, but a foreign one is refused there too.
 * The scheme is not compared: a proxy may end TLS.
 */
export function isOwnOrigin(headers: Headers, isRead: boolean): boolean {
  const { origin, host } = headers
  if (headers['sec-fetch-site'] === 'cross-site' || headers['sec-fetch-site'] === 'same-site') return false
  if (origin === undefined) return isRead
  return typeof origin === 'string' && typeof host === 'string' && /^https?:\/\/(.+)$/.exec(origin)?.[1] === host
}
