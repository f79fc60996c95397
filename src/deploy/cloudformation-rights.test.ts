import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { entities } from '../entities.ts'
import { tableDefinitions } from '../storage/dynamodb/tables.ts'
import { at } from './template.ts'
import { dev, ofType, properties, statementsOf } from './testing/read-template.ts'

test.each([
  ['FunctionRole', 'lambda.amazonaws.com'],
  ['SchedulerRole', 'scheduler.amazonaws.com'],
])('%s trusts %s only', (role, service) => {
  expect(properties(role).AssumeRolePolicyDocument.Statement).toEqual([
    expect.objectContaining({ Principal: { Service: service }, Action: 'sts:AssumeRole' }),
  ])
  expect(properties(role)).not.toHaveProperty('ManagedPolicyArns')
})

test('there are no other roles and policies', () => {
  expect(ofType('AWS::IAM::Role').map(([name]) => name)).toEqual(['FunctionRole', 'SchedulerRole'])
  expect(Object.values(dev.Resources).filter(({ Type }) => /^AWS::IAM::/.test(Type))).toHaveLength(2)
})

test.each(['FunctionRole', 'SchedulerRole'])('%s names every action, and every resource by an ARN of this very template', (role) => {
  for (const { actions, resources, effect } of statementsOf(role)) {
    expect(effect).toBe('Allow')
    for (const action of actions) expect(action).toMatch(/^[a-z0-9]+:[A-Za-z]+$/)
    // below an ARN only a bucket's objects and a table's indexes
    for (const resource of resources)
      expect(resource).toMatch(
        /^(\w+Table|(Objects|Backups)Bucket|MasterKey|LogGroup|Function)\.Arn$|^\$\{\w+Table\.Arn\}\/index\/\*$|^\$\{(Objects|Backups)Bucket\.Arn\}\/\*$/,
      )
  }
})

const tables = ofType('AWS::DynamoDB::Table').map(([name, { Properties }]) => ({ id: name, name: Properties.TableName }))
const allowedOn = (table: string): string[] =>
  statementsOf('FunctionRole')
    .filter(({ resources }) => resources.includes(`${table}.Arn`))
    .flatMap(({ actions }) => actions)

test('on each table it may do what the engine calls there, no more and no less', () => {
  const definitions = tableDefinitions(entities, { prefix: 'holdfast-dev', tables: {} })
  expect(tables).toHaveLength(definitions.length)
  for (const { name, actions } of definitions) {
    const { id } = tables.find((table) => table.name === name) ?? { id: '' }
    expect(allowedOn(id).toSorted(), name).toEqual(actions.toSorted())
  }
})

test('it scans nothing, administers no table, and removes neither tenants nor log', () => {
  for (const { id } of tables)
    for (const action of allowedOn(id))
      expect(action).not.toMatch(/:(\w*Scan|Create\w*|Delete(?!Item$)\w*|UpdateTable|UpdateTimeToLive|UpdateContinuousBackups|Restore\w*)$/)
  for (const table of ['TenantsTable', 'AuditLogTable']) {
    expect(allowedOn(table)).toContain('dynamodb:PutItem')
    expect(allowedOn(table)).not.toContain('dynamodb:DeleteItem')
  }
  expect(allowedOn('SessionsTable')).toContain('dynamodb:DeleteItem')
})

/** What a call of the SDK needs (service authorization reference of Amazon S3 and AWS KMS). */
const neededFor: Readonly<Record<string, readonly string[]>> = {
  PutObjectCommand: ['s3:PutObject'],
  GetObjectCommand: ['s3:GetObject'],
  HeadObjectCommand: ['s3:GetObject'],
  CopyObjectCommand: ['s3:GetObject', 's3:PutObject'],
  DeleteObjectCommand: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
  ListObjectsV2Command: ['s3:ListBucket'],
  ListObjectVersionsCommand: ['s3:ListBucketVersions'],
  HeadBucketCommand: ['s3:ListBucket'],
  GetBucketVersioningCommand: ['s3:GetBucketVersioning'],
  DecryptCommand: ['kms:Decrypt'],
}

test.each([
  ['objects in S3', 'src/objects/s3/*.ts', 'ObjectsBucket'],
  ['the master key', 'src/kms.ts', 'MasterKey'],
])('for %s it may do what the code calls, no more and no less', (_, files, resource) => {
  const root = join(import.meta.dirname, '../..')
  const code = globSync(files, { cwd: root })
    .filter((file) => !file.includes('.test.'))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join()
  const commands = [...new Set(code.match(/\b[A-Z]\w+Command(?=\()/g))]
  expect(commands).not.toEqual([])
  for (const command of commands) expect(neededFor, 'say which permissions it needs').toHaveProperty(command)
  const allowed = statementsOf('FunctionRole')
    .filter(({ resources }) => resources.join().includes(resource))
    .flatMap(({ actions }) => actions)
  expect(allowed.toSorted()).toEqual([...new Set(commands.flatMap((command) => neededFor[command] ?? []))].toSorted())
})

test('an index is queried, and nothing else', () => {
  const onIndexes = statementsOf('FunctionRole').filter(({ resources }) => resources.some((resource) => resource.endsWith('/index/*')))
  expect(onIndexes.map(({ actions }) => actions)).toEqual([['dynamodb:Query']])
  expect(onIndexes[0]?.resources).toEqual(['Appointments', 'Tenants'].map((name) => `${at(`${name}Table.Arn`)}/index/*`))
})

test('beside the tables it has two buckets, one key and its own log; the schedule has the function', () => {
  const others = statementsOf('FunctionRole').filter(({ sid }) => !/^(Tables\d+|Indexes)$/.test(sid))
  const below = (bucket: string) => `${at(`${bucket}.Arn`)}/*`
  expect(others.flatMap(({ resources }) => resources)).toEqual([
    ...['ObjectsBucket.Arn', below('ObjectsBucket'), 'BackupsBucket.Arn', below('BackupsBucket')],
    ...['MasterKey.Arn', 'LogGroup.Arn'],
  ])
  expect(statementsOf('SchedulerRole')).toEqual([
    expect.objectContaining({ actions: ['lambda:InvokeFunction'], resources: ['Function.Arn'] }),
  ])
})
