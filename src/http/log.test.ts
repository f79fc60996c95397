import { expect, test } from 'vitest'
import { anonymous } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { createLogger, logRequest } from './log.ts'
import type { Answered } from './parts.ts'

function collect(logLevel = 'info') {
  const lines: string[] = []
  const log = createLogger({ logLevel }, { write: (line) => void lines.push(line), flushSync: () => {} })
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line)) }
}

const answered: Answered = {
  surface: 'v1',
  operation: 'user.get',
  method: 'GET',
  path: '/v1/users/:id',
  status: 200,
  seconds: 0.0123456,
  requestId: '019b1f3a-7c40-7000-8000-000000000001',
  principal: { ...anonymous, kind: 'user', id: 'someone', tenantId: 'acme', name: 'ada' },
  code: null,
  error: null,
  isAborted: false,
}

test('a request is one line that says who did what where and how it ended', () => {
  const { log, parsed } = collect()
  logRequest(log, answered)
  expect(parsed()).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      requestId: answered.requestId,
      actorKind: 'user',
      actorId: 'someone',
      tenant: 'acme',
      surface: 'v1',
      operation: 'user.get',
      method: 'GET',
      route: '/v1/users/:id',
      status: 200,
      code: null,
      outcome: 'done',
      ms: 12.35,
      msg: 'request',
    },
  ])
})

test('a refusal is no error, and a failure carries its stack with its cause', () => {
  const { log, parsed } = collect()
  logRequest(log, { ...answered, status: 409, code: 'username_taken', error: new AppError('conflict', 'username_taken', 'Taken.') })
  const cause = new Error('disk on fire')
  logRequest(log, { ...answered, status: 500, code: 'internal', error: new AppError('internal', 'internal', 'Ours.', { cause }) })
  const [refused, failed] = parsed()
  expect(refused).toMatchObject({ level: 'info', outcome: 'refused', code: 'username_taken' })
  expect(refused.err).toBeUndefined()
  expect(failed).toMatchObject({ level: 'error', outcome: 'failed', err: { code: 'internal', cause: { message: 'disk on fire' } } })
  expect(failed.err.cause.stack).toContain('log.test.ts')
})

test.each([
  ['silent', 0],
  ['error', 1],
  ['warn', 2],
  ['info', 3],
])('at level %s %d of three lines are written', (level, count) => {
  const { log, lines } = collect(level)
  log.info({}, 'a')
  log.warn({}, 'b')
  log.error({}, 'c')
  expect(lines).toHaveLength(count)
})

test('what is written while the process ends is not lost', async () => {
  const { execFileSync } = await import('node:child_process')
  const program = `import { createLogger } from '${new URL('./log.ts', import.meta.url)}'
    const log = createLogger({ logLevel: 'info' })
    for (let line = 0; line < 500; line++) log.info({ line }, 'x'.repeat(100))
    process.exit(1)`
  const run = () => execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  let out = ''
  try {
    run()
  } catch (error) {
    out = String((error as { stdout: string }).stdout)
  }
  expect(out.trim().split('\n')).toHaveLength(500)
})
