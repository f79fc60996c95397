import type { ChecklistDocument } from '../src/checklist/shape.ts'
import type { DoorOp } from '../src/document/compile.ts'
import type { Random } from './random.ts'

const words = ['a', 'é', '🙂', '汉', 'wash ', 'ok', '👩‍🚀', '\u{10FFFF}', ' ']
const values = [null, 1, 'x', true, -2.5]

/** Something that a person does to a document, and that fits it. */
export function randomEdit({ items, sections }: ChecklistDocument, random: Random, newId: () => string): DoorOp {
  const [ids, parts] = [Object.keys(items), Object.keys(sections)]
  const item = random.pick(ids)
  const section = random.pick(parts)
  if (section === undefined) return { type: 'insert', path: 'sections', id: newId(), afterId: null, value: { title: 'New' } }
  if (item === undefined || random.chance(0.08))
    return { type: 'insert', path: 'items', id: newId(), afterId: null, value: { sectionId: section, text: 'New' } }
  const chance = random.next()
  if (chance < 0.45) return typed(`items.${item}.notes`, items[item]?.notes ?? '', random)
  if (chance < 0.6) return { type: 'update', path: `items.${item}.checked`, newValue: random.chance(0.5) }
  if (chance < 0.7) return { type: 'update', path: `items.${item}.priority`, newValue: random.pick(['low', 'medium', 'high', 'critical']) }
  if (chance < 0.78) return { type: 'update', path: `items.${item}.value`, newValue: random.pick(values) ?? null }
  if (chance < 0.84)
    return { type: 'update', path: `items.${item}.customFields.k${random.between(0, 3)}`, newValue: random.pick(values) ?? null }
  if (chance < 0.9) return { type: 'move', path: 'items', id: item, afterId: null, sectionId: section }
  if (chance < 0.93) return { type: 'move', path: 'sections', id: section, afterId: null }
  if (chance < 0.97 && ids.length > 3) return { type: 'delete', path: 'items', id: item }
  if (chance < 0.975 && parts.length > 1) return { type: 'delete', path: 'sections', id: section }
  return { type: 'update', path: 'description', newValue: random.pick(words) ?? '' }
}

function typed(path: string, text: string, random: Random): DoorOp {
  const length = [...text].length
  if (length > 3 && random.chance(0.3)) {
    const pos = random.between(0, length - 2)
    return { type: 'delete', path, pos, len: random.between(1, Math.min(3, length - pos)) }
  }
  return { type: 'insert', path, pos: random.between(0, length), text: random.pick(words) ?? 'x' }
}
