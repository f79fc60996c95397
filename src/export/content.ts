import type { ChecklistRow, LiveDocumentRow } from '../checklist/entity.ts'
import type { ChecklistDocument, Item } from '../checklist/shape.ts'
import { laidOut } from '../checklist/shape.ts'
import { type Signed, signedWords } from './signatures.ts'

/** What an export is made of: a checklist, its submission and its document as they are at one moment. */
export type Content = {
  tenantName: string
  row: ChecklistRow
  live: LiveDocumentRow
  document: ChecklistDocument
  version: number
  checksum: string
  progress: number
  exportedAt: string
  /** The signed items. */
  signatures: ReadonlyMap<string, Signed>
  /** Of the people whom the history names, by id. */
  names: ReadonlyMap<string, string>
}

/** A cell that a spreadsheet would take for a formula begins with an apostrophe (OWASP, CSV injection). */
export const guarded = (text: string): string => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text)

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

export const columns = [
  'section_id',
  'section',
  'item_id',
  'item',
  'type',
  'is_required',
  'checked',
  'skipped',
  'notes',
  'attachments',
] as const

/** A row per item, in the order of the document. The notes of a signature item end with who signed and when. */
export const rowsOf = ({ document, signatures }: Pick<Content, 'document' | 'signatures'>): string[][] =>
  laidOut(document).flatMap(({ id, section, items }) =>
    items.map(([itemId, item]) => [id, section.title, itemId, ...cellsOf(item, signatures.get(itemId))].map(guarded)),
  )

const cellsOf = ({ text, type, isRequired, checked, skipped, notes, attachments }: Item, signed: Signed | undefined): string[] => [
  text,
  type,
  String(isRequired),
  String(checked),
  skipped ?? '',
  signed === undefined ? notes : [notes, signedWords(signed)].filter((part) => part !== '').join('\n'),
  Object.entries(attachments)
    .map(([id, kind]) => `${id}:${kind}`)
    .join(' '),
]

/** RFC 4180: CRLF after every line, quotes where they are needed. */
export const csvOf = (content: Pick<Content, 'document' | 'signatures'>): Buffer =>
  Buffer.from([[...columns], ...rowsOf(content)].map((cells) => `${cells.map(quoted).join(',')}\r\n`).join(''))
