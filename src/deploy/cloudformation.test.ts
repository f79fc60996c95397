import { describe, expect, test } from 'vitest'
import { readConfig } from '../config.ts'
import { entities } from '../entities.ts'
import { tableDefinitions, tableKeyOf } from '../storage/dynamodb/tables.ts'
import { readObjects, readStorage } from '../storage-config.ts'
import type { Loose } from '../testing/server.ts'
import { type Template, template } from './cloudformation.ts'
import { at, environments } from './template.ts'
import { dev, json, ofType, properties } from './testing/read-template.ts'

const tablesOf = (of: Template = dev): Loose[] => ofType('AWS::DynamoDB::Table', of).map(([, { Properties }]) => json(Properties))
const namesOf = (of: Template = dev): string[] => tablesOf(of).map(({ TableName }) => String(TableName))
const tagsOf = (tags: readonly Loose[]) => Object.fromEntries(tags.map(({ Key, Value }) => [String(Key), Value]))
const functionSettings = (of: Template = dev): Loose => properties('Function', of).Environment.Variables

describe('tables', () => {
  test('there is one for each entity, and the log and the keys, named holdfast-<env>-<plural>', () => {
    for (const environment of environments) {
      const names = namesOf(template(environment, {}))
      const expected = [...entities.map(tableKeyOf), 'audit-log', 'keys'].map((key) => `holdfast-${environment}-${key}`)
      expect(names.toSorted()).toEqual(expected.toSorted())
    }
    const names = namesOf()
    expect(names).toEqual(
      expect.arrayContaining(['tenants', 'users', 'sessions', 'appointments', 'audit-log'].map((key) => `holdfast-dev-${key}`)),
    )
  })

  test.each(ofType('AWS::DynamoDB::Table').map(([name]) => name))('%s is on demand, recoverable, protected, encrypted and kept', (name) => {
    expect(dev.Resources[name]).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
    const { Tags, ...table } = properties(name)
    expect(table).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      DeletionProtectionEnabled: true,
      SSESpecification: { SSEEnabled: true },
    })
    expect(tagsOf(Tags)).toEqual({ Environment: 'dev', Application: 'holdfast', Purpose: expect.stringMatching(/./) })
    // DynamoDB refuses an attribute that no key uses, and one that is not declared
    const used = [table, ...(table.GlobalSecondaryIndexes ?? [])].flatMap(({ KeySchema }) =>
      KeySchema.map((key: Loose) => key.AttributeName),
    )
    expect(table.AttributeDefinitions.map((each: Loose) => each.AttributeName).toSorted()).toEqual([...new Set(used)].toSorted())
  })

  const named = (plural: string): Loose => tablesOf().find(({ TableName }) => String(TableName) === `holdfast-dev-${plural}`) ?? json({})

  test('rows that expire do so by the attribute ttl', () => {
    for (const plural of ['sessions', 'appointments', 'refresh-tokens', 'throttles'])
      expect(named(plural).TimeToLiveSpecification, plural).toEqual({ AttributeName: 'ttl', Enabled: true })
    for (const plural of ['tenants', 'users', 'audit-log']) expect(named(plural), plural).not.toHaveProperty('TimeToLiveSpecification')
  })

  test('tenants have hash tenantId and GSI1; appointments hash tenantId, range instanceId and TokenIndex', () => {
    expect(named('tenants')).toMatchObject({
      KeySchema: [{ AttributeName: 'tenantId', KeyType: 'HASH' }],
      GlobalSecondaryIndexes: [
        {
          IndexName: 'GSI1',
          KeySchema: [
            { AttributeName: 'gsi1pk', KeyType: 'HASH' },
            { AttributeName: 'gsi1sk', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'ALL' },
        },
      ],
    })
    expect(named('tenants').KeySchema).toHaveLength(1)
    expect(named('appointments')).toMatchObject({
      KeySchema: [
        { AttributeName: 'tenantId', KeyType: 'HASH' },
        { AttributeName: 'instanceId', KeyType: 'RANGE' },
      ],
      GlobalSecondaryIndexes: [{ IndexName: 'TokenIndex', KeySchema: [{ AttributeName: 'customerAccessToken', KeyType: 'HASH' }] }],
    })
  })
})

