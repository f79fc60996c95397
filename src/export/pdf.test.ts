import { expect, test } from 'vitest'
import { checklistData, documentOf } from '../checklist/shape.ts'
import type { Content } from './content.ts'
import { askedOf } from './pdf.ts'

test('on paper too an item whose section is gone is not shown and does not count', () => {
  const sections = [{ id: 's', title: 'S', items: [{ id: 'a', text: 'A', checked: true }] }]
  const document = documentOf(checklistData.parse({ sections }), () => 'n')
  const orphan = { ...document.items.a, text: 'Orphan', sectionId: 'gone' }
  const content = {
    tenantName: 'Acme',
    row: { status: 'draft', priority: 'medium', dueDate: null, submittedAt: null, history: [], approvalSteps: [] },
    document: { ...document, items: { ...document.items, orphan } },
    version: 1,
    progress: 100,
    exportedAt: '2026-11-28T08:00:00.000Z',
    signatures: new Map(),
    names: new Map(),
  } as unknown as Content
  const layout = { template: 'professional', pageSize: 'A4', orientation: 'portrait', watermark: null } as const
  const asked = askedOf(content, layout, () => [])
  expect(Object.fromEntries(asked.facts)).toMatchObject({ Progress: '100 % (1 of 1 items)' })
  expect(JSON.stringify(asked.sections)).not.toContain('Orphan')
})
