import { createHash, randomUUID } from 'node:crypto'
import { parse } from 'csv-parse/sync'
import readXlsx from 'read-excel-file/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { here, setTime, startWorkday, type Workday } from '../attendance/testing/workday.ts'
import { startJobs } from '../job/work.ts'
import { jobHandlers } from '../job-handlers.ts'
import { foreigner } from '../surfaces/salesbrain/testing/sales.ts'
import { readPdf } from '../testing/pdf-text.ts'
import { join } from '../testing/people.ts'
import type { Loose } from '../testing/server.ts'

let day: Workday
let jobs: ReturnType<typeof startJobs> | null = null

beforeAll(async () => {
  day = await startWorkday()
  setTime(day.server, '09:30:00')
  for (const worker of [day.mt, day.mt2, day.support]) {
    const { status, text } = await day.send('POST', '/v1/attendance', worker.token, {
      latitude: here.lat,
      longitude: here.lng,
      accuracy: here.accuracy,
    })
    if (status !== 201) throw new Error(text)
  }
})
afterAll(async () => {
  await jobs?.stop()
  await day.server.close()
})

const work = () => {
  jobs ??= startJobs(day.server.holdfast.runtime, jobHandlers, { retryMs: { first: 100, longest: 200 } })
}
const rest = async () => {
  await jobs?.stop()
  jobs = null
}
const start = (of: string, body: object, token = day.owner.token) => day.send('POST', `/v1/reports/${of}`, token, body)
const read = (id: unknown, token = day.owner.token) => day.send('GET', `/v1/reports/${id}`, token)
async function made(of: string, body: object): Promise<{ bytes: Buffer; view: Loose }> {
  const { status, body: begun, text } = await start(of, body)
  expect(status, text).toBe(202)
  await expect.poll(async () => (await read(begun.id)).body.state, { timeout: 60_000 }).toBe('completed')
  const { body: view } = await read(begun.id)
  const url = new URL(String(view.downloadUrl))
  expect((await day.server.send('GET', url.pathname + url.search)).status).toBe(200)
  const objects = (await day.server.holdfast.runtime.services.objects()).tenant(day.owner.tenantId)
  const opened = await objects.open(url.pathname.split('/').slice(3).join('/'))
  const bytes = Buffer.concat(await (opened?.body.toArray() ?? []))
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(view.checksum)
  expect(bytes.byteLength).toBe(view.byteSize)
  return { bytes, view }
}

test('refusals: a member, a supervisor, a bad form, a reversed range, and the reports of others', async () => {
  expect((await start('attendance', { format: 'csv' }, day.mt.token)).status).toBe(403)
  const supervisor = await join(day.server, day.owner, { role: 'supervisor' })
  for (const of of ['attendance', 'audit']) {
    expect((await start(of, { format: 'csv' }, supervisor.token)).status).toBe(403)
    expect((await start(of, { format: 'doc' })).status).toBe(422)
    expect((await start(of, { format: 'csv', from: 'yesterday' })).status).toBe(422)
  }
  expect((await start('attendance', { format: 'csv', from: '2026-11-02', to: '2026-11-01' })).body.code).toBe('range_reversed')
  expect((await start('attendance', { format: 'csv', from: '2025-01-01', to: '2026-11-01' })).body.code).toBe('report_too_long')
  const { body } = await start('attendance', { format: 'csv' })
  expect(body).toMatchObject({ state: 'running', progress: 0, checksum: null, downloadUrl: null })
  const stranger = await foreigner(day.server)
  const auditor = await join(day.server, day.owner, { role: 'auditor' })
  for (const token of [stranger.token, auditor.token, supervisor.token]) {
    expect((await read(body.id, token)).body.code).toBe('export_not_found')
    expect((await day.send('POST', `/v1/exports/${body.id}/links`, token, {})).status).toBe(404)
  }
  expect((await read(randomUUID())).body.code).toBe('export_not_found')
  // nothing to share before it is made
  expect((await day.send('POST', `/v1/exports/${body.id}/links`, day.owner.token, {})).body.code).toBe('export_not_found')
})

