import { beforeAll, expect, test } from 'vitest'
import { template } from './cloudformation.ts'
import { environments } from './template.ts'
import { resourceSchemas } from './testing/resource-schemas.ts'

// biome-ignore lint/suspicious/noExplicitAny: JSON that mistakes are planted in
type Json = any
let problemsOf: (template: Json) => string[]
beforeAll(async () => {
  problemsOf = await resourceSchemas()
})

const made = (settings = {}): Json => JSON.parse(JSON.stringify(template('dev', settings)))

test.each(environments)('the template for %s fits the published schemas of its resources', (environment) => {
  expect(problemsOf(template(environment, { USERS_TABLE_NAME: 'people' }))).toEqual([])
})

test.each<[string, (planted: Json) => void, RegExp]>([
  [
    'a resource that does not exist',
    ({ Resources }) => (Resources.Function.Type = 'AWS::Lambda::Funktion'),
    /no resource AWS::Lambda::Funktion/,
  ],
  [
    'a misspelt property',
    ({ Resources }) => (Resources.UsersTable.Properties.DeletionProtection = true),
    /UsersTable\.DeletionProtection: is no property/,
  ],
  [
    'a misspelt property further in',
    ({ Resources }) => (Resources.UsersTable.Properties.SSESpecification = { Enabled: true }),
    /SSESpecification\.Enabled: is no property/,
  ],
  ['a property that is missing', ({ Resources }) => delete Resources.UsersTable.Properties.KeySchema, /UsersTable\.KeySchema: is required/],
  ['a value that is not allowed', ({ Resources }) => (Resources.FunctionUrl.Properties.AuthType = 'OPEN'), /OPEN is none of its values/],
  ['a text for a number', ({ Resources }) => (Resources.Function.Properties.MemorySize = '1024'), /MemorySize: is no integer/],
  ['one for a list', ({ Resources }) => (Resources.Function.Properties.Architectures = 'arm64'), /Architectures: is no list/],
  ['a tag without a value', ({ Resources }) => (Resources.UsersTable.Properties.Tags = [{ Key: 'a' }]), /Value: is required/],
  ['a reference to nothing', ({ Resources }) => (Resources.Function.Properties.Role = { Ref: 'Nobody' }), /there is no Nobody/],
  ['an attribute that is none', ({ Outputs }) => (Outputs.FunctionArn.Value = { 'Fn::GetAtt': ['Function', 'Url'] }), /no attribute Url/],
  [
    'a reference to nothing within a text',
    ({ Outputs }) => (Outputs.FunctionArn.Value = { 'Fn::Sub': `a-\${Nobody.Arn}` }),
    /there is no Nobody/,
  ],
  [
    'a reference to nothing within a policy',
    ({ Resources }) =>
      (Resources.FunctionRole.Properties.Policies[0].PolicyDocument.Statement[0].Resource = { 'Fn::GetAtt': ['Nobody', 'Arn'] }),
    /there is no Nobody/,
  ],
  ['a key that resources do not have', ({ Resources }) => (Resources.UsersTable.DeletePolicy = 'Retain'), /DeletePolicy: is not known/],
])('%s is found', (_, plant, words) => {
  const planted = made()
  plant(planted)
  expect(problemsOf(planted)).toContainEqual(expect.stringMatching(words))
})
