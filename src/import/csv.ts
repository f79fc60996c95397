import { CsvError } from 'csv-parse'
import { parse } from 'csv-parse/sync'
import { batchSize } from './flow.ts'
import { isBlank, type Line, type Lines } from './lines.ts'

/** A record of a CSV text, at the line where it begins: its cells, or why it is none. */
export type CsvRecord = { line: number } & ({ cells: string[] } | { problem: string })

/** A quoted field may go over line ends, but not on and on: a quote that nobody closed must not swallow the rest of the file. */
const longestRecord = 64 * 1024

/**
 * Reads records (RFC 4180) of `width` cells, in lists. A broken line is refused by itself, and reading goes on with the next line: whatever follows an open quote is looked at again.
 * Blank lines, and lines of empty cells, are no records.
 */
export async function* csvRecords(lines: Lines, delimiter: string, width: number): AsyncGenerator<CsvRecord[]> {
  let whole: Line[] = []
  while (lines.ready() || (await lines.readOn())) {
    const line = lines.take()
    if (isBlank(line.text) && !line.isTooLong) continue
    const isWhole = !line.isTooLong && !hasOpenQuote(line.text)
    if (isWhole && whole.push(line) < batchSize) continue
    yield recordsOf(whole, delimiter, width)
    whole = []
    if (line.isTooLong) yield [{ line: line.line, problem: 'is too long' }]
    else if (!isWhole) yield [await acrossLines(line, lines, delimiter, width)]
  }
  yield recordsOf(whole, delimiter, width)
}

/** Records of one line each, parsed together; where one is broken, one by one. */
function recordsOf(lines: readonly Line[], delimiter: string, width: number): CsvRecord[] {
  const all = cellsOf(lines.map(({ text }) => text).join('\n'), delimiter)
  const fits = Array.isArray(all) && all.length === lines.length
  const records: CsvRecord[] = []
  for (const [at, { line, text }] of lines.entries()) {
    const cells = fits ? (all[at] ?? []) : oneOf(text, delimiter)
    if (typeof cells === 'string') records.push({ line, problem: cells })
    else if (cells.length !== width) records.push({ line, problem: widthProblem(cells.length, width) })
    else if (!cells.every(isBlank)) records.push({ line, cells })
  }
  return records
}

const widthProblem = (cells: number, width: number) =>
  `has ${cells} ${cells === 1 ? 'field' : 'fields'} where the first line names ${width}`

/** A record whose quoted field goes over line ends. If it is none, its first line alone is to blame. */
async function acrossLines(first: Line, lines: Lines, delimiter: string, width: number): Promise<CsvRecord> {
  const taken: Line[] = []
  let { text } = first
  while (text.length <= longestRecord && (lines.ready() || (await lines.readOn()))) {
    const more = lines.take()
    taken.push(more)
    text += `\n${more.text}`
    if (more.isTooLong) break
    if (!hasOpenQuote(more.text)) continue
    const cells = oneOf(text, delimiter)
    if (Array.isArray(cells) && cells.length === width) return { line: first.line, cells }
    break
  }
  lines.putBack(taken)
  const alone = oneOf(first.text, delimiter)
  return { line: first.line, problem: typeof alone === 'string' ? alone : 'is not valid CSV' }
}

/** The cells of a first line, or null when it cannot be parsed. */
export function headerOf(text: string, delimiter: string): string[] | null {
  const cells = oneOf(text, delimiter)
  return Array.isArray(cells) ? cells : null
}

/** Within a valid record every quote has a partner, and a line end between partners is inside a field. */
function hasOpenQuote(text: string): boolean {
  let isOpen = false
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) isOpen = !isOpen
  return isOpen
}

const oneOf = (text: string, delimiter: string): string[] | string => {
  const records = cellsOf(text, delimiter)
  return typeof records === 'string' ? records : records.length === 1 ? (records[0] ?? []) : 'is not one record'
}

const problems: Readonly<Record<string, string>> = {
  CSV_INVALID_CLOSING_QUOTE: 'has text after a closing quote',
  CSV_QUOTE_NOT_CLOSED: 'opens a quote that is not closed',
  INVALID_OPENING_QUOTE: 'has a quote inside a field that does not begin with one',
}

function cellsOf(text: string, delimiter: string): string[][] | string {
  try {
    return parse(`${text}\n`, { delimiter, relax_column_count: true, record_delimiter: ['\r\n', '\n'] })
  } catch (error) {
    if (error instanceof CsvError) return problems[error.code] ?? 'is not valid CSV'
    throw error
  }
}
