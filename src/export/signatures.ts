import type { LiveDocumentRow } from '../checklist/entity.ts'
import type { ChecklistDocument, Item } from '../checklist/shape.ts'
import { editsBetween, type Place } from '../document/state.ts'
import { touchedBy } from '../document/touched.ts'
import { copiesOf } from '../media/images.ts'

/** Who signed and when, where the history tells it. */
export type Signed = { by: string; at: string } | null

const isDrawn = /^data:image\//
/** As much as is drawn of one signature: an item's value is much smaller, but not that of an imported document. */
const mostCharacters = 400_000
const drawing = /^data:(image\/(?:png|jpeg));base64,([A-Za-z0-9+/]+={0,2})$/

/** How many edits are read at once, and how far back at most. */
const part = 1_000
const furthest = 10_000

/** A signature item that holds a drawing, a name, a yes, or a picture of the signature. */
export const isSigned = ({ type, value, attachments }: Item): boolean =>
  type === 'signature' && ((value !== null && value !== '' && value !== false) || Object.keys(attachments).length > 0)

/** What is written of a value: of a signature neither its bytes nor that it is there. */
export function writtenValue({ type, value }: Item): string {
  const isMark = type === 'signature' && (typeof value === 'boolean' || (typeof value === 'string' && isDrawn.test(value)))
  return value === null || isMark ? '' : String(value)
}

/** In words: `Signed`, by whom and when if that is known. */
export const signedWords = (signed: Signed): string => (signed === null ? 'Signed' : `Signed by ${signed.by}, ${signed.at}`)

/**
 * The signed items of a document, each with whoever last gave it its value or pictures. Null where that was longer ago than ten thousand edits, or where the whole item was put in at once (made so, imported, brought
 * back): then nobody is known to have signed there.
 */
export async function signaturesOf(place: Place, row: LiveDocumentRow, document: ChecklistDocument): Promise<Map<string, Signed>> {
  const found = new Map<string, Signed>()
  const open = new Set(Object.entries(document.items).flatMap(([id, item]) => (isSigned(item) ? [id] : [])))
  for (const id of open) found.set(id, null)
  const least = Math.max(row.floorVersion, row.documentVersion - furthest)
  for (let to = row.documentVersion; open.size > 0 && to > least; to -= part) {
    for (const { op, userName, createdAt } of (await editsBetween(place, row, Math.max(least, to - part), to)).reverse())
      for (const { path } of touchedBy(op)) {
        const [top, id = '', field] = path
        if (top !== 'items' || !open.has(id) || (field !== undefined && field !== 'value' && field !== 'attachments')) continue
        open.delete(id)
        if (field !== undefined) found.set(id, { by: userName, at: createdAt })
      }
  }
  return found
}

/** The picture that a signature item holds as a data URL, drawn anew as photos are; null where it holds none, or what is no PNG or JPEG. Errors: `busy`, `images_unavailable`. */
export async function drawnSignature({ type, value }: Item): Promise<Uint8Array | null> {
  if (type !== 'signature' || typeof value !== 'string' || value.length > mostCharacters) return null
  const [, mime, base64] = drawing.exec(value) ?? []
  if (mime === undefined || base64 === undefined) return null
  return (await copiesOf(async () => Buffer.from(base64, 'base64'), mime))?.thumbnail ?? null
}
