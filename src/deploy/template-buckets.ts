import { arnOf, at, type Environment, kept, type Resource, type Resources, ref, sub, tagsFor, type Value } from './template.ts'

/** Files of people, and backups: versioned, encrypted, closed to the public, reached by TLS alone, kept when the stack goes. */
export const bucketResources = (environment: Environment): Resources => ({
  ObjectsBucket: bucket(environment, 'Files of people', [
    { Id: 'unfinished-uploads', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
  ]),
  ObjectsBucketPolicy: tlsOnly('ObjectsBucket'),
  BackupsBucket: bucket(environment, 'Backups', []),
  BackupsBucketPolicy: tlsOnly('BackupsBucket'),
})

function bucket(environment: Environment, purpose: string, rules: readonly Value[]): Resource {
  return {
    Type: 'AWS::S3::Bucket',
    ...kept,
    Properties: {
      VersioningConfiguration: { Status: 'Enabled' },
      BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }] },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      ...(rules.length === 0 ? {} : { LifecycleConfiguration: { Rules: rules } }),
      Tags: tagsFor(environment, purpose),
    },
  }
}

/** Kept with its bucket, which would be open to plain HTTP without it. */
const tlsOnly = (name: string): Resource => ({
  Type: 'AWS::S3::BucketPolicy',
  ...kept,
  Properties: {
    Bucket: ref(name),
    PolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'TlsOnly',
          Effect: 'Deny',
          Principal: '*',
          Action: 's3:*',
          Resource: [arnOf(name), sub(`${at(`${name}.Arn`)}/*`)],
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
      ],
    },
  },
})
