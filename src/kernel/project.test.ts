import { expect, test } from 'vitest'
import { z } from 'zod'
import { project } from './project.ts'

const row = z.object({ id: z.string(), note: z.string().nullable(), tags: z.array(z.object({ name: z.string() })).optional() })
type Node = { id: string; below: Node[] }
const node: z.ZodType<Node> = z.lazy(() => z.object({ id: z.string(), below: z.array(node) }))

test.each([
  ['an undeclared field', row, { id: 'a', note: null, secret: 1 }, { id: 'a', note: null }],
  [
    'an undeclared field of a list’s items',
    z.object({ items: z.array(row) }),
    { items: [{ id: 'a', note: 'n', secret: 1 }] },
    { items: [{ id: 'a', note: 'n' }] },
  ],
  ['one deeper down', row, { id: 'a', note: null, tags: [{ name: 't', secret: 1 }] }, { id: 'a', note: null, tags: [{ name: 't' }] }],
  [
    'one behind a nullable',
    z.object({ user: row.nullable() }),
    { user: { id: 'a', note: null, secret: 1 } },
    { user: { id: 'a', note: null } },
  ],
  [
    'one of a schema that contains itself',
    node,
    { id: 'a', x: 1, below: [{ id: 'b', x: 1, below: [] }] },
    { id: 'a', below: [{ id: 'b', below: [] }] },
  ],
  ['one of a union', z.union([row, z.object({ name: z.string() })]), { name: 'a', secret: 1 }, { name: 'a' }],
])('drops %s', (_what, schema, given, kept) => {
  expect(project(schema, given)).toEqual(kept)
})

test.each([
  ['null', row.nullable(), null],
  ['a text', z.string(), 'a'],
  ['a record of anything', z.record(z.string(), z.unknown()), { a: { b: 1 } }],
])('keeps %s', (_what, schema, given) => {
  expect(project(schema, given)).toEqual(given)
})