describe('names that are set', () => {
  test.each([
    ['two names for one table', { USERS_TABLE_NAME: 'people', DYNAMODB_USERS_TABLE: 'persons' }],
    ['one name for two tables', { USERS_TABLE_NAME: 'people', TENANT_TABLE_NAME: 'people' }],
    ['the name that another table has by itself', { USERS_TABLE_NAME: 'holdfast-dev-sessions' }],
    ['two characters', { USERS_TABLE_NAME: 'ab' }],
    ['256 characters', { USERS_TABLE_NAME: 'a'.repeat(256) }],
    ['a blank', { DYNAMODB_SESSIONS_TABLE: 'my table' }],
    ['two for the log', { DYNAMODB_AUDIT_TABLE: 'audit-one', DYNAMODB_AUDIT_LOG_TABLE: 'audit-two' }],
  ])('%s: refused', (_, settings) => {
    expect(() => template('dev', settings)).toThrow(expect.objectContaining({ code: 'bad_setting' }))
  })

  test.each([
    ['USERS_TABLE_NAME', 'users'],
    ['TENANT_TABLE_NAME', 'tenants'],
    ['APPOINTMENT_TABLE_NAME', 'appointments'],
    ['DYNAMODB_AUDIT_TABLE', 'audit-log'],
    ['DYNAMODB_AUDIT_LOG_TABLE', 'audit-log'],
    ...entities.map((entity) => [`DYNAMODB_${entity.table.toUpperCase()}_TABLE`, tableKeyOf(entity)]),
  ])('%s names the table %s, here and for the function', (setting, key) => {
    for (const name of ['abc', `old.${'x'.repeat(251)}`]) {
      const made = template('prod', { [setting]: ` ${name} ` })
      const names = namesOf(made)
      expect(names).toContain(name)
      expect(names).not.toContain(`holdfast-prod-${key}`)
      expect(functionSettings(made)[setting]).toBe(name)
    }
  })

  test('the same name given twice is one name', () => {
    const made = template('dev', { USERS_TABLE_NAME: 'people', DYNAMODB_USERS_TABLE: 'people' })
    expect(namesOf(made)).toContain('people')
  })

  test('what names no table of ours is not passed on', () => {
    const made = functionSettings(template('dev', { DYNAMODB_SECRET_TABLE: 'hunter2', HOLDFAST_KEY: 'canary', PATH: '/bin' }))
    expect(Object.keys(made)).toEqual(Object.keys(functionSettings()))
  })

  test('the function reads the settings as the template means them', () => {
    const settings = { USERS_TABLE_NAME: 'people', DYNAMODB_SESSIONS_TABLE: 'sign-ins' }
    const resolved = Object.fromEntries(
      Object.entries(functionSettings(template('staging', settings))).map(([name, value]: [string, Loose]) => [
        name,
        String(value['Fn::Sub'] ?? value)
          .replaceAll(`${at('AWS::Region')}`, 'eu-central-1')
          .replaceAll(/\$\{(\w+)\}/g, 'bucket-of-$1')
          .toLowerCase(),
      ]),
    )
    const storage = readStorage(Object.fromEntries(Object.entries(resolved).map(([name, value]) => [name, value as string])))
    if (storage.engine !== 'dynamodb') throw new Error('the function is on another engine')
    expect(storage).toMatchObject({ region: 'eu-central-1', endpoint: null })
    const names = tableDefinitions(entities, storage).map(({ name }) => name)
    expect(names.toSorted()).toEqual(
      tablesOf(template('staging', settings))
        .map(({ TableName }) => TableName)
        .toSorted(),
    )
    expect(readObjects(resolved as never)).toMatchObject({ kind: 's3', region: 'eu-central-1', bucket: 'bucket-of-objectsbucket' })
  })
})

describe('buckets', () => {
  test.each(['ObjectsBucket', 'BackupsBucket'])('%s is versioned, encrypted, closed, reached by TLS alone, and kept', (name) => {
    expect(dev.Resources[name]).toMatchObject({ Type: 'AWS::S3::Bucket', DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
    expect(properties(name)).toMatchObject({
      VersioningConfiguration: { Status: 'Enabled' },
      BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }] },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    })
    const policies = ofType('AWS::S3::BucketPolicy').map(([, resource]) => json(resource.Properties))
    const [policy] = policies.filter(({ Bucket }) => String(Bucket.Ref) === name)
    expect(policy.PolicyDocument.Statement).toEqual([
      {
        Sid: 'TlsOnly',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [{ 'Fn::GetAtt': [name, 'Arn'] }, { 'Fn::Sub': `\${${name}.Arn}/*` }],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ])
  })

  test('unfinished uploads of objects go', () => {
    expect(properties('ObjectsBucket').LifecycleConfiguration.Rules).toEqual([
      expect.objectContaining({ Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } }),
    ])
  })
})

