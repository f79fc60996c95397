/** A physical line without its `\n`, numbered from 1. One that is too long comes without its text. */
export type Line = { line: number; text: string; isTooLong: boolean }

export const longestLine = 1024 * 1024

/** Divides pieces of text into lines, a list for each piece. Holds one piece and one line at a time, however long a line goes on. */
async function* listsOf(pieces: AsyncIterable<string>): AsyncGenerator<Line[]> {
  let line = 0
  let rest = ''
  const next = (text: string): Line => {
    line += 1
    return text.length > longestLine ? { line, text: '', isTooLong: true } : { line, text, isTooLong: false }
  }
  for await (const piece of pieces) {
    const lines: Line[] = []
    let start = 0
    for (let end = piece.indexOf('\n'); end !== -1; end = piece.indexOf('\n', start)) {
      lines.push(next(rest + piece.slice(start, end)))
      rest = ''
      start = end + 1
    }
    rest = rest.length > longestLine ? rest : rest + piece.slice(start)
    if (lines.length > 0) yield lines
  }
  if (rest !== '') yield [next(rest)]
}

/** Lines to be taken one by one. Those that were taken can be put back, to be taken once more. */
export type Lines = {
  /** Whether a line is there to take. */
  ready(): boolean
  /** Reads on. Says no at the end. Only when no line is there. */
  readOn(): Promise<boolean>
  /** The next line. Only when one is there. */
  take(): Line
  putBack(lines: readonly Line[]): void
}

export function linesOf(pieces: AsyncIterable<string>): Lines {
  const lists = listsOf(pieces)
  let back: Line[] = []
  let list: Line[] = []
  let at = 0

  return {
    ready: () => back.length > 0 || at < list.length,
    async readOn() {
      const { done, value } = await lists.next()
      list = done === true ? [] : value
      at = 0
      return list.length > 0
    },
    take() {
      const line = back.pop() ?? list[at++]
      if (line === undefined) throw new Error('There is no line to take')
      return line
    },
    putBack(lines) {
      back = [...back, ...lines.toReversed()]
    },
  }
}

/** The next line that is not blank, or null at the end. */
export async function firstLine(lines: Lines): Promise<string | null> {
  while (lines.ready() || (await lines.readOn())) {
    const { text } = lines.take()
    if (!isBlank(text)) return text
  }
  return null
}

export const isBlank = (text: string): boolean => text.trim() === ''
