import { expect, test } from 'vitest'
import { absentExtras } from './extras.ts'

const java = { name: 'Java', present: () => false, usedBy: 'tools', leavesOut: 'one engine', requiredInCi: true }
const root = `${import.meta.dirname}/..`

test('fails in CI when a required extra is absent', () => {
  expect(absentExtras(root, { ci: true, list: [java] })).toEqual([{ message: 'Java is absent: left out is one engine', fails: true }])
})

test('says what is left out elsewhere, without failing', () => {
  expect(absentExtras(root, { ci: false, list: [java] })).toEqual([{ message: 'Java is absent: left out is one engine', fails: false }])
})

test('is silent when the extra is there, or nothing uses it yet', () => {
  const list = [
    { ...java, present: () => true },
    { ...java, usedBy: 'no-such-folder' },
  ]
  expect(absentExtras(root, { ci: true, list })).toEqual([])
})
