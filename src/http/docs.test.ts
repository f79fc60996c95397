import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readErrorList } from '../testing/error-list.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { errorPage } from './docs-page.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const get = (path: string, headers: Record<string, string> = {}) => server.send('GET', path, { headers })

describe.each(['/docs', '/docs/errors'])('%s', (path) => {
  test('is a page without inline scripts, and its policy allows none', async () => {
    const { status, headers, text } = await get(path)
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    expect(headers['content-security-policy']).toMatch(/default-src 'none';script-src 'self';/)
    expect(headers['content-security-policy']).not.toMatch(/unsafe-eval|script-src[^;]*unsafe/)
    expect(text).not.toMatch(/<script(?![^>]*\bsrc=)|\bon\w+=|javascript:/i)
  })

  test('loads from this server alone, and everything that it loads is there', async () => {
    const { text } = await get(path)
    const loaded = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address = '']) => address)
    for (const address of loaded.filter((one) => !one.startsWith('#'))) {
      expect(address).toMatch(/^\/[a-z]/)
      expect((await get(address)).status, address).toBe(200)
    }
  })
})

test('assets have their type, and come packed to who takes that', async () => {
  const plain = await get('/docs/assets/swagger-ui-bundle.js')
  expect(plain.headers['content-type']).toBe('text/javascript; charset=utf-8')
  expect(plain.headers['content-encoding']).toBeUndefined()
  const packed = await get('/docs/assets/swagger-ui-bundle.js', { 'accept-encoding': 'br, gzip' })
  expect(packed.headers['content-encoding']).toBe('gzip')
  expect(packed.text.length).toBeLessThan(plain.text.length / 2)
})

test.each(['none.js', '__proto__', 'constructor', '..%2Fdocs.ts', '%2e%2e%2fpackage.json'])('no other file is served: %s', async (file) => {
  expect((await get(`/docs/assets/${file}`)).status).toBe(404)
})

test('the pages are read-only', async () => {
  const { status, headers } = await server.send('POST', '/docs', { raw: '{}' })
  expect(status).toBe(405)
  expect(headers.allow).toBe('GET')
})

test('the type of a problem leads to its line', async () => {
  const { text } = await get('/docs/errors')
  for (const code of readErrorList().keys()) expect(text).toContain(`<tr id="${code}">`)
  const { body } = await get('/nothing')
  expect(body.type).toBe('/docs/errors#unknown_path')
})

test('what the list says is shown as text', () => {
  const html = errorPage('# A <b>\n\n| code | status |\n| --- | --- |\n| x | `<script>` & "y" |')
  expect(html).toContain('<h1>A &lt;b&gt;</h1>')
  expect(html).toContain('<code>&lt;script&gt;</code> &amp; &quot;y&quot;')
})
