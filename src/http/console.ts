import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { notFound } from '../kernel/errors.ts'
import { consoleHeaders } from './headers.ts'

const compress = promisify(brotliCompress)

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
}

const absent = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Holdfast</title><body><main><h1>The console is not built</h1>
<p>The server works; its pages are missing. Run <code>npm start</code> once in a folder that can be written, with the network up, and restart.</p>
<p><a href="/docs">API reference</a></p></main></body></html>`

export const consoleRoutes = ['/', '/console/*'].map((path) => ({ method: 'GET' as const, path }))

/**
 * The console at `/`, its other pages under `/console/`, as Vite built them into `folder`. The page itself is made anew for every visit, with a nonce for the styles that its components write;
 * all else has its digest in its name and is kept by browsers for ever.
 */
export function addConsole(app: FastifyInstance, folder: URL, pictures: string | null): void {
  const isBuilt = statSync(new URL('index.html', folder), { throwIfNoEntry: false }) !== undefined
  const page = isBuilt ? readFileSync(new URL('index.html', folder), 'utf8') : absent
  const kept = new Map<string, Promise<{ plain: Buffer; packed: Buffer }>>()
  const read = async (file: string) => {
    const plain = await readFile(new URL(`assets/${file}`, folder))
    return { plain, packed: await compress(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } }) }
  }
  const show = () => {
    const nonce = randomBytes(18).toString('base64')
    return {
      headers: { ...consoleHeaders(nonce, pictures), 'Content-Type': 'text/html; charset=utf-8' },
      body: page.replaceAll('__NONCE__', nonce),
    }
  }
  app.get('/', async (_request, reply) => {
    const { headers, body } = show()
    return reply
      .code(isBuilt ? 200 : 503)
      .headers(headers)
      .send(body)
  })
  app.get('/console/*', async (_request, reply) => {
    const { headers, body } = show()
    return reply
      .code(isBuilt ? 200 : 503)
      .headers(headers)
      .send(body)
  })
  app.get('/console/assets/:file', async (request, reply) => {
    const { file } = request.params as { file: string }
    const type = types[extname(file)]
    if (type === undefined || !/^[\w.-]+$/.test(file)) throw notFound()
    const asset = kept.get(file) ?? read(file)
    kept.set(file, asset)
    const found = await asset.catch(() => null)
    if (found === null) {
      kept.delete(file)
      throw notFound()
    }
    reply.headers({
      ...consoleHeaders('', pictures),
      'Content-Type': type,
      'Cache-Control': 'public, max-age=31536000, immutable',
      Vary: 'Accept-Encoding',
    })
    if (!/\bbr\b/.test(String(request.headers['accept-encoding'] ?? ''))) return reply.send(found.plain)
    return reply.header('Content-Encoding', 'br').send(found.packed)
  })
}
