import { parse } from 'csv-parse'
import { z } from 'zod'
import { AppError } from '../kernel/errors.ts'
import { parse as checked } from '../kernel/perform.ts'
import { contactFields, hasName } from './native-input.ts'

export const mostRows = 100_000

type Column = keyof typeof contactFields

const columns: Readonly<Record<string, Column>> = {
  email: 'email',
  firstname: 'firstName',
  lastname: 'lastName',
  company: 'company',
  phone: 'phone',
  leadscore: 'leadScore',
  status: 'status',
}

/** `First_Name`, `first name` and `firstName` mean the same. */
const columnOf = (header: string): Column | null =>
  columns[
    header
      .trim()
      .toLowerCase()
      .replace(/[\s_-]/g, '')
  ] ?? null

export type Fields = { [K in Column]?: z.output<(typeof contactFields)[K]> }
export type ReadRow = { row: number; fields: Fields } | { row: number; field: string; message: string }

const refused = (message: string) => new AppError('unprocessable', 'import_unreadable', message, { errors: [{ field: '', message }] })

const rowSchema = z.object(Object.fromEntries(Object.entries(contactFields).map(([field, schema]) => [field, schema.optional()])))

/** Reads a file of contacts record by record: RFC 4180, UTF-8, a header line (contracts/salesbrain.md section 8). Errors: `import_unreadable`. */
export async function* readContacts(file: Buffer, told: { ignored: string[] }): AsyncGenerator<ReadRow> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(file)
  } catch {
    throw refused('The file is not UTF-8.')
  }
  if (text.trim() === '') throw refused('The file has no header line.')
  const parser = parse(text, { bom: true, info: true, relax_column_count: true })
  let header: (Column | null)[] | null = null
  let count = 0
  let line = 1
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      const row = line
      line = info.lines + 1
      if (record.length === 1 && record[0] === '') continue
      if (header === null) {
        header = record.map(columnOf)
        told.ignored.push(...record.filter((_, at) => header?.[at] === null))
        if (header.every((column) => column === null)) throw refused('The header line names no known column.')
        const twice = header.find((column, at) => column !== null && header?.indexOf(column) !== at)
        if (twice != null) throw refused(`The header line names ${twice} twice.`)
        continue
      }
      count += 1
      if (count > mostRows) throw refused(`The file has more than ${mostRows} rows.`)
      yield readRow(row, header, record)
    }
  } catch (error) {
    if (error instanceof AppError) throw error
    throw refused(`The file cannot be read from line ${line} on: ${error instanceof Error ? error.message : 'not CSV'}`)
  }
  if (header === null) throw refused('The file has no header line.')
}

function readRow(row: number, header: readonly (Column | null)[], record: readonly string[]): ReadRow {
  if (record.length > header.length) return { row, field: '', message: 'has more cells than the header line' }
  const given: Record<string, unknown> = {}
  for (const [at, cell] of record.entries()) {
    const column = header[at]
    if (column == null || cell.trim() === '') continue
    if (cell.includes('\0')) return { row, field: column, message: 'holds a NUL character' }
    given[column] = column === 'leadScore' ? numberOf(cell) : column === 'status' ? cell.trim().toLowerCase() : cell.trim()
  }
  try {
    const fields = checked(rowSchema, given) as Fields
    if (!hasName(fields)) return { row, field: 'email', message: 'one of email, first_name, last_name and company is needed' }
    return { row, fields }
  } catch (error) {
    const [first] = error instanceof AppError ? (error.errors ?? []) : []
    if (first === undefined) throw error
    return { row, ...first }
  }
}

const numberOf = (cell: string): number | string => (/^\d{1,6}(\.\d+)?$/.test(cell.trim()) ? Number(cell) : cell)
