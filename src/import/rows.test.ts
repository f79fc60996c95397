import { expect, test } from 'vitest'
import { longestLine } from './lines.ts'
import { rowsOf, type SourceRow, surveyOf } from './rows.ts'
import type { Format, Source } from './source.ts'

/** A source that hands its text out in pieces of `size` characters. */
const textSource = (text: string, size = text.length + 1): Source => ({
  file: null,
  async *pieces() {
    for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
  },
})

async function read(text: string, { format = 'csv', size }: { format?: Format; size?: number } = {}) {
  const rows: SourceRow[] = []
  const ignored = new Set<string>()
  for await (const list of rowsOf(textSource(text, size), format, ignored)) rows.push(...list)
  return { rows, ignored: [...ignored] }
}

const said = (row: SourceRow) =>
  'problem' in row ? `${row.row}: ${row.problem.field} ${row.problem.message}` : `${row.row}: ${row.values.username}`
const summary = async (text: string, options = {}) => (await read(text, options)).rows.map(said)

test.each([
  ['name,email\nx,y\n', /username/],
  ['1,2,3\n', /username/],
  ['username,user_name\n', /Two columns mean username/],
  ['"username\n', /username/],
])('refuses a CSV text that begins with %j', async (text, message) => {
  await expect(read(text)).rejects.toThrow(message)
})

test('refuses a row with too few or too many fields, and no other', async () => {
  expect(await summary('username,email\na\nb,b@x.org\nc,c@x.org,\nd,\n')).toEqual([
    '1: row has 1 field where the first line names 2',
    '2: b',
    '3: row has 3 fields where the first line names 2',
    '4: d',
  ])
})

test('refuses a row with a quote inside or behind a field, and no other', async () => {
  expect(await summary('username,email\na,x"y\nb,"x"y\nc,"x ""y"""\n')).toEqual([
    '1: row has a quote inside a field that does not begin with one',
    '2: row has text after a closing quote',
    '3: c',
  ])
})

test('loses one row to a quote that is never closed, and no other', async () => {
  expect(await summary('username,email\na,"x\nb,y\nc,z')).toEqual(['1: row opens a quote that is not closed', '2: b', '3: c'])
})

test('loses one row to an open quote, though a later row closes it', async () => {
  expect(await summary('username,email\na,"x\nb,y\n"c","z"\nd,"q\n')).toEqual([
    '1: row opens a quote that is not closed',
    '2: b',
    '3: c',
    '4: row opens a quote that is not closed',
  ])
  expect(await summary('username,email\na,"x\nb,y"\nc,z\n')).toEqual(['1: a', '2: c']) // a field of two lines: nobody can tell
})

test('does not look for a closing quote beyond 64 KiB', async () => {
  const lines = Array.from({ length: 2000 }, (_, at) => `user${at},${'x'.repeat(60)}`)
  const rows = await summary(`username,email\na,"x\n${lines.join('\n')}\nz,"end\n`)
  expect(rows).toHaveLength(2002)
  expect(rows[0]).toBe('1: row opens a quote that is not closed')
  expect(rows.filter((row) => row.includes('row '))).toHaveLength(2)
})

test('refuses a line that is too long, and no other', async () => {
  const long = 'x'.repeat(longestLine)
  expect(await summary(`username,email\na,${long}\nb,y\n`, { size: 100_000 })).toEqual(['1: row is too long', '2: b'])
  expect(await summary(`{"username":"${long}"}\n{"username":"b"}`, { format: 'ndjson' })).toEqual(['1: row is too long', '2: b'])
})

test.each([
  ['{"username":', 'row is not JSON'],
  ['nothing', 'row is not JSON'],
  ['[1]', 'row is not a JSON object'],
  ['null', 'row is not a JSON object'],
  ['"text"', 'row is not a JSON object'],
  ['{"fullName":"a","full_name":"b"}', 'fullName is given twice'],
])('refuses the NDJSON line %j, and no other', async (line, problem) => {
  expect(await summary(`{"username":"a"}\n${line}\n\n{"username":"b"}`, { format: 'ndjson' })).toEqual(['1: a', `2: ${problem}`, '3: b'])
})

test('reads RFC 4180: byte-order mark, both line ends, quotes, line ends within fields', async () => {
  const { rows } = await read('username,full_name\r\na,"x, ""y""\r\nz"\r\nb,\n"c","d"')
  expect(rows.map((row) => 'values' in row && [row.row, row.line, row.values.username, row.values.fullName])).toEqual([
    [1, 2, 'a', 'x, "y"\r\nz'],
    [2, 4, 'b', ''],
    [3, 5, 'c', 'd'],
  ])
})

test('reads the same however the text is cut into pieces', async () => {
  const text = 'username,full_name\r\n\r\na,"x, ""y""\nz"\nb,"open\n,,\n ,\nc,d'
  const whole = await read(text)
  for (let size = 1; size < text.length; size++) expect(await read(text, { size })).toEqual(whole)
  expect(whole.rows.map(said)).toEqual([
    '1: a',
    '2: row opens a quote that is not closed',
    '3: row has 3 fields where the first line names 2',
    '4: c',
  ])
})

test('takes columns in any order, in any case, with any separator', async () => {
  const { rows } = await read('IS_ACTIVE;Password Hash;fullName;USER-NAME;Manager.Id\nno;h;n;u;m\n')
  expect(rows).toEqual([
    {
      row: 1,
      line: 2,
      values: expect.objectContaining({ isActive: 'no', passwordHash: 'h', fullName: 'n', username: 'u', managerId: 'm' }),
    },
  ])
  expect(await summary('email\tusername\nx\ty')).toEqual(['1: y'])
})

test('tells which columns and keys it does not know', async () => {
  expect((await read('username,shoe size,email\na,1,\n')).ignored).toEqual(['shoe size'])
  expect((await read('{"username":"a","__proto__":1,"hat":2}\n{"hat":3}', { format: 'ndjson' })).ignored).toEqual(['__proto__', 'hat'])
})

test('has no rows in an empty text', async () => {
  expect(await summary('')).toEqual([])
  expect(await summary('\n \n')).toEqual([])
  expect(await summary('username\n')).toEqual([])
  expect(await summary('', { format: 'ndjson' })).toEqual([])
})

test('knows the highest number before the first row is read', async () => {
  expect(await surveyOf(textSource('username,number\na,7\nb,x\nc,\nd,12\n'), 'csv')).toEqual({ rows: 4, highest: 12 })
  expect(await surveyOf(textSource('{"username":"a","Number":7}\n{"username":"b"}\n'), 'ndjson')).toEqual({ rows: 2, highest: 7 })
  expect(await surveyOf(textSource('username\na\n\nb'), 'csv')).toEqual({ rows: 2, highest: 0 })
})
