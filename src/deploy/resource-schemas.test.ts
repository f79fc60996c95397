import { beforeAll, expect, test } from 'vitest'
import { template } from './cloudformation.ts'
import { at, environments } from './template.ts'
import { resourceSchemas } from './testing/resource-schemas.ts'

let problemsOf: Awaited<ReturnType<typeof resourceSchemas>>
beforeAll(async () => {
  problemsOf = await resourceSchemas()
})

/** The template with another value at a path; undefined takes it away. */
function planted(path: string, value: unknown): Parameters<typeof problemsOf>[0] {
  const copy = JSON.parse(JSON.stringify(template('dev', {})))
  const steps = path.split('.')
  const last = steps.pop() ?? ''
  let at: Record<string, unknown> = copy
  for (const step of steps) at = at[step] as Record<string, unknown>
  if (value === undefined) delete at[last]
  else at[last] = value
  return copy
}

test.each(environments)('the template for %s fits the published schemas of its resources', (environment) => {
  expect(problemsOf(JSON.parse(JSON.stringify(template(environment, { USERS_TABLE_NAME: 'people' }))))).toEqual([])
})

test.each<[string, string, unknown, RegExp]>([
  ['a resource that does not exist', 'Resources.Function.Type', 'AWS::Lambda::Funktion', /no resource AWS::Lambda::Funktion/],
  ['a misspelt property', 'Resources.UsersTable.Properties.DeletionProtection', true, /DeletionProtection: is no property/],
  ['a misspelt property further in', 'Resources.UsersTable.Properties.SSESpecification', { Enabled: true }, /Enabled: is no property/],
  ['a property that is missing', 'Resources.UsersTable.Properties.KeySchema', undefined, /UsersTable\.KeySchema: is required/],
  ['a value that is not allowed', 'Resources.FunctionUrl.Properties.AuthType', 'OPEN', /OPEN is none of its values/],
  ['a text for a number', 'Resources.Function.Properties.MemorySize', '1024', /MemorySize: is no integer/],
  ['one for a list', 'Resources.Function.Properties.Architectures', 'arm64', /Architectures: is no list/],
  ['a tag without a value', 'Resources.UsersTable.Properties.Tags', [{ Key: 'a' }], /Value: is required/],
  ['a reference to nothing', 'Resources.Function.Properties.Role', { Ref: 'Nobody' }, /there is no Nobody/],
  ['an attribute that is none', 'Outputs.FunctionArn.Value', { 'Fn::GetAtt': ['Function', 'Url'] }, /no attribute Url/],
  ['a reference to nothing within a text', 'Outputs.FunctionArn.Value', { 'Fn::Sub': `a-${at('Nobody.Arn')}` }, /there is no Nobody/],
  [
    'a reference to nothing within a policy',
    'Resources.FunctionRole.Properties.Policies.0.PolicyDocument.Statement.0.Resource',
    { 'Fn::GetAtt': ['Nobody', 'Arn'] },
    /there is no Nobody/,
  ],
  ['a key that resources do not have', 'Resources.UsersTable.DeletePolicy', 'Retain', /DeletePolicy: is not known/],
])('%s is found', (_, path, value, words) => {
  expect(problemsOf(planted(path, value))).toContainEqual(expect.stringMatching(words))
})
