import { editOp, insertOp, removeOp, replaceOp } from 'ot-json1'
import { type ChecklistDocument, itemFrom, sectionFrom } from '../checklist/shape.ts'
import { invalidOperation } from './check.ts'
import { apply, compose, type Op } from './json1.ts'
import { inOrder, positionBetween, positionsFor } from './position.ts'
import { valueAt } from './touched.ts'

/** One operation of the REST door: it names entries by id (contracts/prework.md, section 8). */
export type DoorOp = {
  type: 'update' | 'insert' | 'delete' | 'move'
  path: string
  newValue?: unknown
  oldValue?: unknown
  id?: string | undefined
  afterId?: string | null | undefined
  sectionId?: string | undefined
  value?: unknown
  pos?: number | undefined
  text?: string | undefined
  len?: number | undefined
}

const texts: Readonly<Record<string, readonly string[]>> = {
  '': ['title', 'description'],
  sections: ['title', 'description'],
  items: ['text', 'description', 'notes'],
}
const isMap = (path: string): path is 'sections' | 'items' => path === 'sections' || path === 'items'
const bags = new Set(['customFields', 'attachments'])

/** What operations one after the other do to a document, as one json1 operation. Errors: `invalid_operation` naming the one that does not fit. */
export function compile(document: ChecklistDocument, ops: readonly DoorOp[], prefixes: readonly string[]): Op {
  let whole: Op = null
  let now = document
  for (const [index, given] of ops.entries()) {
    try {
      const prefix = prefixes.find((one) => given.path.startsWith(`${one}.`))
      const path = prefix === undefined ? given.path : given.path.slice(prefix.length + 1)
      const op = one(now, { ...given, path })
      if (op === null) continue
      now = apply(now, op)
      whole = whole === null ? op : compose(whole, op)
    } catch (error) {
      throw invalidOperation(`ops.${index}: ${error instanceof Error ? error.message : 'does not fit the document'}`)
    }
  }
  return whole
}

function one(document: ChecklistDocument, op: DoorOp): Op {
  if (op.type === 'update') return update(document, op)
  if (op.type === 'move') return move(document, op)
  if (isMap(op.path)) return op.type === 'insert' ? insertEntry(document, op.path, op) : removeEntry(document, op.path, op)
  return typed(document, op)
}

type Place = { path: string[]; isText: boolean; isEntryOfBag: boolean }

/** Where a path leads: a text, a register, or an entry of a bag. */
function placeOf(document: ChecklistDocument, given: string): Place {
  const [top = '', id = '', ...rest] = given.split('.')
  if (isMap(top)) {
    const [field = '', ...key] = rest
    const entry = valueAt(document, [top, id])
    if (entry === undefined || field === '' || !Object.hasOwn(entry as object, field)) throw new Error(`there is no ${given}`)
    return inside([top, id, field], key, texts[top] ?? [])
  }
  if (!Object.hasOwn(document, top)) throw new Error(`there is no ${given}`)
  return inside(
    [top],
    [id, ...rest].filter((part, index) => index > 0 || part !== ''),
    texts[''] ?? [],
  )
}

function inside(path: string[], key: string[], texted: readonly string[]): Place {
  const field = path.at(-1) ?? ''
  if (key.length === 0) return { path, isText: texted.includes(field), isEntryOfBag: false }
  if (!bags.has(field)) throw new Error(`${path.join('.')} has no parts`)
  return { path: [...path, key.join('.')], isText: false, isEntryOfBag: true }
}

function update(document: ChecklistDocument, { path: given, newValue }: DoorOp): Op {
  const { path, isText, isEntryOfBag } = placeOf(document, given)
  if (newValue === undefined) throw new Error('newValue is required')
  if (isText && typeof newValue !== 'string') throw new Error(`${given} is a text`)
  const before = valueAt(document, path)
  if (isEntryOfBag && newValue === null) return before === undefined ? null : (removeOp(path, before as never) as Op)
  if (JSON.stringify(before) === JSON.stringify(newValue)) return null
  return (before === undefined ? insertOp(path, newValue as never) : replaceOp(path, before as never, newValue as never)) as Op
}

