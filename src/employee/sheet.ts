import { CsvError } from 'csv-parse'
import { parse } from 'csv-parse/sync'
import { AppError } from '../kernel/errors.ts'

/** A row with something in it. `row` is its line in the sheet; headings are line 1. */
export type SheetRow = { row: number; cells: Readonly<Record<string, string>> }

export const mostRows = 2_000
/** A workbook is a ZIP: what it says it unpacks to is bounded before anything is unpacked. */
const mostUnpackedBytes = 64 * 1024 * 1024

/** The one refusal of what is no sheet. */
export const noSheet = (why?: string): AppError =>
  new AppError(
    'unprocessable',
    'upload_format',
    'Upload an .xlsx or .csv file',
    why === undefined ? {} : { errors: [{ field: 'file', message: why }] },
  )

type Cell = string | number | boolean | object | null

/** The first sheet of a workbook, or a CSV text: its headings, and its rows by heading. Formulas are never evaluated. Errors: `upload_format`. */
export async function readSheet(file: { name: string; bytes: Buffer }): Promise<{ headings: string[]; rows: SheetRow[] }> {
  const table = /\.xlsx$/i.test(file.name) ? await workbook(file.bytes) : /\.csv$/i.test(file.name) ? csv(file.bytes) : null
  if (table === null) throw noSheet()
  const [first = [], ...rest] = table
  const headings = first.map((cell) => textOf(cell))
  const rows = rest.flatMap((cells, at): SheetRow[] => {
    const texts = cells.map(textOf)
    if (texts.every((text) => text.trim() === '')) return []
    return [{ row: at + 2, cells: Object.fromEntries(headings.map((heading, column) => [heading, texts[column] ?? ''])) }]
  })
  if (rows.length > mostRows) throw noSheet(`has ${rows.length} rows; at most ${mostRows} are taken`)
  return { headings, rows }
}

/** A number counts as its integer text; a date as its day. */
function textOf(cell: Cell | undefined): string {
  if (cell === null || cell === undefined) return ''
  if (cell instanceof Date) return Number.isNaN(cell.getTime()) ? '' : cell.toISOString().slice(0, 10)
  return String(cell)
}

const integerText = (text: string): string => (Number.isInteger(Number(text)) ? BigInt(Number(text)).toString() : text)

async function workbook(bytes: Buffer): Promise<Cell[][]> {
  if (unpackedBytes(bytes) > mostUnpackedBytes) throw noSheet('unpacks to more than a sheet of 2,000 rows could hold')
  // five megabytes that a server without such uploads does without
  const { default: readXlsx } = await import('read-excel-file/node')
  try {
    const [sheet] = await readXlsx(bytes, { parseNumber: integerText })
    return (sheet?.data ?? []) as Cell[][]
  } catch (cause) {
    throw new AppError('unprocessable', 'upload_format', noSheet().message, { cause })
  }
}

/** What the entries of a ZIP unpack to, as its central directory says (APPNOTE.TXT 4.3.12). Errors: `upload_format` for what is no ZIP. */
function unpackedBytes(bytes: Buffer): number {
  const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  if (end === -1 || end + 22 > bytes.length || bytes.readUInt32BE(0) !== 0x504b0304) throw noSheet()
  let total = 0
  for (let at = bytes.readUInt32LE(end + 16), left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    if (at + 46 > bytes.length || bytes.readUInt32BE(at) !== 0x504b0102) throw noSheet()
    total += bytes.readUInt32LE(at + 24)
    at += 46 + bytes.readUInt16LE(at + 28) + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32)
  }
  return total
}

function csv(bytes: Buffer): Cell[][] {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new AppError('unprocessable', 'upload_format', noSheet().message, { cause })
  }
  if (text.includes('\0')) throw noSheet()
  try {
    return parse(text, { relax_column_count: true, skip_empty_lines: false })
  } catch (cause) {
    if (cause instanceof CsvError) throw new AppError('unprocessable', 'upload_format', noSheet().message, { cause })
    throw cause
  }
}
