import { arnOf, at, type Environment, kept, type Resource, type Resources, ref, sub, tagsFor, type Value } from './template.ts'

export const parameters = {
  CodeBucket: { Type: 'String', Description: 'The bucket that holds the zip of bin/holdfast lambda package' },
  CodeKey: { Type: 'String', Description: 'The key of that zip in the bucket; another key for other code' },
  Architecture: {
    Type: 'String',
    Default: 'x86_64',
    AllowedValues: ['x86_64', 'arm64'],
    Description: 'What the zip was packed for, with --arch',
  },
  WrappedKey: {
    Type: 'String',
    Default: '',
    Description:
      'The master key, encrypted by the key of this stack (MasterKey). Empty until it was made; the function refuses to work without',
  },
  FormerWrappedKeys: {
    Type: 'String',
    Default: '',
    Description: 'Master keys from before a rotation, encrypted like WrappedKey, separated by commas; empty when everything is sealed anew',
  },
  TenantName: { Type: 'String', Default: 'My organisation', Description: 'Name of the first tenant, made in an empty store' },
  OwnerUsername: { Type: 'String', Default: 'owner', Description: "Username of the first tenant's owner" },
  CorsOrigins: { Type: 'String', Default: '', Description: 'Origins whose pages may call, separated by commas' },
} as const

type Options = {
  environment: Environment
  /** Table names that were set, as the settings that set them. */
  tableSettings: Readonly<Record<string, string>>
}

/** The function, its address, its log, the key that wraps its master key, and the schedule of its jobs. */
export const functionResources = (options: Options): Resources => ({
  MasterKey: masterKey(options.environment),
  MasterKeyAlias: {
    Type: 'AWS::KMS::Alias',
    Properties: { AliasName: `alias/holdfast-${options.environment}`, TargetKeyId: ref('MasterKey') },
  },
  LogGroup: {
    Type: 'AWS::Logs::LogGroup',
    ...kept,
    Properties: {
      LogGroupName: `/aws/lambda/holdfast-${options.environment}`,
      RetentionInDays: 90,
      Tags: tagsFor(options.environment, 'Log of the function'),
    },
  },
  Function: lambdaFunction(options),
  FunctionUrl: {
    Type: 'AWS::Lambda::Url',
    Properties: { TargetFunctionArn: arnOf('Function'), AuthType: 'NONE', InvokeMode: 'BUFFERED' },
  },
  // anyone may call the address, and only the address: Holdfast itself asks who it is
  FunctionUrlPermission: {
    Type: 'AWS::Lambda::Permission',
    Properties: { FunctionName: arnOf('Function'), Action: 'lambda:InvokeFunctionUrl', Principal: '*', FunctionUrlAuthType: 'NONE' },
  },
  FunctionUrlInvokePermission: {
    Type: 'AWS::Lambda::Permission',
    Properties: { FunctionName: arnOf('Function'), Action: 'lambda:InvokeFunction', Principal: '*', InvokedViaFunctionUrl: true },
  },
  WorkSchedule: {
    Type: 'AWS::Scheduler::Schedule',
    Properties: {
      Description: 'Background jobs: reports, exports, mail, and what a purge left to do',
      ScheduleExpression: 'rate(1 minute)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        Arn: arnOf('Function'),
        RoleArn: arnOf('SchedulerRole'),
        Input: JSON.stringify({ source: 'aws.scheduler', 'detail-type': 'Scheduled Event', detail: { does: 'work' } }),
        // the next minute's call does what this one did not
        RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
      },
    },
  },
  JobsSchedule: {
    Type: 'AWS::Scheduler::Schedule',
    Properties: {
      Description: 'What a running server does by itself: removes what has expired, gives old signing keys successors',
      ScheduleExpression: 'rate(1 hour)',
      FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 },
      Target: {
        Arn: arnOf('Function'),
        RoleArn: arnOf('SchedulerRole'),
        Input: JSON.stringify({ source: 'aws.scheduler', 'detail-type': 'Scheduled Event' }),
        RetryPolicy: { MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: 3600 },
      },
    },
  },
})

function lambdaFunction({ environment, tableSettings }: Options): Resource {
  const variables: Record<string, Value> = {
    NODE_ENV: 'production',
    HOLDFAST_STORAGE: sub(`dynamodb://${at('AWS::Region')}?prefix=${prefixOf(environment)}`),
    HOLDFAST_OBJECTS: sub(`s3://${at('ObjectsBucket')}?region=${at('AWS::Region')}`),
    HOLDFAST_BACKUP: sub(`s3://${at('BackupsBucket')}?region=${at('AWS::Region')}`),
    HOLDFAST_KMS_KEY: arnOf('MasterKey'),
    HOLDFAST_KEY_WRAPPED: ref('WrappedKey'),
    HOLDFAST_KEY_WRAPPED_FORMER: ref('FormerWrappedKeys'),
    HOLDFAST_TENANT: ref('TenantName'),
    HOLDFAST_OWNER_USERNAME: ref('OwnerUsername'),
    HOLDFAST_CORS_ORIGINS: ref('CorsOrigins'),
    ...tableSettings,
  }
  return {
    Type: 'AWS::Lambda::Function',
    Properties: {
      FunctionName: `holdfast-${environment}`,
      Description: 'Holdfast: accounts and records that are never lost',
      Runtime: 'nodejs24.x',
      Architectures: [ref('Architecture')],
      Handler: 'index.handler',
      Code: { S3Bucket: ref('CodeBucket'), S3Key: ref('CodeKey') },
      Role: arnOf('FunctionRole'),
      MemorySize: 1024,
      Timeout: 30,
      LoggingConfig: { LogGroup: ref('LogGroup'), LogFormat: 'Text' },
      Environment: { Variables: variables },
      Tags: tagsFor(environment, 'The server'),
    },
  }
}

/** Tables are `holdfast-<env>-<plural>`. */
export const prefixOf = (environment: Environment): string => `holdfast-${environment}`

function masterKey(environment: Environment): Resource {
  return {
    Type: 'AWS::KMS::Key',
    ...kept,
    Properties: {
      Description: `Wraps the master key of Holdfast (${environment})`,
      EnableKeyRotation: true,
      PendingWindowInDays: 30,
      // the account decides, through IAM, who may use it: KMS's default policy
      KeyPolicy: {
        Version: '2012-10-17',
        Statement: [
          {
            Sid: 'Account',
            Effect: 'Allow',
            Principal: { AWS: sub(`arn:${at('AWS::Partition')}:iam::${at('AWS::AccountId')}:root`) },
            Action: 'kms:*',
            Resource: '*',
          },
        ],
      },
      Tags: tagsFor(environment, 'Wraps the master key'),
    },
  }
}