test('attendance in each form', async () => {
  work()
  const csv = await made('attendance', { format: 'csv', from: '2026-11-26', to: '2026-11-26' })
  const rows = parse(csv.bytes, { bom: true, columns: true }) as Record<string, string>[]
  expect(rows.map((row) => row['Employee ID']).sort()).toEqual([day.mt, day.mt2, day.support].map(({ employeeId }) => employeeId).sort())
  const json = await made('attendance', { format: 'json', from: '2026-11-26', to: '2026-11-26', status: 'present' })
  expect(JSON.parse(json.bytes.toString())).toMatchObject({ title: 'Attendance', items: [{ status: 'present' }, {}, {}] })
  const none = await made('attendance', { format: 'json', from: '2026-11-26', to: '2026-11-26', status: 'absent' })
  expect(JSON.parse(none.bytes.toString()).items).toEqual([])
  const sheet = await readXlsx((await made('attendance', { format: 'xlsx', from: '2026-11-26', to: '2026-11-26' })).bytes)
  expect(JSON.stringify(sheet)).toContain(day.mt.employeeId)
  const { bytes } = await made('attendance', { format: 'pdf', from: '2026-11-26', to: '2026-11-26' })
  expect(bytes.subarray(0, 5).toString()).toBe('%PDF-')
  expect(JSON.stringify(await readPdf(bytes))).toContain(day.mt.employeeId)
})

test('the audit log: every entry once, in order, narrowed, and its reading is an entry', async () => {
  work()
  const store = day.server.holdfast.runtime.storage.tenant(day.owner.tenantId)
  const before = (await store.head())?.sequence ?? 0
  const { bytes, view } = await made('audit', { format: 'json' })
  const { items } = JSON.parse(bytes.toString()) as { items: { sequence: number; action: string }[] }
  expect(items.slice(0, before).map(({ sequence }) => sequence)).toEqual(Array.from({ length: before }, (_, at) => at + 1))
  expect(view).toMatchObject({ of: 'audit', progress: 100, problem: null })
  const { body } = await day.send('GET', '/v1/audit?action=report.audit', day.owner.token)
  expect((body.items as unknown as Loose[])[0]).toMatchObject({ actor: { id: day.owner.id }, detail: { of: 'audit' } })
  const one = await made('audit', { format: 'csv', action: 'attendance.mark' })
  expect(parse(one.bytes, { bom: true, columns: true })).toHaveLength(3)
  const shared = await day.send('POST', `/v1/exports/${view.id}/links`, day.owner.token, {})
  expect(shared.status).toBe(201)
  const listed = (await day.send('GET', '/v1/reports?limit=2', day.owner.token)).body
  expect((listed.items as unknown as Loose[]).length).toBe(2)
  expect(listed.nextCursor).not.toBeNull()
})

test('whoever may not ask for a report any more does not get it either, nor may they share it', async () => {
  work()
  const admin = await join(day.server, day.owner, { role: 'admin' })
  const { body } = await start('audit', { format: 'csv' }, admin.token)
  await expect.poll(async () => (await read(body.id, admin.token)).body.state, { timeout: 60_000 }).toBe('completed')
  const { version } = (await day.send('GET', `/v1/users/${admin.id}`, day.owner.token)).body
  const demoted = await day.send('PATCH', `/v1/users/${admin.id}`, day.owner.token, { version, role: 'supervisor' })
  expect(demoted.status, demoted.text).toBe(200)
  const { token } = admin
  expect((await read(body.id, token)).body.code).toBe('export_not_found')
  expect((await day.send('GET', '/v1/reports', token)).body.items).toEqual([])
  expect((await day.send('POST', `/v1/exports/${body.id}/links`, token, {})).body.code).toBe('export_not_found')
})

test('a job that was cut off after it put its bytes is done again, and nothing of it outlives the report', async () => {
  await rest()
  const { body } = await start('audit', { format: 'csv' })
  const { runtime } = day.server.holdfast
  const objects = (await runtime.services.objects()).tenant(day.owner.tenantId)
  const left = Buffer.from('sequence')
  const described = { size: left.byteLength, sha256: createHash('sha256').update(left).digest('hex'), type: 'text/csv' }
  for (const key of [`exports/${body.id}.csv`, `exports/${body.id}-1.csv`]) await objects.put(key, left, described)
  work()
  await expect.poll(async () => (await read(body.id)).body.state, { timeout: 60_000 }).toBe('completed')
  expect((await read(body.id)).body.checksum).not.toBe(described.sha256)
  await rest()
  const { realMs } = runtime.clock
  runtime.clock.realMs = () => realMs() + 8 * 86_400_000
  try {
    work()
    await expect.poll(async () => (await objects.list(`exports/${body.id}`)).items, { timeout: 60_000 }).toEqual([])
  } finally {
    await rest()
    runtime.clock.realMs = realMs
  }
})

test('a report whose job is stopped says so', async () => {
  await rest()
  const { body } = await start('audit', { format: 'csv' })
  expect((await day.send('POST', `/v1/jobs/${body.jobId}/cancel`, day.owner.token)).status).toBeLessThan(300)
  expect((await read(body.id)).body).toMatchObject({ state: 'failed', downloadUrl: null, problem: expect.any(String) })
})
