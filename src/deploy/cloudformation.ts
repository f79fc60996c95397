import { entities } from '../entities.ts'
import { AppError } from '../kernel/errors.ts'
import { type TableDefinition, tableDefinitions } from '../storage/dynamodb/tables.ts'
import { tableNames, tableOf } from '../storage-config.ts'
import { arnOf, at, type Environment, type Resources, ref, sub, type Value } from './template.ts'
import { bucketResources } from './template-buckets.ts'
import { functionResources, parameters, prefixOf } from './template-function.ts'
import { functionRole, schedulerRole } from './template-role.ts'
import { tableId, tableResources } from './template-tables.ts'

export type Template = {
  AWSTemplateFormatVersion: '2010-09-09'
  Description: string
  Parameters: Value
  Resources: Resources
  Outputs: { [name: string]: { Value: Value; Export: { Name: Value } } }
}

type Settings = Readonly<Record<string, string | undefined>>

/**
 * Everything that Holdfast needs in AWS, derived from the entities (contracts/fsm.md section 8). Of the settings it takes the table names alone, so it holds no secret. Errors: `bad_setting`
 * for a name that is none, or that two tables have.
 */
export function template(environment: Environment, settings: Settings): Template {
  const tables = tableDefinitions(entities, { prefix: prefixOf(environment), tables: tableNames(settings) })
  refuseSharedNames(tables)
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    Description: `Holdfast (${environment}): tables, buckets, function, key and schedule`,
    Parameters: parameters,
    Resources: {
      ...tableResources(tables, environment),
      ...bucketResources(environment),
      FunctionRole: functionRole(tables, environment),
      SchedulerRole: schedulerRole(environment),
      ...functionResources({ environment, tableSettings: tableSettings(tables, settings) }),
    },
    Outputs: outputs({
      FunctionUrl: { 'Fn::GetAtt': ['FunctionUrl', 'FunctionUrl'] },
      FunctionArn: arnOf('Function'),
      RoleArn: arnOf('FunctionRole'),
      TenantTableName: ref(tableId('tenants')),
      TenantTableArn: arnOf(tableId('tenants')),
      UsersTableName: ref(tableId('users')),
      ObjectsBucketName: ref('ObjectsBucket'),
      BackupsBucketName: ref('BackupsBucket'),
    }),
  }
}

/** A name that is set may be the one that another table has by itself. */
function refuseSharedNames(tables: readonly TableDefinition[]): void {
  const byName = new Map<string, string>()
  for (const { key, name } of tables) {
    const other = byName.get(name)
    if (other !== undefined)
      throw new AppError(
        'invalid',
        'bad_setting',
        `The tables ${other} and ${key} would both be named ${name}. Set another name for one of them.`,
      )
    byName.set(name, key)
  }
}

/** The settings that named a table of ours, for the function to find it by. */
function tableSettings(tables: readonly TableDefinition[], settings: Settings): Record<string, string> {
  const keys = new Set(tables.map(({ key }) => key))
  const given = Object.entries(settings).flatMap(([setting, value]) => {
    const name = value?.trim()
    return name && keys.has(tableOf(setting) ?? '') ? [[setting, name] as const] : []
  })
  return Object.fromEntries(given.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

const outputs = (values: Readonly<Record<string, Value>>): Template['Outputs'] =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, { Value: value, Export: { Name: sub(`${at('AWS::StackName')}-${name}`) } }]),
  )
