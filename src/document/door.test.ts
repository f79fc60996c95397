import { type as json1 } from 'ot-json1'
import { expect, test } from 'vitest'
import { randomEdit } from '../../chaos/document-edits.ts'
import { type Random, randomFrom } from '../../chaos/random.ts'
import { type ChecklistDocument, checklistData, documentOf } from '../checklist/shape.ts'
import { canonical, type Json } from '../kernel/canonical.ts'
import { checkDocument } from './check.ts'
import { compile, type DoorOp } from './compile.ts'
import { after, apply, compose, type Op } from './json1.ts'
import { inOrder, positionBetween, positionPattern, positionsFor } from './position.ts'
import { changesOf } from './touched.ts'

/** So many pairs of operations: more by night. */
const pairs = Number(process.env.HOLDFAST_PAIRS ?? 3_000)
const seed = Number(process.env.HOLDFAST_SEED ?? Date.now() % 1_000_000)

let ids = 0
const newId = () => {
  ids += 1
  return `n${ids}`
}
const same = (a: unknown, b: unknown): boolean => canonical(a as Json) === canonical(b as Json)

function start(random: Random): ChecklistDocument {
  const sections = [0, 1].map((n) => ({
    id: `s${n}`,
    title: `S${n}`,
    items: [0, 1, 2].map((m) => ({ id: `i${n}${m}`, text: `Item ${m}`, notes: 'añb🙂c' })),
  }))
  let document = documentOf(checklistData.parse({ title: 'Start 🙂', sections }), newId)
  for (let n = random.between(0, 6); n > 0; n -= 1) document = apply(document, compile(document, [randomEdit(document, random, newId)], []))
  return document
}

/** The same done to a plain copy, without json1: what the contract says in words. */
function model(document: ChecklistDocument, op: DoorOp): ChecklistDocument {
  const copy = structuredClone(document) as unknown as Record<string, Record<string, Record<string, unknown>>>
  const keys = op.path.split('.')
  const last = keys.pop() ?? ''
  const parent = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, copy)
  if (op.type === 'update') {
    if (op.newValue === null && keys.at(-1) === 'customFields') delete parent[last]
    else parent[last] = op.newValue
  } else if (op.type === 'delete' && op.id !== undefined) {
    delete copy[op.path]?.[op.id]
    if (op.path === 'sections')
      for (const [id, item] of Object.entries(copy.items ?? {})) if (item.sectionId === op.id) delete copy.items?.[id]
  } else if (op.text !== undefined || op.len !== undefined) {
    const letters = [...String(parent[last])]
    letters.splice(op.pos ?? 0, op.len ?? 0, ...(op.text ?? ''))
    parent[last] = letters.join('')
  } else return document
  return copy as unknown as ChecklistDocument
}

test(`operations by id do what they say, converge with any other, and are told by their changes (seed ${seed})`, () => {
  const random = randomFrom(seed)
  for (let n = 0; n < pairs; n += 1) {
    const document = start(random)
    const [one, two] = [randomEdit(document, random, newId), randomEdit(document, random, newId)]
    const [a, b] = [compile(document, [one], []), compile(document, [two], [])]
    const about = `seed ${seed}, pair ${n}: ${JSON.stringify([one, two])}`
    const afterA = apply(document, a)
    if (one.type === 'update' || one.type === 'delete' || one.text !== undefined)
      expect(same(afterA, model(document, one)), about).toBe(true)
    checkDocument(document, afterA, a)
    // whichever comes first in the server's order, everybody ends the same
    const first = apply(afterA, after(b, a))
    const second = apply(apply(document, b), json1.transformNoConflict(a as never, b as never, 'right') as Op)
    expect(same(first, second), about).toBe(true)
    checkDocument(afterA, first, after(b, a))
    // two in a row are one
    const c = compile(afterA, [randomEdit(afterA, random, newId)], [])
    expect(same(apply(apply(document, a), c), apply(document, compose(a, c))), about).toBe(true)
    // whoever sets the changes has the document
    const set = structuredClone(document) as unknown as Record<string, unknown>
    for (const change of changesOf(a, afterA)) {
      const keys = change.path.split('.')
      const last = keys.pop() ?? ''
      const parent = keys.reduce((at, key) => at[key] as Record<string, unknown>, set)
      if ('removed' in change) delete parent[last]
      else parent[last] = change.value
    }
    expect(same(set, afterA), about).toBe(true)
  }
}, 600_000)

test('a place in an order always has room before, between and behind, and its form', () => {
  const random = randomFrom(seed)
  let places = positionsFor(5).map((position, n) => ({ id: `p${n}`, position }))
  for (let n = 0; n < 2_000; n += 1) {
    const at = random.between(0, places.length)
    const position = positionBetween(places[at - 1]?.position ?? null, places[at]?.position ?? null)
    if (position === null) {
      // used up: everybody gets a new one
      places = positionsFor(places.length).map((fresh, index) => ({ id: places[index]?.id ?? '', position: fresh }))
      continue
    }
    expect(position).toMatch(positionPattern)
    places.splice(at, 0, { id: `q${n}`, position })
    expect(places.toSorted(inOrder).map(({ id }) => id)).toEqual(places.map(({ id }) => id))
    if (places.length > 400) places = places.slice(0, 5)
  }
  let low: string | null = 'A'
  let depth = 0
  for (; low !== null; low = positionBetween('A', low === 'A' ? 'B' : low)) depth += 1
  expect(depth).toBeGreaterThan(100)
})
