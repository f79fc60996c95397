/** A value of a template: JSON, with CloudFormation's own functions in it. */
export type Value = string | number | boolean | readonly Value[] | { readonly [key: string]: Value }

export type Resource = { Type: string; Properties: { [key: string]: Value }; DeletionPolicy?: 'Retain'; UpdateReplacePolicy?: 'Retain' }

export type Resources = { [logicalId: string]: Resource }

export const environments = ['dev', 'staging', 'prod'] as const
export type Environment = (typeof environments)[number]

export const ref = (name: string): Value => ({ Ref: name })
export const arnOf = (name: string): Value => ({ 'Fn::GetAtt': [name, 'Arn'] })
export const sub = (text: string): Value => ({ 'Fn::Sub': text })
/** A value in the text of `sub`. */
export const at = (name: string): string => `$\{${name}}`

/** What stays when the stack goes: nobody loses data by deleting a stack. */
export const kept = { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' } as const

export type Tags = readonly { Key: string; Value: string }[]

export const tagsFor = (environment: Environment, purpose: string): Tags => [
  { Key: 'Environment', Value: environment },
  { Key: 'Application', Value: 'holdfast' },
  { Key: 'Purpose', Value: purpose },
]
