import { createHash, randomUUID } from 'node:crypto'
import { parse } from 'csv-parse/sync'
import readXlsx from 'read-excel-file/node'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canonical, sha256 } from '../../kernel/canonical.ts'
import { readPdf } from '../../testing/pdf-text.ts'
import { enterOwner, found, join, type Person } from '../../testing/people.ts'
import { type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

let server: TestServer
let owner: Person
let worker: Person
let auditor: Person
let id = ''

const send = (method: string, path: string, body?: unknown, { token } = owner) =>
  server.send(method, `/api${path}`, { token, ...(body === undefined ? {} : { body }) })
const data = {
  title: 'Kitchen – Küche Кухня',
  sections: [
    {
      id: 's',
      title: 'All "of" it',
      items: [
        { id: 'a', text: '=1+1', notes: 'a, b\r\n"c"', isCompleted: true },
        { id: 'b', text: 'Öfen ελ 🔥', notes: '@x', isSkipped: true, skippedReason: '-none', isOptional: true },
      ],
    },
    { id: 'e', title: 'Empty', items: [] },
  ],
}

beforeAll(async () => {
  server = await startTestServer()
  owner = await enterOwner(server)
  ;[worker, auditor] = (await Promise.all([join(server, owner), join(server, owner, { role: 'auditor' })])) as [Person, Person]
  id = String((await send('POST', '/checklists', { checklistData: data })).body.checklistId)
})
afterAll(() => server.close())

const make = (body: object, by = owner) => send('POST', '/exports', { entityType: 'checklist', entityId: id, ...body }, by)
async function bytesOf({ downloadUrl }: Loose): Promise<Buffer> {
  const url = new URL(String(downloadUrl))
  const { objects } = server.holdfast.runtime.services
  expect((await server.send('GET', url.pathname + url.search)).status).toBe(200)
  const key = url.pathname.split('/').slice(3).join('/')
  const opened = await (await objects()).tenant(owner.tenantId).open(key)
  return Buffer.concat(await (opened?.body.toArray() ?? []))
}

describe('an export is refused', () => {
  test('to those who may not, of what is not there, and in forms that nobody knows', async () => {
    expect((await make({ format: 'pdf' }, worker)).status).toBe(403)
    expect((await make({ format: 'pdf', entityId: randomUUID() })).body).toMatchObject({ status: 404, code: 'checklist_not_found' })
    expect((await make({ format: 'pdf' }, await found(server))).status).toBe(404)
    for (const bad of [
      {},
      { format: 'docx' },
      { format: 'pdf', pageSize: 'A3' },
      { format: 'pdf', watermark: 'x'.repeat(61) },
      { format: 'pdf', more: 1 },
    ])
      expect((await make(bad)).status).toBe(400)
    expect((await send('GET', `/exports/${randomUUID()}`)).body.code).toBe('export_not_found')
    expect((await send('GET', '/exports/none')).status).toBe(404)
  })
})

describe('an export', () => {
  test('as JSON has the document with its checksum, and is listed and found again', async () => {
    const { status, body } = await make({ format: 'json' }, auditor)
    expect(status).toBe(201)
    const told = body.export as Loose
    expect(told).toMatchObject({
      entityId: id,
      format: 'json',
      template: 'professional',
      pageSize: 'A4',
      status: 'completed',
      contentType: 'application/json',
      createdBy: auditor.id,
    })
    const bytes = await bytesOf(body)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(told.checksum)
    expect(bytes.byteLength).toBe(told.byteSize)
    const read = JSON.parse(bytes.toString())
    expect(read).toMatchObject({ version: 1, checklist: { title: data.title }, submission: { status: 'draft' } })
    expect(sha256(canonical(read.document))).toBe(read.checksum)
    expect((await send('GET', `/exports/${told.exportId}`)).body.export).toEqual(told)
    expect((await send('GET', `/exports?entityId=${id}`)).body.exports).toMatchObject([{ exportId: told.exportId }])
    expect((await send('GET', `/exports/${told.exportId}`, undefined, await found(server))).status).toBe(404)
  })

  test('as CSV is RFC 4180, and no cell is a formula', async () => {
    const text = (await bytesOf((await make({ format: 'csv' })).body)).toString()
    expect(text.split('\r\n')[0]).toBe('section_id,section,item_id,item,type,is_required,checked,skipped,notes,attachments')
    expect(parse(text, { columns: true })).toEqual([
      {
        section_id: 's',
        section: 'All "of" it',
        item_id: 'a',
        item: "'=1+1",
        type: 'checkbox',
        is_required: 'true',
        checked: 'true',
        skipped: '',
        notes: 'a, b\r\n"c"',
        attachments: '',
      },
      {
        section_id: 's',
        section: 'All "of" it',
        item_id: 'b',
        item: 'Öfen ελ 🔥',
        type: 'checkbox',
        is_required: 'false',
        checked: 'false',
        skipped: "'-none",
        notes: "'@x",
        attachments: '',
      },
    ])
  })

  test('as a workbook has the same rows', async () => {
    const sheets = await readXlsx((await bytesOf((await make({ format: 'xlsx' })).body)) as never)
    expect(JSON.stringify(sheets)).toContain("'=1+1")
  })

  test.each([
    ['A4', 'portrait', [0, 0, 595.28, 841.89]],
    ['A4', 'landscape', [0, 0, 841.89, 595.28]],
    ['Letter', 'portrait', [0, 0, 612, 792]],
    ['Legal', 'landscape', [0, 0, 1008, 612]],
  ])('as PDF on %s %s has pages of that size', async (pageSize, orientation, box) => {
    const bytes = await bytesOf((await make({ format: 'pdf', pageSize, orientation })).body)
    expect(bytes.subarray(0, 5).toString()).toBe('%PDF-')
    expect(readPdf(bytes).boxes).toEqual([box])
  })

  test('as PDF says what its template says, in any script, with photos and a watermark', async () => {
    const photo = await sharp({ create: { width: 60, height: 40, channels: 3, background: 'teal' } })
      .jpeg()
      .toBuffer()
    const checksum = createHash('sha256').update(photo).digest('hex')
    const asked = (
      await send('POST', '/media/upload-url', {
        fileName: 'p.jpg',
        fileType: 'image/jpeg',
        fileSize: photo.byteLength,
        checksum,
        submissionId: id,
      })
    ).body
    const url = new URL(String(asked.uploadUrl))
    await server.send('PUT', url.pathname + url.search, { raw: photo, headers: asked.headers as unknown as Record<string, string> })
    await send('POST', '/media/confirm-upload', { fileId: asked.fileId, key: asked.key })
    const ops = [{ type: 'update', path: `items.a.attachments.${asked.fileId}`, newValue: 'before' }]
    await send('POST', '/sync', { action: 'apply_operation', operation: { entityType: 'checklist', entityId: id, ops } })
    const read = async (body: object) => readPdf(await bytesOf((await make({ format: 'pdf', ...body })).body))
    const professional = await read({ watermark: 'Draft' })
    const flat = professional.text.replaceAll(/\s+/g, '')
    for (const text of [
      'Kitchen–KücheКухня',
      'Acme',
      'Status:draft',
      'Progress:100%',
      'All"of"it',
      '☑=1+1',
      'Öfenελ',
      '(skipped:-none)',
      'a,b',
      'Draft',
    ])
      expect(flat, text).toContain(text)
    expect(professional.images).toBe(1)
    expect(flat).not.toContain('History')
    const minimal = await read({ template: 'minimal' })
    expect(minimal.text.replaceAll(/\s+/g, '')).toContain('=1+1')
    expect(minimal.text.replaceAll(/\s+/g, '')).not.toContain('a,b')
    expect(minimal.images).toBe(0)
    expect((await read({ template: 'executive' })).text).not.toContain('1+1')
    expect((await read({ template: 'detailed' })).text).toContain('History')
    // an address is good for an hour, the document for a week and for whoever has its link
    const { submission } = JSON.parse((await bytesOf((await make({ format: 'json' })).body)).toString())
    expect(submission.mediaFiles).toMatchObject([{ mediaId: asked.fileId, cdnUrl: null, thumbnailUrl: null }])
  })
})

describe('a shared document', () => {
  test('comes to whoever has the link, until it expires or is taken back; every other answer is the same', async () => {
    const { exportId } = (await make({ format: 'csv' })).body.export as Loose
    const share = (body: object, by = owner, of = exportId) => server.send('POST', `/v1/exports/${of}/links`, { token: by.token, body })
    const get = (url: unknown) => server.send('GET', new URL(String(url)).pathname)
    expect((await share({}, worker)).status).toBe(403)
    expect((await share({ expiresInSeconds: 59 })).status).toBe(422)
    expect((await share({}, await found(server))).status).toBe(404)
    expect((await share({}, owner, randomUUID() as never)).body.code).toBe('export_not_found')
    const { body } = await share({ expiresInSeconds: 60 })
    const answer = await get(body.url)
    expect(answer).toMatchObject({ status: 302, headers: { 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' } })
    const signed = new URL(String(answer.headers.location))
    expect((await server.send('GET', signed.pathname + signed.search)).text).toContain('section_id')
    const nothing = await get('http://x/v1/shared/hfd_nothing')
    expect(nothing.status).toBe(404)
    const links = (await server.send('GET', `/v1/exports/${exportId}/links`, { token: owner.token })).body
    expect(links).toMatchObject({ items: [{ linkId: body.linkId }] })
    expect(JSON.stringify(links)).not.toContain(String(body.url).split('/').at(-1))
    expect((await server.send('DELETE', `/v1/exports/${exportId}/links/${body.linkId}`, { token: owner.token })).status).toBe(204)
    const { requestId: _, ...taken } = (await get(body.url)).body
    expect(taken).toMatchObject({ status: 404, code: nothing.body.code, detail: nothing.body.detail })

    const late = (await share({ expiresInSeconds: 60 })).body
    const { clock } = server.holdfast.runtime
    const { realMs } = clock
    clock.realMs = () => realMs() + 61_000
    expect((await get(late.url)).status).toBe(404)
    clock.realMs = realMs
    expect((await get(late.url)).status).toBe(302)
  })
})
