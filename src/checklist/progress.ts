import { type ChecklistDocument, type Item, isComplete, laidOut, type Precondition } from './shape.ts'

type Unmet = { id: string; isComplete: boolean; locked: boolean; unmet: string[] }
export type Progress = {
  progress: number
  total: number
  completed: number
  compliance: 'compliant' | 'non_compliant'
  sections: (Unmet & { completedCount: number; totalCount: number })[]
  items: Unmet[]
}

/** The items that count: one whose section is gone is shown nowhere and counts nowhere (section 8). */
export const itemsOf = ({ sections, items }: ChecklistDocument): Item[] =>
  Object.values(items).filter(({ sectionId }) => Object.hasOwn(sections, sectionId))

const itemOf = ({ sections, items }: ChecklistDocument, id: string): Item | undefined => {
  const item = Object.hasOwn(items, id) ? items[id] : undefined
  return item !== undefined && Object.hasOwn(sections, item.sectionId) ? item : undefined
}

/** Per cent of the items that are not skipped, halves up; 0 of none (contracts/prework.md section 6). */
export function percentOf(document: ChecklistDocument): number {
  const counted = itemsOf(document).filter(({ skipped }) => skipped === null)
  const checked = counted.filter((item) => item.checked).length
  return counted.length === 0 ? 0 : Math.floor((checked * 200 + counted.length) / (2 * counted.length))
}

type Moment = { createdMs: number; nowMs: number }

/** How far a checklist is, and what stands in the way of what. */
export function progressOf(document: ChecklistDocument, moment: Moment): Progress {
  const all = itemsOf(document)
  const sections = laidOut(document).map(({ id, section, items }) => {
    const completedCount = items.filter(([, item]) => isComplete(item)).length
    const unmet = section.preConditions.filter((one) => !isMet(document, one, moment)).map(({ errorMessage }) => errorMessage)
    return { id, isComplete: completedCount === items.length, locked: unmet.length > 0, unmet, completedCount, totalCount: items.length }
  })
  const items = laidOut(document).flatMap((section) =>
    section.items.map(([id, item]) => {
      const unmet = unmetOf(document, item.dependencies)
      return { id, isComplete: isComplete(item), locked: unmet.length > 0, unmet }
    }),
  )
  return {
    progress: percentOf(document),
    total: all.length,
    completed: all.filter(isComplete).length,
    compliance: all.every(({ checked, isRequired }) => checked || !isRequired) ? 'compliant' : 'non_compliant',
    sections,
    items,
  }
}

const unmetOf = (document: ChecklistDocument, ids: readonly string[]): string[] =>
  ids.filter((id) => {
    const item = itemOf(document, id)
    return item !== undefined && !isComplete(item)
  })

function isMet(document: ChecklistDocument, { type, targetId, value }: Precondition, { createdMs, nowMs }: Moment): boolean {
  switch (type) {
    case 'item_completed': {
      const item = itemOf(document, targetId ?? '')
      return item === undefined || isComplete(item)
    }
    case 'section_completed':
      return itemsOf(document).every((item) => item.sectionId !== targetId || isComplete(item))
    case 'time_elapsed':
      return nowMs - createdMs >= (value ?? 0) * 60_000
    case 'custom':
      return true
  }
}

export type Unready = { field: string; code: 'required' | 'photo' | 'notes' | 'dependency' | 'precondition'; message: string }

/** Everything that keeps a checklist from being submitted (section 7). `hasPhoto` says whether an item's attachments hold a confirmed image or video. */
export function unreadyOf(document: ChecklistDocument, moment: Moment, hasPhoto: (attachments: readonly string[]) => boolean): Unready[] {
  const found: Unready[] = []
  for (const { id: sectionId, section, items } of laidOut(document)) {
    for (const [field, item] of items) {
      if (item.isRequired && !item.checked) found.push({ field, code: 'required', message: 'must be checked' })
      if (!item.checked) continue
      if (item.requiresPhoto && !hasPhoto(Object.keys(item.attachments))) found.push({ field, code: 'photo', message: 'needs a photo' })
      if (item.requiresNotes && item.notes.trim() === '') found.push({ field, code: 'notes', message: 'needs notes' })
      const unmet = unmetOf(document, item.dependencies)
      if (unmet.length > 0) found.push({ field, code: 'dependency', message: `depends on ${unmet.join(', ')}` })
    }
    if (!items.some(([, item]) => item.checked)) continue
    for (const one of section.preConditions)
      if (!isMet(document, one, moment)) found.push({ field: sectionId, code: 'precondition', message: one.errorMessage })
  }
  return found
}
