import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import writeXlsx from 'write-excel-file/node'
import { actionsOf } from '../../testing/log.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { anOfficer, form, officerPassword, register, said, tokenOf } from './testing/workforce.ts'

let server: TestServer
let owner: string

beforeAll(async () => {
  server = await startTestServer()
  owner = await server.signIn()
  await register(server, owner, anOfficer(1))
})
afterAll(() => server.close())

const headings = [
  'Employee ID',
  'First Name',
  'Last Name',
  'Designation',
  'Department',
  'Contact Number',
  'Email ID',
  'Password',
  'Confirm Password',
  'DCCB',
  'Reporting Manager',
]
const officer = (number: number, more: Partial<Record<string, string>> = {}): Record<string, string> => ({
  'Employee ID': `MGJ${String(number).padStart(5, '0')}`,
  'First Name': 'Asha',
  'Last Name': `Mehta ${number}`,
  Designation: 'MT',
  Department: '',
  'Contact Number': `98765${String(number).padStart(5, '0')}`,
  'Email ID': `officer${number}@example.org`,
  Password: officerPassword,
  'Confirm Password': officerPassword,
  DCCB: 'SURAT',
  'Reporting Manager': 'MGJ00001',
  ...(more as Record<string, string>),
})
const quoted = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
const csv = (rows: readonly Record<string, string>[], columns: readonly string[] = headings): string =>
  [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ''))].map((cells) => cells.map(quoted).join(',')).join('\r\n')

const upload = (file: { raw: Buffer; headers: Record<string, string> }, query = '', token = owner) =>
  server.send('POST', `/auth/bulk-upload/${query}`, { token, ...file })
const uploadCsv = (rows: readonly Record<string, string>[], query = '') => upload(form('people.csv', csv(rows)), query)
const countOf = async () => Number((await server.send('GET', '/auth/admin/employees/?role=all', { token: owner })).body.count)

describe('refused', () => {
  test.each([
    ['people.txt', 'a,b'],
    ['people.xlsx', 'no workbook'],
    ['people.xlsx', Buffer.from('PK\x03\x04 cut short', 'latin1')],
    ['people.csv', Buffer.from([0xff, 0xfe, 0x00])],
    ['people.csv', 'a,"b'],
  ])('%s of the wrong kind', async (name, bytes) => {
    expect(said(await upload(form(name, bytes)))).toEqual([400, 'Upload an .xlsx or .csv file'])
  })

  test('no form, no file, another field', async () => {
    const sentence = [400, 'Upload an .xlsx or .csv file']
    expect(said(await server.send('POST', '/auth/bulk-upload/', { token: owner, body: {} }))).toEqual(sentence)
    expect(said(await upload(form('people.csv', csv([officer(2)]), 'other')))).toEqual(sentence)
    const broken = form('people.csv', csv([officer(2)]))
    expect(said(await upload({ ...broken, raw: broken.raw.subarray(0, 300) }))).toEqual(sentence)
  })

  test('headings that are missing are named in their order', async () => {
    const file = form(
      'people.csv',
      csv(
        [officer(2)],
        headings.filter((heading) => !['Department', 'Password', 'DCCB'].includes(heading)),
      ),
    )
    expect(said(await upload(file))).toEqual([400, 'Missing required columns: Department, Password'])
  })

  test('over 5 MB is too large, and 5 MB is not', async () => {
    const pad = (bytes: number) => `${csv([officer(2)])}\r\n`.padEnd(bytes, ' ')
    expect((await upload(form('people.csv', pad(5 * 1024 * 1024 + 1)))).status).toBe(413)
    expect((await upload(form('people.csv', pad(5 * 1024 * 1024 + 80_000)))).status).toBe(413)
    expect((await upload(form('people.csv', pad(5 * 1024 * 1024)), '?dry_run=true')).status).toBe(200)
  })

  test('2,001 rows are too many, and 2,000 are not', async () => {
    const rows = Array.from({ length: 2001 }, (_, at) => officer(10_000 + at))
    const answer = await uploadCsv(rows, '?dry_run=true')
    expect([said(answer), answer.body.errors?.[0]?.message]).toEqual([
      [400, 'Upload an .xlsx or .csv file'],
      'has 2001 rows; at most 2000 are taken',
    ])
    expect((await uploadCsv(rows.slice(1), '?dry_run=true')).body).toMatchObject({ created: 0, would_create: 2000 })
  })

  test('for field officers', async () => {
    const token = await tokenOf(server, 'MGJ00001')
    expect(said(await upload(form('people.csv', 'x'), '', token))).toEqual([403, 'Access denied'])
  })

  test('whole, with every row that is wrong named by its line', async () => {
    const before = await countOf()
    const rows = [
      officer(2),
      officer(1, { 'Contact Number': '9000000001', 'Email ID': '' }),
      officer(3, { 'Contact Number': '9876500001' }),
      officer(4, { 'Email ID': 'OFFICER1@example.org' }),
      officer(2, { 'Contact Number': '9000000005', 'Email ID': 'five@example.org' }),
      officer(6, { 'Contact Number': '9876500002', 'Email ID': 'six@example.org' }),
      officer(7, { 'Email ID': 'Officer2@example.org' }),
      officer(8, { Password: 'short', 'Confirm Password': 'short' }),
      officer(9, { 'Confirm Password': 'another' }),
      officer(10, { Designation: 'Chief', DCCB: 'ATLANTIS' }),
    ]
    const answer = await uploadCsv(rows)
    expect(said(answer)).toEqual([400, 'Bulk upload refused: 9 rows have errors'])
    expect(answer.body.errors).toEqual([
      { row: 3, field: 'employee_id', message: 'Row 3: Employee ID already exists' },
      { row: 4, field: 'contact_number', message: 'Row 4: Contact number already exists' },
      { row: 5, field: 'email', message: 'Row 5: Email already exists' },
      { row: 6, field: 'employee_id', message: 'Row 6: is also that of row 2' },
      { row: 7, field: 'contact_number', message: 'Row 7: is also that of row 2' },
      { row: 8, field: 'email', message: 'Row 8: is also that of row 2' },
      { row: 9, field: 'password', message: 'Row 9: Choose a password of 12 to 1024 characters.' },
      { row: 10, field: 'password_confirmation', message: 'Row 10: Passwords do not match' },
      { row: 11, field: 'designation', message: 'Row 11: must be one of MT, DC, Support, Associate' },
      { row: 11, field: 'dccb', message: expect.stringMatching(/^Row 11: must be one of AHMEDABAD/) },
    ])
    expect(await countOf()).toBe(before)
  })
})

