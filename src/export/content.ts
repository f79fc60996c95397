import type { ChecklistRow } from '../checklist/entity.ts'
import type { ChecklistDocument, Item } from '../checklist/shape.ts'
import { laidOut } from '../checklist/shape.ts'

/** What an export is made of: a checklist, its submission and its document as they are at one moment. */
export type Content = {
  tenantName: string
  row: ChecklistRow
  document: ChecklistDocument
  version: number
  checksum: string
  progress: number
  exportedAt: string
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

/** A row per item, in the order of the document. */
export const rowsOf = (document: ChecklistDocument): string[][] =>
  laidOut(document).flatMap(({ id, section, items }) =>
    items.map(([itemId, item]) => [id, section.title, itemId, ...cellsOf(item)].map(guarded)),
  )

const cellsOf = ({ text, type, isRequired, checked, skipped, notes, attachments }: Item): string[] => [
  text,
  type,
  String(isRequired),
  String(checked),
  skipped ?? '',
  notes,
  Object.entries(attachments)
    .map(([id, kind]) => `${id}:${kind}`)
    .join(' '),
]

/** RFC 4180: CRLF after every line, quotes where they are needed. */
export const csvOf = (document: ChecklistDocument): Buffer =>
  Buffer.from([[...columns], ...rowsOf(document)].map((cells) => `${cells.map(quoted).join(',')}\r\n`).join(''))
