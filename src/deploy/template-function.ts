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
  PublicUrl: { Type: 'String', Default: '', Description: 'Where links lead, such as https://app.example.org; empty: where AWS was called' },
  Domain: { Type: 'String', Default: '', Description: 'Host of the pages on which customers book; empty: as PublicUrl' },
  TrustProxy: {
    Type: 'String',
    Default: '',
    Description: 'Networks in front that may say who the client is, separated by commas, or a number of hops; empty: AWS says it',
  },
  SmtpUrl: { Type: 'String', Default: '', NoEcho: true, Description: 'Mail server, such as smtps://user:password@host; empty: no mail' },
  MailFrom: { Type: 'String', Default: '', Description: 'Sender of mail, such as Holdfast <holdfast@example.org>' },
  FsmOpenSetup: { Type: 'String', Default: 'off', AllowedValues: ['off', 'on'], Description: 'Whether anyone may create a tenant' },
  FsmSetupPerHour: { Type: 'String', Default: '', Description: 'Such attempts an hour and network; empty: 5' },
  FsmTokenMissesPerMinute: { Type: 'String', Default: '', Description: 'Unknown links to appointments a minute and network; empty: 20' },
  FsmTokenUrl: { Type: 'String', Default: '', Description: 'Where client credentials become a token, with {cluster}; empty: the partner' },
} as const

/** Settings that are handed to the function as they are given to the stack. */
const handedOn: Readonly<Record<string, keyof typeof parameters>> = {
  HOLDFAST_KEY_WRAPPED: 'WrappedKey',
  HOLDFAST_KEY_WRAPPED_FORMER: 'FormerWrappedKeys',
  HOLDFAST_TENANT: 'TenantName',
  HOLDFAST_OWNER_USERNAME: 'OwnerUsername',
  HOLDFAST_CORS_ORIGINS: 'CorsOrigins',
  HOLDFAST_PUBLIC_URL: 'PublicUrl',
  DOMAIN: 'Domain',
  HOLDFAST_TRUST_PROXY: 'TrustProxy',
  HOLDFAST_SMTP_URL: 'SmtpUrl',
  HOLDFAST_MAIL_FROM: 'MailFrom',
  HOLDFAST_FSM_OPEN_SETUP: 'FsmOpenSetup',
  HOLDFAST_FSM_SETUP_PER_HOUR: 'FsmSetupPerHour',
  HOLDFAST_FSM_TOKEN_MISSES_PER_MINUTE: 'FsmTokenMissesPerMinute',
  HOLDFAST_FSM_TOKEN_URL: 'FsmTokenUrl',
}

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
        // mail holds links, and nobody called at an address: the function's own is told
        Input: sub(scheduledEvent({ does: 'work', url: at('FunctionUrl.FunctionUrl') })),
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
        Input: sub(scheduledEvent({ does: 'all', url: at('FunctionUrl.FunctionUrl') })),
        RetryPolicy: { MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: 3600 },
      },
    },
  },
})

const scheduledEvent = (detail: object): string => JSON.stringify({ source: 'aws.scheduler', 'detail-type': 'Scheduled Event', detail })

function lambdaFunction({ environment, tableSettings }: Options): Resource {
  const variables: Record<string, Value> = {
    NODE_ENV: 'production',
    HOLDFAST_STORAGE: sub(`dynamodb://${at('AWS::Region')}?prefix=${prefixOf(environment)}`),
    HOLDFAST_OBJECTS: sub(`s3://${at('ObjectsBucket')}?region=${at('AWS::Region')}`),
    HOLDFAST_BACKUP: sub(`s3://${at('BackupsBucket')}?region=${at('AWS::Region')}`),
    HOLDFAST_KMS_KEY: arnOf('MasterKey'),
    ...Object.fromEntries(Object.entries(handedOn).map(([setting, parameter]) => [setting, ref(parameter)])),
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