describe('taken', () => {
  test('a dry run says what would be, and stores nothing', async () => {
    const before = await countOf()
    expect(await actionsOf(server, async () => expect((await uploadCsv([officer(20)], '?dry_run=true')).status).toBe(200))).toEqual([])
    expect(await countOf()).toBe(before)
  })

  test('CSV with a byte order mark, quoted fields, headings in any order and blank lines, in one commit', async () => {
    const columns = [...headings].reverse()
    const text = csv(
      [officer(21, { 'Last Name': 'Mehta, "the 2nd"' }), {}, officer(22, { Designation: 'Associate', DCCB: 'Surat, KUTCH' })],
      columns,
    )
    const actions = await actionsOf(server, async () => {
      const answer = await upload(form('PEOPLE.CSV', `\uFEFF${text}\r\n\r\n`, 'file'))
      expect([answer.status, answer.body]).toEqual([
        201,
        { success: true, message: 'Successfully created 2 employee accounts', created: 2, employees: ['MGJ00021', 'MGJ00022'] },
      ])
    })
    expect(actions).toEqual(['employee.bulk-create'])
    const get = async (id: string) => (await server.send('GET', `/auth/admin/employees/${id}/`, { token: owner })).body.employee
    expect(await get('MGJ00021')).toMatchObject({ last_name: 'MEHTA, "THE 2ND"', manager_employee_id: 'MGJ00001' })
    expect(await get('MGJ00022')).toMatchObject({ dccb: null, multiple_dccb: ['SURAT', 'KUTCH'] })
    expect(await tokenOf(server, 'MGJ00021')).toMatch(/^ey/)
  })

  test('a workbook: numbers are their digits, a blank row keeps its line, a formula is its text', async () => {
    const people = [officer(31), {}, officer(32, { 'Contact Number': '12' })]
    const table = [headings, ...people.map((person: Record<string, string>) => headings.map((heading) => person[heading] ?? ''))]
    const sheet = table.map((cells) =>
      cells.map((text) =>
        /^\d+$/.test(text) ? { type: Number, value: Number(text) } : text === '' ? null : { type: String, value: text },
      ),
    )
    const bytes = await (writeXlsx(sheet as never) as unknown as { toBuffer(): Promise<Buffer> }).toBuffer()
    const answer = await upload(form('people.xlsx', bytes))
    expect(answer.body.errors).toEqual([{ row: 4, field: 'contact_number', message: 'Row 4: Must be exactly 10 digits' }])
    sheet.length = 2
    const good = await (writeXlsx(sheet as never) as unknown as { toBuffer(): Promise<Buffer> }).toBuffer()
    expect((await upload(form('people.xlsx', good))).body).toMatchObject({ created: 1, employees: ['MGJ00031'] })
  })
})
