import { parse } from 'csv-parse/sync'
import { expect, test } from 'vitest'
import { csvHead, csvLine } from './audit-csv.ts'

const entry = {
  stream: 't',
  sequence: 7,
  time: '2026-03-01T08:00:00.000Z',
  actor: { id: 'u', kind: 'user', name: 'Ada "the first", of\r\nLondon' },
  action: 'user.create',
  entity: { type: 'user', id: 'x' },
  requestId: null,
  changes: [{ op: 'insert', type: 'user', id: 'x', fields: { username: 'a,b', n: 1 } }],
  previousHash: 'f'.repeat(64),
  hash: 'e'.repeat(64),
}
const read = (...entries: object[]) =>
  parse(csvHead + entries.map((each) => `${csvLine(JSON.stringify(each))}\r\n`).join(''), { columns: true }) as Record<string, string>[]

test('a record has every fact of the entry, whatever signs are in it', () => {
  const [record] = read(entry)
  expect(record).toEqual({
    stream: 't',
    sequence: '7',
    time: entry.time,
    actorKind: 'user',
    actorId: 'u',
    actorName: entry.actor.name,
    action: 'user.create',
    entityType: 'user',
    entityId: 'x',
    requestId: '',
    changes: JSON.stringify(entry.changes),
    detail: '',
    previousHash: entry.previousHash,
    hash: entry.hash,
  })
})

test('nobody, nothing and a detail are told', () => {
  expect(read({ ...entry, actor: { id: null, kind: 'system', name: '' }, entity: null, detail: { a: [1] } })[0]).toMatchObject({
    actorId: '',
    entityType: '',
    detail: '{"a":[1]}',
  })
})

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1'])('%j in a name is no formula', (name) => {
  expect(read({ ...entry, actor: { ...entry.actor, name } })[0]?.actorName).toBe(`'${name}`)
})
