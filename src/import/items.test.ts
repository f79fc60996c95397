import { expect, test } from 'vitest'
import { plain } from './attributes.ts'
import { highestId, itemsOf } from './items.ts'
import type { Source } from './source.ts'

const source = (text: string): Source => ({
  file: null,
  async *pieces() {
    yield text.slice(0, 7)
    yield text.slice(7)
  },
})
const items = async (text: string) => (await itemsOf(source(text))).items

test.each(['[{"id":1}', '[{"id":1},]', 'id,username\n1,ada', '{\n  "id": 1,\n', '{"Items":[{"id":1}', '"text"', '17', 'null'])(
  'refuses %j as a whole',
  async (text) => {
    await expect(items(text)).rejects.toMatchObject({ code: 'import_not_json', message: expect.stringContaining('not JSON') })
  },
)

test('refuses a broken line of many, and what is no object, by their row', async () => {
  expect(await items('{"id":1}\n\n{"id":2\n{"id":3}\n[4]\n')).toEqual([
    { row: 1, value: { id: 1 } },
    { row: 2, problem: 'is not JSON' },
    { row: 3, value: { id: 3 } },
    { row: 4, problem: 'is not an object' },
  ])
  expect(await items('[{"id":1},null,"x"]')).toEqual([
    { row: 1, value: { id: 1 } },
    { row: 2, problem: 'is not an object' },
    { row: 3, problem: 'is not an object' },
  ])
})

test('reads an array, a document, and one object a line, bare or as Item, alike', async () => {
  const expected = [
    { row: 1, value: { id: 1, username: 'ada' } },
    { row: 2, value: { id: 2, username: 'bob' } },
  ]
  const [one, two] = ['{"id":1,"username":"ada"}', '{"id":{"N":"2"},"username":{"S":"bob"}}']
  for (const text of [
    `[${one},${two}]`,
    `[{"Item":${one}},{"Item":${two}}]`,
    `{"Items":[${one},${two}]}`,
    `{"Count":2,"Items":[${one},{"Item":${two}}],"ScannedCount":2}`,
    JSON.stringify(JSON.parse(`{"Items":[${one},${two}]}`), null, 2),
    `{"Items":[${one}],"LastEvaluatedKey":{"id":{"N":"1"}}}\n{"Items":[${two}]}\n`,
    `${one}\n${two}`,
    `${one}\r\n\r\n${two}\r\n`,
    `{"Item":${one}}\n{"Item":${two}}\n`,
    `  \n${one}\n{"Item":${two}}`,
  ])
    expect(await items(text)).toEqual(expected)
  expect(await items(one)).toEqual(expected.slice(0, 1))
  expect(await items('')).toEqual([])
  expect(await items('{"Items":[]}')).toEqual([])
  expect(await items('[]')).toEqual([])
})

test.each([
  ['{"Items":[{"id":1}],"LastEvaluatedKey":{"id":{"N":"1"}}}', true],
  ['{"Items":[{"id":1}],"LastEvaluatedKey":null}', false],
  ['{"Items":[{"id":1}],"LastEvaluatedKey":{"id":{"N":"1"}}}\n{"Items":[{"id":2}]}', false],
  ['[{"id":1,"LastEvaluatedKey":{"a":1}}]', false],
  ['', false],
])('knows whether %s is a page before others', async (text, expected) => {
  expect((await itemsOf(source(text))).isPartial).toBe(expected)
})

test.each<[unknown, unknown]>([
  [{ S: 'x' }, 'x'],
  [{ N: '17' }, 17],
  [{ N: '-1.5' }, -1.5],
  [{ N: '12345678901234567890' }, '12345678901234567890'], // more digits than a number holds
  [{ N: 'x' }, 'x'],
  [{ BOOL: true }, true],
  [{ BOOL: false }, false],
  [{ NULL: true }, null],
  [{ L: [{ S: 'a' }, 'b', { N: '1' }] }, ['a', 'b', 1]],
  [{ M: { a: { S: 'x' }, b: 2 } }, { a: 'x', b: 2 }],
  [
    { S: 'x', N: '1' },
    { S: 'x', N: '1' },
  ],
  [{ other: 1 }, { other: 1 }],
  ['x', 'x'],
  [null, null],
  [[1], [1]],
  [{}, {}],
])('takes %j for %j', (typed, expected) => {
  expect(plain(typed)).toEqual(expected)
})

test('knows the highest id of all items, also of bad ones', async () => {
  expect(highestId(await items('[{"id":3},{"id":{"N":"12"}},{"id":"7"},{"id":"x"},null,{"id":-99}]'))).toBe(12)
  expect(highestId([])).toBe(0)
})
