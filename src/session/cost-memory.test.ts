import { expect, test } from 'vitest'
import { createCostMemory } from './cost-memory.ts'

test('knows no cost before the first sample', () => {
  expect(createCostMemory(() => 0).dearestMs()).toBe(0)
})

test('answers the median of the dearest kind, so that one slow moment changes nothing', () => {
  const memory = createCostMemory(() => 0)
  for (const ms of [80, 81, 900]) memory.record('pbkdf2_sha256', ms)
  memory.record('argon2id', 10)
  expect(memory.dearestMs()).toBe(81)
})

test('counts the latest fifteen samples only', () => {
  const memory = createCostMemory(() => 0)
  for (let i = 0; i < 15; i++) memory.record('bcrypt', 900)
  for (let i = 0; i < 7; i++) memory.record('bcrypt', 300)
  expect(memory.dearestMs()).toBe(900)
  memory.record('bcrypt', 300)
  expect(memory.dearestMs()).toBe(300)
})

test('forgets a kind ten minutes after it was last seen, and not before', () => {
  let nowMs = 0
  const memory = createCostMemory(() => nowMs)
  memory.record('bcrypt', 300)
  nowMs = 599_999
  expect(memory.dearestMs()).toBe(300)
  nowMs = 600_000
  expect(memory.dearestMs()).toBe(0)
})
