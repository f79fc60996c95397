import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { surfaces } from '../surfaces.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { templateOf } from './openapi.ts'
import type { OpenApi, OperationObject, Parameter } from './openapi-types.ts'

let server: TestServer
let document: OpenApi
let operations: { name: string; path: string; operation: OperationObject }[]

beforeAll(async () => {
  server = await startTestServer()
  document = (await server.send('GET', '/openapi.json')).body as unknown as OpenApi
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, path, operation })),
  )
})
afterAll(() => server.close())

test('the description is valid by the schema of OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document) as never)
  expect(errors ?? []).toEqual([])
  expect(valid).toBe(true)
})

test('every route of every surface is described, and nothing else', () => {
  const routes = surfaces.flatMap(({ routes }) => routes.map(({ method, path }) => `${method} ${templateOf(path)}`))
  const own = ['GET /health', 'GET /metrics', 'GET /openapi.json']
  expect(operations.map(({ name }) => name).sort()).toEqual([...routes, ...own].sort())
})

test('public operations say so, all others name their credentials', () => {
  const routes = surfaces.flatMap((surface) => surface.routes)
  for (const { method, path, operation } of routes) {
    const described = document.paths[templateOf(path)]?.[method.toLowerCase()]
    if (operation.needs === 'public') expect(described?.security, path).toEqual([])
    else expect(described?.security[0], path).toEqual({ bearer: [] })
  }
})

test('every operation describes its refusals as problems, and every response its request id', () => {
  for (const { name, operation } of operations)
    for (const [status, response] of Object.entries(operation.responses)) {
      expect(response.headers['X-Request-Id'], `${name} ${status}`).toBeDefined()
      if (Number(status) >= 400) expect(Object.keys(response.content ?? {}), `${name} ${status}`).toEqual(['application/problem+json'])
      if (status === '429' || status === '503') expect(response.headers['Retry-After'], name).toBeDefined()
    }
})

test('every parameter of a path is described', () => {
  for (const { name, path, operation } of operations) {
    const inPath = (operation.parameters ?? []).filter((one): one is Parameter => 'in' in one && one.in === 'path')
    expect(
      inPath.map((one) => `{${one.name}}`),
      name,
    ).toEqual(path.match(/\{\w+\}/g) ?? [])
  }
})

test('every operation has an id of its own', () => {
  expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length)
})

test('every reference leads somewhere', () => {
  for (const [, target] of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/([^"]+)"/g)) {
    const [kind, name] = (target ?? '').split('/')
    expect(document.components[kind ?? '']?.[name ?? ''], target).toBeDefined()
  }
})

test('every example of a request is one that its operation takes', () => {
  const examples = surfaces.flatMap(({ routes }) => routes).filter(({ options }) => options.example?.request !== undefined)
  expect(examples.length).toBeGreaterThan(0)
  for (const { path, operation, options } of examples) {
    const inPath = Object.fromEntries([...path.matchAll(/:(\w+)/g)].map(([, name]) => [name, 'x']))
    const sent = { ...inPath, ...(options.example?.request as object) }
    expect((options.requestSchema ?? operation.input).safeParse(sent).error, path).toBeUndefined()
  }
})
