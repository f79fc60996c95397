import { expect, test } from 'vitest'
import { operations } from './operations.ts'
import { surfaces } from './surfaces.ts'

test('every operation of every surface is in the registry', () => {
  const missing = surfaces.flatMap(({ name, routes }) =>
    routes
      .filter(({ operation }) => !operations.includes(operation))
      .map(({ method, path, operation }) => `${name}: ${method} ${path} ${operation.name}`),
  )
  expect(missing).toEqual([])
})

test('no two operations share a name', () => {
  const names = operations.map(({ name }) => name)
  expect(names.filter((name, position) => names.indexOf(name) !== position)).toEqual([])
})
