import { parse } from 'csv-parse/sync'
import readXlsx from 'read-excel-file/node'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readPdf } from '../../testing/pdf-text.ts'
import { enterOwner, join, type Person } from '../../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person
let worker: Person
let id: string
let signedAt: string

const send = (method: string, path: string, body?: unknown, { token } = owner) =>
  server.send(method, `/api${path}`, { token, ...(body === undefined ? {} : { body }) })
const items = [
  { id: 'drawn', text: 'Sign here', type: 'signature', notes: 'with a pen' },
  { id: 'typed', text: 'Or here', type: 'signature', value: 'Ann Example' },
  { id: 'broken', text: 'Torn', type: 'signature', value: 'data:image/png;base64,iVBORw0KGgo=' },
  { id: 'other', text: 'Not so', type: 'signature', value: 'data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=' },
  { id: 'empty', text: 'Nobody yet', type: 'signature' },
]
async function signature(): Promise<string> {
  const stroke = '<svg width="120" height="40"><path d="M5 30 Q30 0 50 25 T115 10" fill="none" stroke="black" stroke-width="3"/></svg>'
  const png = await sharp(Buffer.from(stroke)).png({ palette: true, colours: 4, compressionLevel: 9 }).toBuffer()
  return `data:image/png;base64,${png.toString('base64')}`
}

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
  worker = await join(server, owner)
  for (const [{ id: userId }, firstName] of [
    [worker, 'Wanda'],
    [owner, 'Olga'],
  ] as const)
    await send('PUT', '/users', { userId, firstName, lastName: 'Example' })
  const checklistData = {
    title: 'Kitchen',
    sections: [{ id: 's', title: 'S', items: items.map((item) => ({ ...item, isCompleted: true })) }],
  }
  id = String((await send('POST', '/checklists', { checklistData }, worker)).body.checklistId)
  const ops = [{ type: 'update', path: 'items.drawn.value', newValue: await signature() }]
  const operation = { entityType: 'checklist', entityId: id, ops }
  const done = await send('POST', '/sync', { action: 'apply_operation', operation }, worker)
  if (done.status !== 200) throw new Error(done.text)
  const edits = (await send('GET', `/sync/operations?entityId=${id}&sinceVersion=1`)).body.operations as unknown as Loose[]
  signedAt = String(edits[0]?.timestamp)
  if ((await send('POST', `/submissions/${id}/submit`, {}, worker)).status !== 200) throw new Error('not submitted')
  if ((await send('POST', `/submissions/${id}/review`, { decision: 'approve', notes: 'Fine' })).status !== 200)
    throw new Error('not approved')
})
afterAll(() => server.close())

async function exported(body: object): Promise<Buffer> {
  const { downloadUrl } = (await send('POST', '/exports', { entityType: 'checklist', entityId: id, ...body })).body
  const url = new URL(String(downloadUrl))
  const opened = await (await server.holdfast.runtime.services.objects())
    .tenant(owner.tenantId)
    .open(url.pathname.split('/').slice(3).join('/'))
  return Buffer.concat(await (opened?.body.toArray() ?? []))
}
test('a signature is a picture on paper with who signed and when, and never its bytes', async () => {
  const bytes = await exported({ format: 'pdf' })

  const { text, images } = readPdf(bytes)
  const flat = text.replaceAll(/\s+/g, '')
  expect(images).toBe(1)
  for (const said of ['☑Signhere', `SignedbyWanda Example,${signedAt}`, 'Orhere:AnnExample', 'Torn', 'Notso'])
    expect(flat, said).toContain(said.replaceAll(/\s+/g, ''))
  for (const hidden of ['data:', 'base64', 'iVBOR', 'PHN2Z']) expect(flat).not.toContain(hidden)
  expect(flat.split('Signed').length - 1).toBe(4)
  expect(readPdf(await exported({ format: 'pdf', template: 'minimal' })).images).toBe(1)
  expect(readPdf(await exported({ format: 'pdf', template: 'executive' })).images).toBe(0)
})

test('a table says so in words', async () => {
  const words = `Signed by Wanda Example, ${signedAt}`
  const rows = parse((await exported({ format: 'csv' })).toString(), { columns: true }) as Record<string, string>[]
  expect(rows.map(({ notes }) => notes)).toEqual([`with a pen\n${words}`, 'Signed', 'Signed', 'Signed', ''])
  expect(JSON.stringify(await readXlsx((await exported({ format: 'xlsx' })) as never))).toContain(words)
})

test('the detailed one names who submitted and who decided, with the time', async () => {
  const { submission } = (await send('GET', `/submissions/${id}`)).body as { submission?: Loose }
  const flat = readPdf(await exported({ format: 'pdf', template: 'detailed' })).text.replaceAll(/\s+/g, '')
  for (const line of [
    `${submission?.submittedAt}  submitted by Wanda Example`,
    `${submission?.reviewedAt}  approved by Olga Example: Fine`,
    `Step 1 (manager): approved by Olga Example, ${submission?.reviewedAt}: Fine`,
  ])
    expect(flat).toContain(line.replaceAll(/\s+/g, ''))
})

test('JSON has checklist and submission as clients read them', async () => {
  const read = JSON.parse((await exported({ format: 'json' })).toString())
  const { checklistData: _, checksum, ...checklist } = (await send('GET', `/checklists/${id}`)).body.checklist as Loose
  expect(read.checklist).toEqual(checklist)
  expect(read.checksum).toBe(checksum)
  expect(read.submission).toEqual((await send('GET', `/submissions/${id}`)).body.submission)
  expect(Object.keys(read)).toEqual(['checklist', 'submission', 'document', 'version', 'checksum', 'exportedAt'])
})
