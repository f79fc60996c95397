import type { ChecklistDocument } from '../checklist/shape.ts'
import type { Json } from '../kernel/canonical.ts'
import type { Op } from './json1.ts'

type Key = string | number
/** A place that an operation changes. `isTyping`: only by character, so that others may type there too. */
export type Touch = { path: readonly string[]; isTyping: boolean }

const isList = (part: unknown): part is readonly unknown[] => Array.isArray(part)

/** Every place where an operation has a component, as far down as clients address: a register, a text, or a whole entry. */
export function touchedBy(op: Op): Touch[] {
  const found = new Map<string, Touch>()
  const add = (given: readonly Key[], component: object): void => {
    const isTyping = Object.keys(component).every((key) => key === 'es')
    for (const path of addressed(given)) {
      const name = JSON.stringify(path)
      found.set(name, { path, isTyping: isTyping && found.get(name)?.isTyping !== false })
    }
  }
  const visit = (list: readonly unknown[], above: readonly Key[]): void => {
    let at = above
    for (const part of list) {
      if (isList(part)) visit(part, at)
      else if (typeof part === 'object' && part !== null) add(at, part)
      else at = [...at, part as Key]
    }
  }
  if (op !== null) visit(op, [])
  const all = [...found.values()]
  return all.filter(({ path }) => !all.some((other) => other.path.length < path.length && isWithin(path, other.path)))
}

/** The addresses that clients know for a place in the document. */
function addressed(given: readonly Key[]): string[][] {
  const path = given.map(String)
  const [top, , field, key] = path
  if (top === undefined) return ['title', 'description', 'customFields', 'sections', 'items'].map((name) => [name])
  if (top === 'customFields') return [path[1]?.includes('.') === true ? [top] : path.slice(0, 2)]
  const isBag = field === 'customFields' || field === 'attachments'
  return [path.slice(0, isBag && key?.includes('.') !== true ? 4 : 3)]
}

/** Whether a place is another, or lies in it. */
export const isWithin = (path: readonly string[], other: readonly string[]): boolean =>
  other.length <= path.length && other.every((key, index) => key === path[index])

/** Own properties alone: a document may have an item `constructor`. */
export function valueAt(document: ChecklistDocument, path: readonly string[]): unknown {
  let value: unknown = document
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

export type EditChange = { path: string; value: Json } | { path: string; removed: true }

/** What an operation changed, with the values after it: who sets them in the order of versions holds the document (contracts/prework.md, section 8). */
export const changesOf = (op: Op, document: ChecklistDocument): EditChange[] =>
  touchedBy(op).map(({ path }) => {
    const value = valueAt(document, path)
    const name = path.join('.')
    return value === undefined ? { path: name, removed: true } : { path: name, value: value as Json }
  })

type Conflict = { path: string; conflictType: 'concurrent_edit'; resolution: 'override' | 'dropped' }

/** What an operation overrode or lost among those that came since its base. Typing in one text at once is none. */
export function conflictsOf(asked: Op, committed: Op, others: readonly Op[]): Conflict[] {
  const theirs = others.flatMap(touchedBy)
  const left = touchedBy(committed)
  return touchedBy(asked).flatMap(({ path, isTyping }): Conflict[] => {
    const meets = theirs.some((other) => (isWithin(path, other.path) || isWithin(other.path, path)) && !(isTyping && other.isTyping))
    if (!meets) return []
    const isLeft = left.some((mine) => isWithin(path, mine.path) || isWithin(mine.path, path))
    return [{ path: path.join('.'), conflictType: 'concurrent_edit', resolution: isLeft ? 'override' : 'dropped' }]
  })
}
