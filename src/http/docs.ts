import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { notFound } from '../kernel/errors.ts'
import { errorPage, page } from './docs-page.ts'
import { pageHeaders } from './headers.ts'

const compress = promisify(gzip)

const require = createRequire(import.meta.url)
const ours = (file: string) => readFile(new URL(file, import.meta.url))

type Asset = { type: string; read(): Promise<Buffer> }

/** What the pages load. Nothing comes from another host, so they work without a network. */
const assets: Readonly<Record<string, Asset>> = {
  'swagger-ui.css': { type: 'text/css; charset=utf-8', read: () => readFile(require.resolve('swagger-ui-dist/swagger-ui.css')) },
  'swagger-ui-bundle.js': {
    type: 'text/javascript; charset=utf-8',
    read: () => readFile(require.resolve('swagger-ui-dist/swagger-ui-bundle.js')),
  },
  'favicon.png': { type: 'image/png', read: () => readFile(require.resolve('swagger-ui-dist/favicon-32x32.png')) },
  'docs.css': { type: 'text/css; charset=utf-8', read: () => ours('docs-page.css') },
  'docs.js': { type: 'text/javascript; charset=utf-8', read: async () => Buffer.from(start) },
}

const start = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  docExpansion: 'none',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: false,
  validatorUrl: null,
})
`

export const docsRoutes = ['/docs', '/docs/errors', '/docs/assets/:file'].map((path) => ({ method: 'GET' as const, path }))

/** The pages for people: the API reference at `/docs`, what every error code means at `/docs/errors` (where the `type` of a problem leads). */
export function addDocs(app: FastifyInstance): void {
  const html = { ...pageHeaders, 'Content-Type': 'text/html; charset=utf-8' }
  const reference = page({
    title: 'Holdfast: API reference',
    styles: ['swagger-ui.css', 'docs.css'],
    scripts: ['swagger-ui-bundle.js', 'docs.js'],
    body: '<div id="reference"><noscript>The reference needs JavaScript. The same as a file: <a href="/openapi.json">openapi.json</a></noscript></div>',
  })
  const errors = once(async () => errorPage(await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8')))
  app.get('/docs', async (_request, reply) => reply.headers(html).send(reference))
  app.get('/docs/errors', async (_request, reply) => reply.headers(html).send(await errors()))
  const kept = new Map<string, () => Promise<Buffer>>()
  for (const [file, { read }] of Object.entries(assets))
    kept.set(
      file,
      once(async () => compress(await read())),
    )
  app.get('/docs/assets/:file', async (request, reply) => {
    const { file } = request.params as { file: string }
    const asset = Object.hasOwn(assets, file) ? assets[file] : undefined
    const packed = kept.get(file)
    if (asset === undefined || packed === undefined) throw notFound()
    const takesGzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
    reply.headers({ ...pageHeaders, 'Content-Type': asset.type, 'Cache-Control': 'public, max-age=3600' }).header('Vary', 'Accept-Encoding')
    if (!takesGzip) return reply.send(await asset.read())
    return reply.header('Content-Encoding', 'gzip').send(await packed())
  })
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null
  return () => (made ??= make())
}
