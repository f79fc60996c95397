import { AppError } from '../kernel/errors.ts'
import { plain } from './attributes.ts'
import { type Source, sourceProblem } from './source.ts'
import { readNumber } from './values.ts'

/** One item of a file; `row` is its place among the items, from 1. Attribute values are plain. */
export type Item = { row: number } & ({ value: Readonly<Record<string, unknown>> } | { problem: string })

/** Everything is checked before anything is written, so a file is read whole. Larger ones are to be divided. */
const longestFile = 256 * 1024 * 1024

export type Items = {
  items: Item[]
  /** The file says that it is one page of several, and not the last. */
  isPartial: boolean
}

/**
 * The items of a JSON array, of `{"Items":[…]}` documents, or of one object a line.
 * Errors: `import_not_json` for a document that is none of these, `import_source` for one that is too large.
 */
export async function itemsOf(source: Source): Promise<Items> {
  const name = source.file ?? 'The text'
  let text = ''
  for await (const piece of source.pieces()) {
    text += piece
    if (text.length > longestFile) throw sourceProblem(`${name} is larger than 256 MiB. Divide it and import the parts one after another.`)
  }
  const documents = documentsOf(text, name)
  const last = documents.at(-1)
  return {
    items: documents
      .flatMap((one) => (isObject(one) && Array.isArray(one.Items) ? one.Items : [one]))
      .map((value, at) => itemOf(value, at + 1)),
    isPartial: isObject(last) && Array.isArray(last.Items) && isObject(last.LastEvaluatedKey),
  }
}

/** The highest id of all items, good or bad. */
export function highestId(items: readonly Item[]): number {
  let highest = 0
  for (const item of items) if ('value' in item) highest = Math.max(highest, readNumber(item.value.id) ?? 0)
  return highest
}

/** The elements of an array, a document, or what every line is by itself: undefined where that is no JSON. */
function documentsOf(text: string, name: string): unknown[] {
  const start = text.trimStart()
  if (start === '') return []
  const document = parsed(text)
  if (Array.isArray(document)) return document
  if (isObject(document)) return [document]
  const [firstLine = ''] = start.split('\n', 1)
  const isPrinted = firstLine.trimEnd() === '{' || (/^\{\s*"Items"\s*:/.test(start) && parsed(firstLine) === undefined)
  if (document === undefined && start.startsWith('{') && !isPrinted)
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map(parsed)
  throw new AppError(
    'unprocessable',
    'import_not_json',
    `${name} is not JSON: it must be an array, a document {"Items":[…]}, or one object a line.`,
  )
}

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
