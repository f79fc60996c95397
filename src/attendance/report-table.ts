/** A report before it has a form: one line a row. */
export type Table = {
  title: string
  /** Under the title: what the report is about. */
  about: string
  columns: readonly { name: string /** Share of the width of a page. */; share: number }[]
  rows: readonly (readonly (string | number | boolean | null)[])[]
}

const textOf = (value: string | number | boolean | null): string =>
  value === null ? '' : typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value)

/** The cells of a row as texts. */
export const cellsOf = (row: Table['rows'][number]): string[] => row.map(textOf)

/** What a spreadsheet would take for a formula and run. Numbers and pairs of them are none. */
const formula = /^[=+\-@\t\r]/
const plain = /^-?\d+(\.\d+)?(,-?\d+(\.\d+)?)?$/

function quoted(text: string): string {
  const safe = formula.test(text) && !plain.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** RFC 4180, with a byte order mark, so that spreadsheets know that it is UTF-8. Texts that would run as formulas begin with an apostrophe. */
export function csvOf({ columns, rows }: Table): string {
  const lines = [columns.map(({ name }) => name), ...rows.map(cellsOf)]
  return `\uFEFF${lines.map((cells) => `${cells.map(quoted).join(',')}\r\n`).join('')}`
}
