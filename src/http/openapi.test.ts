import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
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

/** They look at no body, and their `input` says so in code alone. */
const bodiless = [
  'POST /v1/console/session/refresh',
  'POST /api/v1/auth/logout',
  'POST /api/v1/leads/:id/send-docs',
  'POST /fsm/token',
  'POST /auth/logout/',
  'PATCH /auth/admin/employees/:employee_id/deactivate/',
  'PATCH /auth/admin/employees/:employee_id/activate/',
  'POST /auth/admin/employees/:employee_id/restore/',
  'POST /api/admin/contacts/bulk-assign/:batch_id/undo',
  'POST /api/auth/logout',
  'POST /api/teams/invitations/:invitationId/accept',
  'POST /api/teams/invitations/:invitationId/decline',
]

const described = () =>
  surfaces.flatMap(({ routes }) =>
    routes.map((route) => {
      const operation = document.paths[templateOf(route.path)]?.[route.method.toLowerCase()]
      if (operation === undefined) throw new Error(`${route.path} is not described`)
      return { ...route, name: `${route.method} ${route.path}`, described: operation }
    }),
  )

test('every body that is not empty has an example, and its operation takes it', () => {
  for (const { name, path, operation, options, described: found } of described()) {
    const { schema, example } = found.requestBody?.content['application/json'] ?? {}
    if (schema === undefined) continue
    if (schema.type === 'object' && Object.keys(schema.properties ?? {}).length === 0) {
      if (options.input !== undefined) expect(bodiless, name).toContain(name)
      continue
    }
    expect(example, name).toBeDefined()
    const taken = options.requestSchema ?? operation.input
    const inPath = Object.fromEntries([...path.matchAll(/:(\w+)/g)].map(([, parameter]) => [parameter, 'x']))
    // a version comes from If-Match
    const inHeader = taken instanceof z.ZodObject && 'version' in taken.shape ? { version: 1 } : {}
    const sent = { ...(options.requestSchema === undefined ? inPath : {}), ...inHeader, ...(example as object) }
    expect(taken.safeParse(sent).error, name).toBeUndefined()
  }
})

test('every answer in JSON has an example, and it is one of its schema', () => {
  for (const { name, operation, options, described: found } of described())
    for (const [status, { content }] of Object.entries(found.responses)) {
      const json = content?.['application/json']
      if (Number(status) >= 300 || json === undefined) continue
      expect(json.example, `${name} ${status}`).toBeDefined()
      const shown = options.responseSchema ?? operation.output
      expect(shown.safeParse(json.example).error, `${name} ${status}`).toBeUndefined()
    }
})
