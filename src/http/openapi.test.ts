import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeServer } from '../main.ts'
import { surfaces } from '../surfaces.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { templateOf } from './openapi.ts'
import type { OpenApi, OperationObject } from './openapi-types.ts'

let server: TestServer
let document: OpenApi
const operations: [string, OperationObject][] = []

beforeAll(async () => {
  server = await startTestServer()
  document = (await server.send('GET', '/openapi.json')).body as unknown as OpenApi
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(methods)) operations.push([`${method.toUpperCase()} ${path}`, operation])
})
afterAll(() => server.close())

test('the description is valid by the OpenAPI 3.1 schema', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document) as never)
  expect(errors ?? []).toEqual([])
  expect(valid).toBe(true)
})
test('dump', () => {
  require('node:fs').writeFileSync('/tmp/openapi.json', JSON.stringify(document, null, 1))
  expect(describeServer).toBeTruthy(); expect(surfaces).toBeTruthy(); expect(templateOf).toBeTruthy()
})
