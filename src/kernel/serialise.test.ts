import { expect, test } from 'vitest'
import { z } from 'zod'
import { project } from './project.ts'
import { serialise } from './serialise.ts'

const row = z.object({ id: z.string(), note: z.string().nullable(), at: z.number().optional() })
const page = z.object({ items: z.array(row), nextCursor: z.string().nullable() })
const one = { id: 'a"b', note: null, secret: 'hidden' }

test.each<[string, z.ZodType, unknown]>([
  ['a row', row, one],
  ['a frozen row', row, Object.freeze({ ...one })],
  ['a page', page, { items: [one, Object.freeze({ ...one, at: 1.5 })], nextCursor: null, extra: 1 }],
  ['an empty page', page, { items: [], nextCursor: 'c' }],
  ['a page without its optional parts', z.object({ items: z.array(row).optional(), more: z.boolean() }), { more: true }],
  ['nothing', z.null(), null],
  ['a union', z.union([row, z.object({ name: z.string() })]), { name: 'n', secret: 1 }],
  ['a row with a list of texts', z.object({ tags: z.array(z.string()), id: z.string() }), { id: 'x', tags: ['a', '"'], secret: 1 }],
])('writes %s as the projection is written', (_what, schema, value) => {
  expect(serialise(schema, value)).toBe(JSON.stringify(project(schema, value)))
  expect(serialise(schema, value)).toBe(JSON.stringify(project(schema, value)))
})

test('a row that can still change is written anew', () => {
  const changing = { id: 'a', note: 'one' }
  expect(serialise(row, changing)).toBe('{"id":"a","note":"one"}')
  changing.note = 'two'
  expect(serialise(row, changing)).toBe('{"id":"a","note":"two"}')
})

test('the same frozen row is written by each schema in its own way', () => {
  const frozen = Object.freeze({ id: 'a', note: 'n' })
  expect(serialise(row, frozen)).toBe('{"id":"a","note":"n"}')
  expect(serialise(z.object({ id: z.string() }), frozen)).toBe('{"id":"a"}')
})

test('a frozen page is written once, and one with a row or a list that can still change each time', () => {
  const rows = Object.freeze([Object.freeze({ id: 'a', note: 'n' })])
  let asked = 0
  const watched = (items: readonly object[]) =>
    new Proxy(Object.freeze({ items, nextCursor: null }), {
      get(target, key) {
        if (key === 'items') asked += 1
        return Reflect.get(target, key)
      },
    })
  const frozen = watched(rows)
  const text = '{"items":[{"id":"a","note":"n"}],"nextCursor":null}'
  expect(serialise(page, frozen)).toBe(text)
  const once = asked
  expect(serialise(page, frozen)).toBe(text)
  expect(asked).toBe(once)

  const row1 = { id: 'a', note: 'n' }
  const changing = Object.freeze({ items: Object.freeze([row1]), nextCursor: null })
  expect(serialise(page, changing)).toBe(text)
  row1.note = 'm'
  expect(serialise(page, changing)).toBe('{"items":[{"id":"a","note":"m"}],"nextCursor":null}')
  const growing = Object.freeze({ items: [...rows], nextCursor: null })
  expect(serialise(page, growing)).toBe(text)
  growing.items.pop()
  expect(serialise(page, growing)).toBe('{"items":[],"nextCursor":null}')
})
