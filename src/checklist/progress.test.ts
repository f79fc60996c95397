import { expect, test } from 'vitest'
import { percentOf, progressOf } from './progress.ts'
import { type ChecklistDocument, checklistData, documentOf } from './shape.ts'

const moment = { createdMs: 0, nowMs: 0 }
const gone = { sectionId: 'gone' }

/** Two items and, of a section that is gone, one that is as `orphan` says. */
function withOrphan(orphan: object, more: object = {}): ChecklistDocument {
  const items = [
    { id: 'a', text: 'A', checked: true, dependencies: ['orphan'] },
    { id: 'b', text: 'B', checked: true },
  ]
  const document = documentOf(checklistData.parse({ sections: [{ id: 's', title: 'S', items, ...more }] }), () => 'n')
  const [first] = Object.values(document.items)
  if (first === undefined) throw new Error('no item')
  return { ...document, items: { ...document.items, orphan: { ...first, dependencies: [], checked: false, ...orphan, ...gone } } }
}

test('an item whose section is gone counts nowhere', () => {
  const document = withOrphan({})
  expect(percentOf(document)).toBe(100)
  expect(progressOf(document, moment)).toMatchObject({ progress: 100, total: 2, completed: 2, compliance: 'compliant' })
  expect(progressOf(withOrphan({ checked: true }), moment)).toMatchObject({ total: 2, completed: 2 })
  expect(percentOf({ ...document, items: { orphan: document.items.orphan as never } })).toBe(0)
})

test('and nothing waits for it', () => {
  const preConditions = [
    { type: 'item_completed', targetId: 'orphan', errorMessage: 'the orphan' },
    { type: 'section_completed', targetId: 'gone', errorMessage: 'what is gone' },
  ]
  const { sections, items } = progressOf(withOrphan({}, { preConditions }), moment)
  expect(sections).toMatchObject([{ locked: false, unmet: [] }])
  expect(items.map(({ id, locked }) => [id, locked])).toEqual([
    ['a', false],
    ['b', false],
  ])
})