function typed(document: ChecklistDocument, { type, path: given, pos, text, len }: DoorOp): Op {
  const { path, isText } = placeOf(document, given)
  if (!isText) throw new Error(`${given} is no text`)
  const length = [...String(valueAt(document, path))].length
  if (pos === undefined || pos > length) throw new Error('pos lies outside the text')
  const skip = pos === 0 ? [] : [pos]
  if (type === 'insert') {
    if (text === undefined) throw new Error('text is required')
    return text === '' ? null : (editOp(path, 'text-unicode', [...skip, text] as never) as Op)
  }
  if (len === undefined) throw new Error('len is required')
  if (pos + len > length) throw new Error('len lies outside the text')
  return len === 0 ? null : (editOp(path, 'text-unicode', [...skip, { d: len }] as never) as Op)
}

type Sibling = { id: string; position: string }

/** The entries that one stands among: all sections, or the items of one section. */
function siblings(document: ChecklistDocument, map: 'sections' | 'items', sectionId: string | undefined, but?: string): Sibling[] {
  const all =
    map === 'sections'
      ? Object.entries(document.sections)
      : Object.entries(document.items).filter(([, each]) => each.sectionId === sectionId)
  return all
    .map(([id, { position }]) => ({ id, position }))
    .filter(({ id }) => id !== but)
    .sort(inOrder)
}

/** A position after an entry, null = first, undefined = last. Where there is no room left, the others get new ones. */
function placed(map: 'sections' | 'items', among: Sibling[], afterId: string | null | undefined): { position: string; moved: Op } {
  const at = afterId === null ? 0 : afterId === undefined ? among.length : among.findIndex(({ id }) => id === afterId) + 1
  if (at === 0 && afterId !== null) throw new Error(`there is no ${afterId} to come after`)
  const position = positionBetween(among[at - 1]?.position ?? null, among[at]?.position ?? null)
  if (position !== null) return { position, moved: null }
  const fresh = positionsFor(among.length + 1)
  let moved: Op = null
  for (const [index, { id, position: before }] of among.entries()) {
    const next = fresh[index < at ? index : index + 1] ?? before
    if (next !== before) moved = compose(moved, replaceOp([map, id, 'position'], before as never, next as never) as Op)
  }
  return { position: fresh[at] ?? '', moved }
}

function insertEntry(document: ChecklistDocument, map: 'sections' | 'items', { id, afterId, value }: DoorOp): Op {
  if (id === undefined || !/^[A-Za-z0-9_-]{1,64}$/.test(id)) throw new Error('id must be 1 to 64 of A-Z a-z 0-9 _ -')
  if (Object.hasOwn(document[map], id)) throw new Error(`there is a ${map}.${id} already`)
  if (typeof value !== 'object' || value === null) throw new Error('value is required')
  const sectionId = map === 'items' ? (value as { sectionId?: unknown }).sectionId : undefined
  if (map === 'items' && (typeof sectionId !== 'string' || !Object.hasOwn(document.sections, sectionId)))
    throw new Error('value.sectionId must name a section')
  const { position, moved } = placed(map, siblings(document, map, sectionId as string | undefined), afterId)
  const entry = map === 'sections' ? sectionFrom(value, position) : itemFrom(value, String(sectionId), position)
  return compose(moved, insertOp([map, id], entry as never) as Op)
}

function removeEntry(document: ChecklistDocument, map: 'sections' | 'items', { id = '' }: DoorOp): Op {
  if (!Object.hasOwn(document[map], id)) throw new Error(`there is no ${map}.${id}`)
  let op = removeOp([map, id]) as Op
  if (map === 'items') return op
  for (const [itemId, { sectionId }] of Object.entries(document.items))
    if (sectionId === id) op = compose(op, removeOp(['items', itemId]) as Op)
  return op
}

function move(document: ChecklistDocument, { path: map, id = '', afterId, sectionId }: DoorOp): Op {
  if (!isMap(map)) throw new Error('only sections and items are moved')
  if (!Object.hasOwn(document[map], id)) throw new Error(`there is no ${map}.${id}`)
  if (afterId === id) throw new Error('an entry does not come after itself')
  const from = map === 'items' ? document.items[id]?.sectionId : undefined
  const to = map === 'items' ? (sectionId ?? from) : undefined
  if (map === 'items' && to !== from && !Object.hasOwn(document.sections, to ?? '')) throw new Error('sectionId must name a section')
  const { position, moved } = placed(map, siblings(document, map, to, id), afterId)
  const before = document[map][id]?.position
  let op = before === position ? moved : compose(moved, replaceOp([map, id, 'position'], before as never, position as never) as Op)
  if (to !== from) op = compose(op, replaceOp(['items', id, 'sectionId'], from as never, to as never) as Op)
  return op
}
