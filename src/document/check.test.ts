import { expect, test } from 'vitest'
import { type ChecklistDocument, checklistData, documentOf } from '../checklist/shape.ts'
import { checkDocument, checkSize, maxBytes } from './check.ts'
import { compile, type DoorOp } from './compile.ts'
import { apply } from './json1.ts'

let ids = 0
const newId = () => {
  ids += 1
  return `n${ids}`
}
/** A document of so many items, in three sections: bounds or not. */
const ofItems = (count: number, text = 'x'): ChecklistDocument => {
  const items = Array.from({ length: count }, (_, n) => ({ id: `i${n}`, text }))
  const sections = [0, 1, 2].map((n) => ({ id: `s${n}`, title: 'S', items: items.filter((_, at) => at % 3 === n) }))
  return documentOf(checklistData.parse({ sections }), newId)
}
const edit = (document: ChecklistDocument, op: DoorOp) => () => {
  const done = compile(document, [op], [])
  checkDocument(document, apply(document, done), done)
}
const put: DoorOp = { type: 'insert', path: 'items', id: 'more', afterId: null, value: { sectionId: 's0', text: 'x' } }

test('a document within the bounds grows up to them and not over', () => {
  // an item is 350 bytes and more, so that size stops it first, unless what is there is over both
  expect(edit(ofItems(700), put)).not.toThrow()
  expect(edit(ofItems(1_000), put)).toThrow('at most 1,000 items')
  const full = ofItems(500, '')
  full.customFields = { pad: 'x'.repeat(maxBytes - Buffer.byteLength(JSON.stringify(full)) - 12) }
  expect(() => checkSize(full)).not.toThrow()
  expect(edit(full, { type: 'update', path: 'title', newValue: `${full.title}${'x'.repeat(20)}` })).toThrow('256 KiB')
  expect(() => checkSize({ ...full, title: `${full.title}${'x'.repeat(20)}` })).toThrow('256 KiB')
})

test('one that was over the bounds before they held may be edited and made smaller, but not grow', () => {
  for (const large of [ofItems(1_200), ofItems(900, 'x'.repeat(400))]) {
    expect(edit(large, { type: 'update', path: 'items.i1.text', newValue: 'shorter'.slice(0, 1) })).not.toThrow()
    expect(edit(large, { type: 'delete', path: 'items', id: 'i1' })).not.toThrow()
    expect(edit(large, put)).toThrow(/1,000 items|256 KiB/)
  }
  // `true` is a letter less than `false`
  expect(edit(ofItems(900, 'x'.repeat(400)), { type: 'update', path: 'items.i1.checked', newValue: true })).not.toThrow()
})