describe('the function', () => {
  test('runs the packaged code from the given bucket, with enough memory and 30 s, as its role', () => {
    expect(properties('Function')).toMatchObject({
      Runtime: expect.stringMatching(/^nodejs2[24]\.x$/),
      Handler: 'index.handler',
      Code: { S3Bucket: { Ref: 'CodeBucket' }, S3Key: { Ref: 'CodeKey' } },
      Role: { 'Fn::GetAtt': ['FunctionRole', 'Arn'] },
      Timeout: 30,
    })
    expect(properties('Function').MemorySize).toBeGreaterThanOrEqual(512)
    expect(json(dev.Parameters)).toMatchObject({ CodeBucket: { Type: 'String' }, CodeKey: { Type: 'String' } })
    for (const name of ['CodeBucket', 'CodeKey']) expect(json(dev.Parameters)[name]).not.toHaveProperty('Default')
  })

  test('keeps rows in the tables, files and backups in the buckets, and its master key wrapped by a key that rotates', () => {
    expect(functionSettings()).toMatchObject({
      HOLDFAST_STORAGE: { 'Fn::Sub': `dynamodb://${at('AWS::Region')}?prefix=holdfast-dev` },
      HOLDFAST_OBJECTS: { 'Fn::Sub': `s3://${at('ObjectsBucket')}?region=${at('AWS::Region')}` },
      HOLDFAST_BACKUP: { 'Fn::Sub': `s3://${at('BackupsBucket')}?region=${at('AWS::Region')}` },
      HOLDFAST_KMS_KEY: { 'Fn::GetAtt': ['MasterKey', 'Arn'] },
      HOLDFAST_KEY_WRAPPED: { Ref: 'WrappedKey' },
      HOLDFAST_KEY_WRAPPED_FORMER: { Ref: 'FormerWrappedKeys' },
    })
    expect(dev.Resources.MasterKey).toMatchObject({ Type: 'AWS::KMS::Key', DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
    expect(properties('MasterKey').EnableKeyRotation).toBe(true)
  })

  test('every setting that it is given is one that the server knows', () => {
    const wrapped = Buffer.alloc(184, 7).toString('base64')
    const values: Record<string, string> = {
      NODE_ENV: 'production',
      HOLDFAST_STORAGE: 'dynamodb://eu-central-1?prefix=holdfast-dev',
      HOLDFAST_OBJECTS: 's3://objects?region=eu-central-1',
      HOLDFAST_BACKUP: 's3://backups?region=eu-central-1',
      HOLDFAST_KMS_KEY: 'arn:aws:kms:eu-central-1:111122223333:key/0192f0c1-2222-7333-8444-555566667777',
      HOLDFAST_KEY_WRAPPED: wrapped,
      HOLDFAST_KEY_WRAPPED_FORMER: wrapped,
      HOLDFAST_TENANT: 'Acme',
      HOLDFAST_OWNER_USERNAME: 'owner',
      HOLDFAST_CORS_ORIGINS: 'https://app.example.org',
      HOLDFAST_PUBLIC_URL: 'https://app.example.org',
      DOMAIN: 'booking.example.org',
      HOLDFAST_TRUST_PROXY: '130.176.0.0/17,15.158.0.0/16',
      HOLDFAST_SMTP_URL: 'smtps://user:password@mail.example.org',
      HOLDFAST_MAIL_FROM: 'Holdfast <holdfast@example.org>',
      HOLDFAST_FSM_OPEN_SETUP: 'on',
      HOLDFAST_FSM_SETUP_PER_HOUR: '3',
      HOLDFAST_FSM_TOKEN_MISSES_PER_MINUTE: '10',
      HOLDFAST_FSM_TOKEN_URL: 'https://{cluster}.example.org/token',
    }
    expect(Object.keys(values).toSorted()).toEqual(Object.keys(functionSettings()).toSorted())
    const config = readConfig(values)
    expect(config.warnings.filter((warning) => warning.includes('no setting'))).toEqual([])
    expect(config).toMatchObject({
      publicUrl: 'https://app.example.org',
      trustProxy: { networks: ['130.176.0.0/17', '15.158.0.0/16'] },
      mail: { from: 'Holdfast <holdfast@example.org>' },
      fsm: { domain: 'booking.example.org', openSetup: true, setupPerHour: 3, tokenMissesPerMinute: 10 },
    })
  })

  test('every parameter is used, those of the function by a setting of the same meaning, and what none was given for is as on a server', () => {
    const parameters = json(dev.Parameters)
    const used = JSON.stringify(dev.Resources)
    for (const name of Object.keys(parameters)) expect(used, name).toContain(JSON.stringify({ Ref: name }))
    const given = Object.entries(functionSettings()).flatMap(([setting, value]: [string, Loose]) =>
      value.Ref === undefined ? [] : [[setting, String(parameters[String(value.Ref)].Default)]],
    )
    expect(given.length).toBeGreaterThan(10)
    const [config, usual] = [readConfig(Object.fromEntries(given)), readConfig({})]
    for (const name of ['publicUrl', 'trustProxy', 'mail', 'fsm', 'corsOrigins', 'firstTenant', 'ownerUsername'] as const)
      expect(config[name], name).toEqual(usual[name])
    expect(parameters.SmtpUrl.NoEcho).toBe(true)
  })

  test('has an address that anyone may call, and nothing but the address', () => {
    expect(properties('FunctionUrl')).toMatchObject({ AuthType: 'NONE', TargetFunctionArn: { 'Fn::GetAtt': ['Function', 'Arn'] } })
    const permissions = ofType('AWS::Lambda::Permission').map(([, resource]) => json(resource.Properties))
    expect(permissions).toEqual([
      {
        FunctionName: { 'Fn::GetAtt': ['Function', 'Arn'] },
        Action: 'lambda:InvokeFunctionUrl',
        Principal: '*',
        FunctionUrlAuthType: 'NONE',
      },
      { FunctionName: { 'Fn::GetAtt': ['Function', 'Arn'] }, Action: 'lambda:InvokeFunction', Principal: '*', InvokedViaFunctionUrl: true },
    ])
  })

  test('is called by two schedules: each minute for background jobs, each hour for all that a server does by itself', async () => {
    const { readEvent } = await import('./lambda-event.ts')
    const called = ofType('AWS::Scheduler::Schedule').map(([, schedule]) => {
      const { Target, ScheduleExpression } = json(schedule?.Properties)
      expect(Target).toMatchObject({ Arn: { 'Fn::GetAtt': ['Function', 'Arn'] }, RoleArn: { 'Fn::GetAtt': ['SchedulerRole', 'Arn'] } })
      const input = String(Target.Input['Fn::Sub']).replaceAll(at('FunctionUrl.FunctionUrl'), 'https://abc.example.org/')
      return [ScheduleExpression, readEvent(JSON.parse(input))]
    })
    expect(Object.fromEntries(called)).toEqual({
      'rate(1 minute)': { kind: 'schedule', does: 'work', reachedAt: 'https://abc.example.org' },
      'rate(1 hour)': { kind: 'schedule', does: 'all', reachedAt: 'https://abc.example.org' },
    })
  })
})

test('every output is exported under the name of its stack', () => {
  const names = [
    'FunctionUrl',
    'FunctionArn',
    'RoleArn',
    'TenantTableName',
    'TenantTableArn',
    'UsersTableName',
    'ObjectsBucketName',
    'BackupsBucketName',
  ]
  expect(Object.keys(dev.Outputs)).toEqual(names)
  for (const name of names) expect(json(dev.Outputs[name]).Export.Name).toEqual({ 'Fn::Sub': `\${AWS::StackName}-${name}` })
})

test('the same settings give the same bytes, in whatever order they come', () => {
  const settings = { USERS_TABLE_NAME: 'people', DYNAMODB_SESSIONS_TABLE: 'sign-ins' }
  const turned = { DYNAMODB_SESSIONS_TABLE: 'sign-ins', USERS_TABLE_NAME: 'people' }
  expect(JSON.stringify(template('prod', settings))).toBe(JSON.stringify(template('prod', turned)))
})

test('it holds no secret, whatever the settings hold', () => {
  const canary = 'Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2E='
  const secrets = [
    'HOLDFAST_KEY',
    'HOLDFAST_KEY_WRAPPED',
    'HOLDFAST_OWNER_PASSWORD',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
    'HOLDFAST_STORAGE',
  ]
  const settings = Object.fromEntries(secrets.map((name) => [name, canary]))
  expect(JSON.stringify(template('dev', settings))).toBe(JSON.stringify(dev))
})
