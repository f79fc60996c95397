import { AppError, type FieldError } from '../kernel/errors.ts'
import { columnNames, fieldOf, type UserField } from './columns.ts'
import { csvRecords, headerOf } from './csv.ts'
import { batchSize } from './flow.ts'
import { firstLine, isBlank, type Lines, linesOf } from './lines.ts'
import type { Format, Source } from './source.ts'
import { readNumber } from './values.ts'

export type Values = { [field in UserField]: unknown }

/** A row of a file of users. `row` counts the rows from 1, `line` the lines: a heading, blank lines and line ends within a field are lines but no rows. */
export type SourceRow = { row: number; line: number } & ({ values: Values } | { problem: FieldError })

type Read = { line: number } & ({ values: Values } | { problem: FieldError })

/** Names of columns or keys that mean nothing here: the first so many of them are told. */
const mostIgnored = 100

/** Reads the rows, in lists. `ignored` collects names that mean nothing here. Errors: `import_columns` for a CSV text whose first line does not name its columns. */
export async function* rowsOf(source: Source, format: Format, ignored: Set<string>): AsyncGenerator<SourceRow[]> {
  const lines = linesOf(source.pieces())
  let row = 0
  for await (const read of format === 'csv' ? csvRows(lines, ignored) : jsonRows(lines, ignored)) {
    yield read.map((one) => {
      row += 1
      return { row, ...one }
    })
  }
}

/** The highest number that a row has, and about how many rows there are: line ends within fields count too, unless there is a column of numbers. */
export async function surveyOf(source: Source, format: Format): Promise<{ rows: number; highest: number }> {
  const lines = linesOf(source.pieces())
  const header = format === 'csv' ? await firstLine(lines) : null
  const isNumbered = header === null ? (text: string) => /number/i.test(text) : null
  if (header !== null && columnsOf(header, new Set()).columns.includes('number')) return numbersOf(rowsOf(source, format, new Set()))
  let rows = 0
  let highest = 0
  while (lines.ready() || (await lines.readOn())) {
    const { text, isTooLong } = lines.take()
    if (isBlank(text) && !isTooLong) continue
    rows += 1
    const read = isNumbered?.(text) === true ? jsonRow(text, new Set()) : null
    if (read !== null && 'values' in read) highest = Math.max(highest, readNumber(read.values.number) ?? 0)
  }
  return { rows, highest }
}

async function numbersOf(lists: AsyncIterable<SourceRow[]>): Promise<{ rows: number; highest: number }> {
  let count = 0
  let highest = 0
  for await (const rows of lists) {
    count += rows.length
    for (const row of rows) if ('values' in row) highest = Math.max(highest, readNumber(row.values.number) ?? 0)
  }
  return { rows: count, highest }
}

const broken = (message: string) => ({ field: 'row', message })

/** All fields at once: rows of one shape are made and read much faster. */
const noValues = (): Values => ({
  username: undefined,
  email: undefined,
  fullName: undefined,
  role: undefined,
  manager: undefined,
  managerId: undefined,
  passwordHash: undefined,
  passwordSalt: undefined,
  passwordTemplate: undefined,
  password: undefined,
  isActive: undefined,
  createdAt: undefined,
  number: undefined,
})

async function* csvRows(lines: Lines, ignored: Set<string>): AsyncGenerator<Read[]> {
  const header = await firstLine(lines)
  if (header === null) return
  const { delimiter, columns } = columnsOf(header, ignored)
  const places = columns.flatMap((field, at) => (field === undefined ? [] : [{ field, at }]))
  for await (const records of csvRecords(lines, delimiter, columns.length)) {
    yield records.map((record): Read => {
      if ('problem' in record) return { line: record.line, problem: broken(record.problem) }
      const values = noValues()
      for (const { field, at } of places) values[field] = record.cells[at]
      return { line: record.line, values }
    })
  }
}

/** The comma is the standard; spreadsheets of half the world write semicolons, and some tabs. */
function columnsOf(header: string, ignored: Set<string>): { delimiter: string; columns: (UserField | undefined)[] } {
  for (const delimiter of [',', ';', '\t']) {
    const names = headerOf(header, delimiter)
    const columns = names?.map(fieldOf)
    if (names === null || !columns?.includes('username')) continue
    const twice = columns.find((field, at) => field !== undefined && columns.indexOf(field) !== at)
    if (twice !== undefined) throw columnsProblem(`Two columns mean ${twice}.`)
    for (const [at, name] of names.entries()) if (columns[at] === undefined) note(ignored, name)
    return { delimiter, columns }
  }
  throw columnsProblem(`The first line must name the columns, username among them. Known are ${columnNames}.`)
}

const columnsProblem = (message: string) => new AppError('unprocessable', 'import_columns', message)

function note(ignored: Set<string>, name: string): void {
  if (ignored.size < mostIgnored && name.trim() !== '') ignored.add(name.slice(0, 100))
}

async function* jsonRows(lines: Lines, ignored: Set<string>): AsyncGenerator<Read[]> {
  let rows: Read[] = []
  while (lines.ready() || (await lines.readOn())) {
    const { line, text, isTooLong } = lines.take()
    if (isTooLong) rows.push({ line, problem: broken('is too long') })
    else if (!isBlank(text)) rows.push({ line, ...jsonRow(text, ignored) })
    if (rows.length < batchSize) continue
    yield rows
    rows = []
  }
  yield rows
}

function jsonRow(text: string, ignored: Set<string>): { values: Values } | { problem: FieldError } {
  const object = parsed(text)
  if (object === undefined) return { problem: broken('is not JSON') }
  if (typeof object !== 'object' || object === null || Array.isArray(object)) return { problem: broken('is not a JSON object') }
  const values = noValues()
  for (const [name, value] of Object.entries(object)) {
    const field = fieldOf(name)
    if (field === undefined) note(ignored, name)
    else if (values[field] !== undefined) return { problem: { field, message: 'is given twice' } }
    else values[field] = value
  }
  return { values }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
