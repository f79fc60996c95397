import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { askedMs, isPublicAddress, isWanted, signatureOf, urlProblem, waitMs } from './rules.ts'
import { send } from './send.ts'

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  'fe80::1',
  'fc00::1',
  'fd12:3456::1',
  'ff02::1',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  '2001:0:1::',
  '2001:db8::1',
  'example.org',
])('%s is no address on the internet', (address) => expect(isPublicAddress(address)).toBe(false))

test.each(['8.8.8.8', '172.15.255.255', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2001:4860:4860::8888'])(
  '%s is an address on the internet',
  (address) => expect(isPublicAddress(address)).toBe(true),
)

test.each<[url: string, problem: string]>([
  ['http://hooks.example.org/', 'must be an https address'],
  ['ftp://hooks.example.org/', 'must be an https address'],
  ['hooks.example.org', 'must be an https address'],
  ['https://user:pass@hooks.example.org/', 'must not hold a user or a password'],
  ['https://hooks.example.org/#x', 'must not hold a fragment'],
  ...[
    'localhost',
    'sub.localhost',
    'printer',
    'db.internal',
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '[::1]',
    '[::ffff:10.0.0.1]',
    '10.0.0.1',
  ].map((host): [string, string] => [`https://${host}/`, 'must not lead to a private network']),
])('%s is refused: it %s', (url, problem) => expect(urlProblem(url, false)).toBe(problem))

test('an https address with port, path and query is taken', () =>
  expect(urlProblem('https://hooks.example.org:8443/a?b=c', false)).toBeNull())

test('what resolves to this machine is not called, whatever its name', async () => {
  expect(
    await send({ url: 'https://localhost.localdomain/', body: '', headers: {} }, { allowPrivate: false, timeoutMs: 2_000 }),
  ).toMatchObject({
    status: null,
    error: expect.stringMatching(/private network|cannot be looked up/),
  })
})

test('patterns mean an action, a family of actions, or everything', () => {
  expect(isWanted(['user.create'], 'user.create')).toBe(true)
  expect(isWanted(['user.create'], 'user.created')).toBe(false)
  expect(isWanted(['user.*'], 'user.update')).toBe(true)
  expect(isWanted(['user.*'], 'users.update')).toBe(false)
  expect(isWanted(['*'], 'lead.create')).toBe(true)
})

test('a signature is the HMAC of id, time and body under the bytes of the secret', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const body = '{"test": 2432232314}'
  const signature = signatureOf([secret], { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1_614_265_330, body })
  expect(signature).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  const key = Buffer.from(secret.slice(6), 'base64')
  expect(signature).toBe(`v1,${createHmac('sha256', key).update(`msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.${body}`).digest('base64')}`)
})

test('waits double up to the longest, and are scattered over their second half', () => {
  const times = { first: 1_000, longest: 60_000 }
  expect([1, 2, 3, 7, 40].map((attempts) => waitMs(attempts, times, 1))).toEqual([1_000, 2_000, 4_000, 60_000, 60_000])
  expect(waitMs(3, times, 0)).toBe(2_000)
})

test('a receiver may ask for up to an hour', () => {
  expect([undefined, '5', '86400', 'Fri, 31 Dec 1999 23:59:59 GMT'].map(askedMs)).toEqual([0, 5_000, 3_600_000, 0])
})
