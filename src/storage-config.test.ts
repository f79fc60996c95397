import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parseStorage, storageText } from './storage-config.ts'

const parse = (given: string) => parseStorage('--to', given, {})

test.each([
  ['sqlite', undefined],
  ['sqlite:/srv/new', '/srv/new'],
  ['sqlite:///srv/new', '/srv/new'],
  ['sqlite:/srv/new/', '/srv/new'],
  ['sqlite:/srv/new/holdfast.db', '/srv/new'],
  ['sqlite:data/new', resolve('data/new')],
  ['/srv/new', '/srv/new'],
  ['/srv/new/holdfast.db', '/srv/new'],
  ['./new', resolve('new')],
  ['../new', resolve('../new')],
  ['.', resolve('.')],
])('%s is SQLite in the folder %s', (given, folder) => {
  expect(parse(given)).toEqual(folder === undefined ? { engine: 'sqlite' } : { engine: 'sqlite', folder })
})

test.each(['sqlite:', 'sqlite://host/path', '/srv/other.db', 'sqlite:/srv/x.sqlite', 'new', 'mysql://host/db', ''])(
  '%s is no storage',
  (given) => {
    expect(() => parse(given)).toThrow(expect.objectContaining({ code: 'bad_setting', message: expect.stringContaining('--to') }))
  },
)

test('a storage is shown without name and password, and a folder’s reads back as itself', () => {
  expect(storageText(parse('postgres://app:secret@db.example.org/holdfast'))).toBe('postgres://…@db.example.org/holdfast')
  expect(storageText(parse('dynamodb://eu-central-1?prefix=acme'))).toBe('dynamodb://eu-central-1?prefix=acme')
  for (const given of ['sqlite', 'sqlite:/srv/new', 'dynamodb://eu-central-1?prefix=a&endpoint=http%3A%2F%2F127.0.0.1%3A8000'])
    expect(parse(storageText(parse(given)))).toEqual(parse(given))
})
