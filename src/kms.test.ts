import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { freshFolder, holdfast, signIn, startServer } from './cli/testing/process.ts'

const keyId = 'arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555'
const keys = { current: randomBytes(32), former: randomBytes(32), short: randomBytes(16) }
/** What our KMS has wrapped, by the ciphertext. */
const wrapped = new Map(Object.entries(keys).map(([name, key]) => [Buffer.from(`wrapped ${name}`).toString('base64'), key]))
const cipher = (name: keyof typeof keys) => Buffer.from(`wrapped ${name}`).toString('base64')

type Asked = { target: string | undefined; authorization: string | undefined; body: { KeyId?: string; CiphertextBlob?: string } }
let asked: Asked[] = []
let answer: ((response: ServerResponse, body: Asked['body']) => void) | null = null

/** AWS KMS as far as Decrypt goes (AWS JSON 1.1; KMS API reference, Decrypt). */
function decrypt({ KeyId, CiphertextBlob = '' }: Asked['body'], response: ServerResponse): void {
  const key = wrapped.get(CiphertextBlob)
  if (key === undefined) refuse(response, 400, 'InvalidCiphertextException')
  else response.end(JSON.stringify({ KeyId, Plaintext: key.toString('base64'), EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' }))
}
const refuse = (response: ServerResponse, status: number, type: string) =>
  void response
    .writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
    .end(JSON.stringify({ __type: type, message: 'words of AWS' }))

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  const body = JSON.parse(text) as Asked['body']
  asked.push({ target: String(request.headers['x-amz-target']), authorization: request.headers.authorization, body })
  response.setHeader('content-type', 'application/x-amz-json-1.1')
  if (answer === null) decrypt(body, response)
  else answer(response, body)
}

const kms = createServer((request, response) => void take(request, response))
const { folder, data, remove } = freshFolder()
let environment: Record<string, string>

beforeAll(async () => {
  kms.listen(0, '127.0.0.1')
  await once(kms, 'listening')
  environment = {
    HOLDFAST_KMS_KEY: keyId,
    HOLDFAST_KEY_WRAPPED: cipher('current'),
    AWS_ENDPOINT_URL_KMS: `http://127.0.0.1:${(kms.address() as AddressInfo).port}`,
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'not-a-secret',
    AWS_EC2_METADATA_DISABLED: 'true',
  }
})
beforeEach(() => {
  asked = []
  answer = null
})
afterAll(() => {
  kms.closeAllConnections()
  kms.close()
  remove()
})

test('a server whose master key is wrapped asks once, keeps no key in its folder, and opens the same data again', async () => {
  for (let start = 1; start <= 2; start++) {
    const server = await startServer(data, environment)
    expect(await signIn(server.url)).toMatch(/^ey/)
    expect((await server.stop()).code).toBe(0)
  }
  expect(asked).toHaveLength(2)
  expect(asked[0]).toMatchObject({ target: 'TrentService.Decrypt', body: { KeyId: keyId, CiphertextBlob: cipher('current') } })
  expect(asked[0]?.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/kms\/aws4_request/)
  const beside = await holdfast(data, ['keys', 'list', '--json'], { environment: { HOLDFAST_KEY: keys.current.toString('base64') } })
  expect(beside.code).toBe(0)
  expect((await holdfast(data, ['keys', 'list', '--json'])).json?.error).toBe('missing_key')
})

const listing = (more: Record<string, string>) => holdfast(data, ['keys', 'list', '--json'], { environment: { ...environment, ...more } })

describe('a start is refused, with what to do and without AWS’s words', () => {
  test.each([
    ['AccessDeniedException', 400, /kms:Decrypt/],
    ['NotFoundException', 400, /HOLDFAST_KMS_KEY/],
    ['DisabledException', 409, /Enable the key/],
    ['KMSInvalidStateException', 409, /deletion/],
    ['IncorrectKeyException', 400, /another key/],
    ['UnrecognizedClientException', 400, /credentials are not valid/],
    ['ExpiredTokenException', 400, /expired/],
    ['SomethingNewException', 400, /SomethingNewException/],
  ])('%s', async (type, status, words) => {
    answer = (response) => refuse(response, status, type)
    const { code, json, out, err } = await listing({})
    expect([code, json.error]).toEqual([6, 'kms_refused'])
    expect(String(json.message)).toMatch(words)
    expect(out + err).not.toContain('words of AWS')
    expect(asked).toHaveLength(1)
  })

  test('a ciphertext that is none of this key', async () => {
    const { code, json } = await listing({ HOLDFAST_KEY_WRAPPED: Buffer.from('other').toString('base64') })
    expect([code, json.error]).toEqual([6, 'kms_refused'])
    expect(String(json.message)).toContain('HOLDFAST_KEY_WRAPPED')
  })

  test('a key of another length, or another key than the data’s', async () => {
    expect(await listing({ HOLDFAST_KEY_WRAPPED: cipher('short') })).toMatchObject({ code: 6, json: { error: 'wrong_key' } })
    expect(await listing({ HOLDFAST_KEY_WRAPPED: cipher('former') })).toMatchObject({ code: 6, json: { error: 'wrong_key' } })
  })

  test('an outage, after a few attempts', async () => {
    answer = (response) => refuse(response, 500, 'KMSInternalException')
    expect(await listing({})).toMatchObject({ code: 8, json: { error: 'kms_unreachable' } })
    expect(asked).toHaveLength(3)
    expect(await listing({ AWS_ENDPOINT_URL_KMS: 'http://127.0.0.1:1' })).toMatchObject({ code: 8, json: { error: 'kms_unreachable' } })
  })

  test('no region', async () => {
    const { code, json } = await listing({ HOLDFAST_KMS_KEY: 'alias/holdfast', HOME: folder })
    expect([code, json.error]).toEqual([6, 'kms_refused'])
    expect(String(json.message)).toContain('AWS_REGION')
  })

  test.each<[Record<string, string>, RegExp]>([
    [{ HOLDFAST_KMS_KEY: '' }, /belong together/],
    [{ HOLDFAST_KEY_WRAPPED: '' }, /belong together/],
    [{ HOLDFAST_KEY: Buffer.alloc(32).toString('base64') }, /both set/],
    [{ HOLDFAST_KEY_WRAPPED: 'not base64!' }, /in base64/],
  ])('%j', async (more, words) => {
    const { code, json } = await listing(more)
    expect([code, json.error]).toEqual([2, 'bad_setting'])
    expect(String(json.message)).toMatch(words)
    expect(asked).toEqual([])
  })
})

test('a former wrapped key opens what it sealed until everything is under the new one', async () => {
  const other = `${data}-rotated`
  const start = await holdfast(other, ['platform-admin', 'create', '--username', 'boss', '--json'], {
    environment: { ...environment, HOLDFAST_KEY_WRAPPED: cipher('former') },
  })
  expect(start.code).toBe(0)
  const both = { ...environment, HOLDFAST_KEY_WRAPPED_FORMER: cipher('former') }
  const rotate = () => holdfast(other, ['keys', 'rotate-master', '--json'], { environment: both })
  expect((await rotate()).json.renewed).toBeGreaterThan(0)
  expect(await rotate()).toMatchObject({ code: 0, json: { renewed: 0 } })
  expect((await holdfast(other, ['keys', 'list', '--json'], { environment })).code).toBe(0)
})
