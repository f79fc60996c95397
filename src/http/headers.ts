import type { IncomingMessage, ServerResponse } from 'node:http'
import helmet from 'helmet'

type Headers = Readonly<Record<string, string>>

/** A page's own scripts, styles and calls, and nothing from elsewhere. Styles may stand in attributes, scripts nowhere but in files. */
const pagePolicy = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:'],
  fontSrc: ["'self'"],
  connectSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
}

/** The headers that helmet sets, worked out once: they are the same for every response, and asking helmet each time costs as much as a small request. */
function helmetHeaders(directives: Record<string, string[]>): Headers {
  const found: Record<string, string> = {}
  const response = {
    setHeader: (name: string, value: string) => {
      found[name] = value
    },
    removeHeader: () => {},
  } as unknown as ServerResponse
  const apply = helmet({ contentSecurityPolicy: { useDefaults: false, directives }, referrerPolicy: { policy: 'no-referrer' } })
  apply({} as IncomingMessage, response, () => {})
  return found
}

/** On every response (SECURITY.md, headers). Answers hold personal data, so nobody keeps them. */
export const apiHeaders: Headers = {
  ...helmetHeaders({ defaultSrc: ["'none'"], frameAncestors: ["'none'"] }),
  'Cache-Control': 'no-store',
}

/** On the pages that this server shows itself. */
export const pageHeaders: Headers = helmetHeaders(pagePolicy)

const consolePolicy = helmetHeaders({
  ...pagePolicy,
  styleSrc: ["'self'", "'nonce-NONCE'"],
  imgSrc: ["'self'", 'data:', 'blob:'],
  manifestSrc: ["'self'"],
  formAction: ["'self'"],
})

/** On the console: no style and no script but those of its files, and the styles that carry this nonce. `pictures` is the origin that pictures come from beside our own, where files lie in a bucket. */
export const consoleHeaders = (nonce: string, pictures: string | null): Headers => ({
  ...consolePolicy,
  'Content-Security-Policy': (consolePolicy['Content-Security-Policy'] ?? '')
    .replace("'nonce-NONCE'", nonce === '' ? '' : `'nonce-${nonce}'`)
    .replace("img-src 'self'", pictures === null ? "img-src 'self'" : `img-src 'self' ${pictures}`),
})
