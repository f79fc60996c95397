import type { TableDefinition } from '../storage/dynamodb/tables.ts'
import { arnOf, at, type Environment, type Resource, sub, tagsFor, type Value } from './template.ts'
import { tableId } from './template-tables.ts'

/** What src/objects/s3 calls on the bucket itself, and on the objects in it. */
const ofBucket = ['s3:GetBucketVersioning', 's3:ListBucket', 's3:ListBucketVersions']
const ofObjects = ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:GetObject', 's3:PutObject']
/** A function makes no backups (docs/decisions/0009-aws.md). It reads those that a server made, when it meets an empty store; whoever breaks into it can neither change nor remove one. */
const ofBackupsBucket = ['s3:ListBucket']
const ofBackups = ['s3:GetObject']

/** The function's role: what the server really calls, on exactly these tables, buckets and key. */
export const functionRole = (tables: readonly TableDefinition[], environment: Environment): Resource =>
  role(environment, 'What the function may do', {
    service: 'lambda.amazonaws.com',
    statements: [
      ...tableStatements(tables),
      allow('ObjectsBucket', ofBucket, [arnOf('ObjectsBucket')]),
      allow('Objects', ofObjects, [sub(`${at('ObjectsBucket.Arn')}/*`)]),
      allow('BackupsBucket', ofBackupsBucket, [arnOf('BackupsBucket')]),
      allow('Backups', ofBackups, [sub(`${at('BackupsBucket.Arn')}/*`)]),
      allow('MasterKey', ['kms:Decrypt'], [arnOf('MasterKey')]),
      allow('OwnLog', ['logs:CreateLogStream', 'logs:PutLogEvents'], [arnOf('LogGroup')]),
    ],
  })

/** The schedule's role: it may call the function and nothing else, and only for this account's schedules. */
export const schedulerRole = (environment: Environment): Resource =>
  role(environment, 'What the schedule may do', {
    service: 'scheduler.amazonaws.com',
    statements: [allow('Jobs', ['lambda:InvokeFunction'], [arnOf('Function')])],
    condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
  })

/** One statement for all tables with the same actions. An index is only ever queried. */
function tableStatements(tables: readonly TableDefinition[]): Value[] {
  const byActions = new Map<string, TableDefinition[]>()
  for (const table of tables) {
    const actions = table.actions.toSorted().join()
    byActions.set(actions, [...(byActions.get(actions) ?? []), table])
  }
  const indexed = tables.filter(({ indexes }) => indexes.length > 0)
  return [
    ...[...byActions].map(([actions, same], place) =>
      allow(
        `Tables${place + 1}`,
        actions.split(','),
        same.map(({ key }) => arnOf(tableId(key))),
      ),
    ),
    ...(indexed.length === 0
      ? []
      : [
          allow(
            'Indexes',
            ['dynamodb:Query'],
            indexed.map(({ key }) => sub(`${at(`${tableId(key)}.Arn`)}/index/*`)),
          ),
        ]),
  ]
}

const allow = (Sid: string, Action: readonly string[], Resource: readonly Value[]): Value => ({ Sid, Effect: 'Allow', Action, Resource })

type Trusted = { service: string; statements: readonly Value[]; condition?: Value }

const role = (environment: Environment, purpose: string, { service, statements, condition }: Trusted): Resource => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    AssumeRolePolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: service },
          Action: 'sts:AssumeRole',
          ...(condition === undefined ? {} : { Condition: condition }),
        },
      ],
    },
    Policies: [{ PolicyName: 'holdfast', PolicyDocument: { Version: '2012-10-17', Statement: statements } }],
    Tags: tagsFor(environment, purpose),
  },
})
