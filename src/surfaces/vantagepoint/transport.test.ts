import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aLead, type Crm, startCrm } from './testing/crm.ts'

let crm: Crm
let base: string

beforeAll(async () => {
  crm = await startCrm()
  for (let count = 0; count < 5; count++) await crm.lead({ email: `lead${count}@example.org` })
  base = await crm.server.listen()
})
afterAll(() => crm.close())

/** fetch decodes by itself, so the bytes are asked for over a plain connection. */
async function leads(encoding: string | null): Promise<{ encoding: string | undefined; bytes: Buffer }> {
  const { get } = await import('node:http')
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${crm.admin.token}`, ...(encoding === null ? {} : { 'accept-encoding': encoding }) }
    get(`${base}/api/v1/leads`, { headers }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => resolve({ encoding: response.headers['content-encoding'], bytes: Buffer.concat(parts) }))
    }).on('error', reject)
  })
}

test('the list of leads is compressed when it is asked for, and only then', async () => {
  const plain = await leads(null)
  expect(plain.encoding).toBeUndefined()
  const gzip = await leads('gzip')
  expect([gzip.encoding, gunzipSync(gzip.bytes).toString()]).toEqual(['gzip', plain.bytes.toString()])
  const brotli = await leads('br')
  expect([brotli.encoding, brotliDecompressSync(brotli.bytes).toString()]).toEqual(['br', plain.bytes.toString()])
  expect((await leads('gzip;q=0')).encoding).toBeUndefined()
  expect(gzip.bytes.length).toBeLessThan(plain.bytes.length / 2)
})

test.each([
  ['practice_name', 'POST /leads', aLead({ practice_name: 'a\0b' }), 'practice_name contains characters that are not allowed'],
  ['a batch', 'POST /leads/bulk', { leads: [aLead(), aLead({ city: '\0' })] }, 'Lead 2: city contains characters that are not allowed'],
  [
    'full_name',
    'POST /users',
    { username: 'nul.user', password: 'violet harbour 7 lanterns', full_name: '\0' },
    'full_name contains characters that are not allowed',
  ],
])('a NUL in %s is named', async (_what, call, body, detail) => {
  const { status, body: problem } = await crm.call(crm.admin, call, body)
  expect([status, problem.detail]).toEqual([400, detail])
})
