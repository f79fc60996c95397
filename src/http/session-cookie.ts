import type { IncomingHttpHeaders } from 'node:http'
import { isOwnOrigin, readSessionCookie } from '../session/console-cookie.ts'

/** The access token of the console's cookie, where the request comes from the console itself; else null, as if there were no cookie. */
export function cookieCredential({ headers, method }: { headers: IncomingHttpHeaders; method: string }): string | null {
  const found = readSessionCookie(headers.cookie)
  if (found === null) return null
  return isOwnOrigin(headers, method === 'GET' || method === 'HEAD') ? found.accessToken : null
}
