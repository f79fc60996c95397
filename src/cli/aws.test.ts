import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshFolder, holdfast } from './testing/process.ts'

let place: ReturnType<typeof freshFolder>
beforeAll(() => {
  place = freshFolder()
})
afterAll(() => place.remove())

const template = (args: readonly string[], environment: Record<string, string> = {}) =>
  holdfast(place.data, ['aws', 'template', ...args], { environment })

describe.concurrent('aws template', () => {
  test.each([[[]], [['--env']], [['--env', 'production']], [['--env', 'DEV']], [['--env', 'dev', 'more']]])(
    '%j ends with 2',
    async (args) => {
      expect(await template(args)).toMatchObject({ code: 2, out: '' })
    },
  )

  test.each([
    [{ USERS_TABLE_NAME: 'people', DYNAMODB_USERS_TABLE: 'persons' }, 'USERS'],
    [{ USERS_TABLE_NAME: 'people', TENANT_TABLE_NAME: 'people' }, 'people'],
    [{ USERS_TABLE_NAME: 'holdfast-dev-tenants' }, 'holdfast-dev-tenants'],
    [{ APPOINTMENT_TABLE_NAME: 'a b' }, 'APPOINTMENT_TABLE_NAME'],
  ])('with %j it ends with 2 and says which', async (environment, words) => {
    const ended = await template(['--env', 'dev'], environment)
    expect(ended).toMatchObject({ code: 2, out: '' })
    expect(ended.err).toContain(words)
  })

  test('it prints one JSON document, the same bytes each time, whatever else is set, and makes no data folder', async () => {
    const secrets = {
      HOLDFAST_KEY: 'canary',
      HOLDFAST_OWNER_PASSWORD: 'canary',
      HOLDFAST_STORAGE: 'nonsense',
      AWS_SECRET_ACCESS_KEY: 'canary',
    }
    const [plain, again, beside, named] = await Promise.all([
      template(['--env', 'staging']),
      template(['--env', 'staging', '--json']),
      template(['--env', 'staging'], secrets),
      template(['--env', 'staging'], { USERS_TABLE_NAME: 'people' }),
    ])
    expect(plain).toMatchObject({ code: 0, err: '', json: { AWSTemplateFormatVersion: '2010-09-09' } })
    expect(again.out).toBe(plain.out)
    expect(beside.out).toBe(plain.out)
    expect(plain.out).not.toContain('canary')
    expect(named.json.Resources?.UsersTable?.Properties?.TableName).toBe('people')
    expect(existsSync(place.data)).toBe(false)
  })
})
