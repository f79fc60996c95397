/** The lines of a CSV file (RFC 4180), with commas or semicolons. */
export function readCsv(source: string): string[][] {
  const given = source.replace(/^\uFEFF/, '')
  const comma = (given.split('\n', 1)[0]?.split(';').length ?? 0) > (given.split('\n', 1)[0]?.split(',').length ?? 0) ? ';' : ','
  const lines: string[][] = []
  let line: string[] = []
  let cell = ''
  let isQuoted = false
  for (let at = 0; at < given.length; at += 1) {
    const letter = given[at] as string
    if (isQuoted) {
      if (letter !== '"') cell += letter
      else if (given[at + 1] === '"') {
        cell += '"'
        at += 1
      } else isQuoted = false
    } else if (letter === '"' && cell === '') isQuoted = true
    else if (letter === comma) {
      line.push(cell)
      cell = ''
    } else if (letter === '\n') {
      lines.push([...line, cell.replace(/\r$/, '')])
      line = []
      cell = ''
    } else cell += letter
  }
  if (cell !== '' || line.length > 0) lines.push([...line, cell])
  return lines.filter((each) => each.some((one) => one.trim() !== ''))
}

/** Cells as a CSV text (RFC 4180). */
export const writeCsv = (lines: readonly (readonly string[])[]): string =>
  lines.map((line) => line.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')).join('\r\n')
