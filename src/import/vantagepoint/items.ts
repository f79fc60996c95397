import { AppError } from '../../kernel/errors.ts'
import { type Source, sourceProblem } from '../source.ts'
import { readNumber } from '../values.ts'
import { plain } from './attributes.ts'

/** One item of a file; `row` is its place among the items, from 1. Attribute values are plain. */
export type Item = { row: number } & ({ value: Readonly<Record<string, unknown>> } | { problem: string })

/** Everything is checked before anything is written, so a file is read whole. Larger ones are to be divided. */
const longestFile = 256 * 1024 * 1024

/** The items of a JSON array, of an `{"Items":[…]}` document, or of one object a line. Errors: `import_not_json` for a document that is none of these, `import_source` for one that is too large. */
export async function itemsOf(source: Source): Promise<Item[]> {
  let text = ''
  for await (const piece of source.pieces()) {
    text += piece
    if (text.length > longestFile)
      throw sourceProblem(`${source.file ?? 'The text'} is larger than 256 MiB. Divide it and import the parts one after another.`)
  }
  return (documentOf(text, source.file ?? 'The text') ?? linesOf(text)).map((value, at) => itemOf(value, at + 1))
}

/** The highest id of all items, good or bad. */
export function highestId(items: readonly Item[]): number {
  let highest = 0
  for (const item of items) if ('value' in item) highest = Math.max(highest, readNumber(item.value.id) ?? 0)
  return highest
}

/** The items of a document, or null where every line is to be read by itself. */
function documentOf(text: string, name: string): unknown[] | null {
  const start = text.trimStart()
  if (start === '') return []
  const document = parsed(text)
  if (Array.isArray(document)) return document
  if (isObject(document)) return Array.isArray(document.Items) ? document.Items : [document]
  const [firstLine = ''] = start.split('\n', 1)
  const isLines = start.startsWith('{') && !/^\{\s*"Items"\s*:/.test(start) && firstLine.trimEnd() !== '{'
  if (document === undefined && isLines) return null
  throw new AppError(
    'unprocessable',
    'import_not_json',
    `${name} is not JSON: it must be an array, a document {"Items":[…]}, or one object a line.`,
  )
}

const linesOf = (text: string): unknown[] =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(parsed)

function itemOf(given: unknown, row: number): Item {
  if (given === undefined) return { row, problem: 'is not JSON' }
  if (!isObject(given)) return { row, problem: 'is not an object' }
  const item = isObject(given.Item) ? given.Item : given
  return { row, value: Object.fromEntries(Object.entries(item).map(([name, value]) => [name, plain(value)])) }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
