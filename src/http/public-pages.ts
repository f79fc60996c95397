import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { notFound } from '../kernel/errors.ts'
import { pageHeaders } from './headers.ts'

const files: Readonly<Record<string, string>> = {
  'onboarding.js': 'text/javascript; charset=utf-8',
  'booking.js': 'text/javascript; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'public.css': 'text/css; charset=utf-8',
}

export const publicPages = ['/o/:token', '/booking/:token', '/o/assets/:file'].map((path) => ({ method: 'GET' as const, path }))

/** The same for every token: it looks up and counts nothing. What it loads asks, once a person is there. */
const pageOf = (script: string, title: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" type="image/png" href="/docs/assets/favicon.png">
<link rel="stylesheet" href="/o/assets/public.css">
<script type="module" src="/o/assets/${script}"></script>
</head>
<body>
<main id="page" aria-live="polite"><noscript>This page needs JavaScript.</noscript></main>
</body>
</html>
`

const pages = { '/o/:token': pageOf('onboarding.js', 'Welcome'), '/booking/:token': pageOf('booking.js', 'Your appointment') }

/** The pages behind an onboarding link (contracts/salesbrain.md section 6) and behind a customer's appointment (contracts/fsm.md section 7). */
export function addPublicPages(app: FastifyInstance): void {
  const headers = { ...pageHeaders, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }
  for (const [path, page] of Object.entries(pages))
    app.get(path, async (_request, reply) => reply.headers(headers).header('Content-Type', 'text/html; charset=utf-8').send(page))
  app.get('/o/assets/:file', async (request, reply) => {
    const { file } = request.params as { file: string }
    const type = Object.hasOwn(files, file) ? files[file] : undefined
    if (type === undefined) throw notFound()
    const body = await readFile(new URL(`./pages/${file}`, import.meta.url))
    return reply.headers({ ...headers, 'Cache-Control': 'public, max-age=3600', 'Content-Type': type }).send(body)
  })
}
