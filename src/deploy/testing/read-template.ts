import type { Loose } from '../../testing/server.ts'
import { type Template, template } from '../cloudformation.ts'
import type { Resource } from '../template.ts'

export const dev = template('dev', {})

/** As it is printed, for tests to reach into. */
export const json = (value: unknown): Loose => JSON.parse(JSON.stringify(value))

export const ofType = (type: string, of: Template = dev): [string, Resource][] =>
  Object.entries(of.Resources).filter(([, { Type }]) => Type === type)

export const properties = (name: string, of: Template = dev): Loose => json(of.Resources[name]?.Properties)

/** `resources` are texts: `UsersTable.Arn`, `${UsersTable.Arn}/index/*`. */
export type Statement = { sid: string; effect: string; actions: string[]; resources: string[] }

type Said = { Sid: string; Effect: string; Action: string[]; Resource: { 'Fn::GetAtt'?: string[]; 'Fn::Sub'?: string }[] }

/** Everything that a role's policies say. */
export function statementsOf(role: string): Statement[] {
  const policies = JSON.parse(JSON.stringify(dev.Resources[role]?.Properties.Policies)) as { PolicyDocument: { Statement: Said[] } }[]
  return policies
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
    .map(({ Sid, Effect, Action, Resource }) => ({
      sid: Sid,
      effect: Effect,
      actions: Action,
      resources: Resource.map((resource) => resource['Fn::Sub'] ?? resource['Fn::GetAtt']?.join('.') ?? JSON.stringify(resource)),
    }))
}
