import { loadAwsServiceSpec } from '@aws-cdk/aws-service-spec'

/** The parts of the published resource schemas that are looked at; the package's own types say more. */
type PropertyType =
  | { type: 'string'; allowedValues?: readonly string[] }
  | { type: 'integer' | 'boolean' | 'json' | 'tag' }
  | { type: 'array' | 'map'; element: PropertyType }
  | { type: 'ref'; reference: { $ref: string } }
  | { type: 'union'; types: readonly PropertyType[] }
type Property = { type: PropertyType; required?: boolean }
type Properties = Readonly<Record<string, Property>>

type Template = {
  Parameters: Record<string, unknown>
  Resources: Record<string, { Type: string; Properties: Record<string, unknown> }>
  Outputs: Record<string, unknown>
}

const resourceKeys = new Set(['Type', 'Properties', 'DeletionPolicy', 'UpdateReplacePolicy'])
const tag: Properties = { Key: { type: { type: 'string' }, required: true }, Value: { type: { type: 'string' }, required: true } }
const pseudo = new Set(['AWS::AccountId', 'AWS::Partition', 'AWS::Region', 'AWS::StackName'])
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Checks templates against the schemas that AWS publishes for its resources (the npm package @aws-cdk/aws-service-spec): types, property names, required ones, values, attributes, and that
 * whatever is named exists. Returns a function that finds what is wrong, in words.
 */
export async function resourceSchemas(): Promise<(template: Template) => string[]> {
  const database = await loadAwsServiceSpec()

  return (template) => {
    const problems: string[] = []
    const schemaOf = (type: string) => [...database.lookup('resource', 'cloudFormationType', 'equals', type)][0]

    function exists(path: string, name: string, attribute: string | null): void {
      const resource = template.Resources[name]
      if (resource === undefined) {
        if (attribute !== null || !(name in template.Parameters || pseudo.has(name))) problems.push(`${path}: there is no ${name}`)
      } else if (attribute !== null && !(attribute in (schemaOf(resource.Type)?.attributes ?? {})))
        problems.push(`${path}: ${resource.Type} has no attribute ${attribute}`)
    }

    /** A function of CloudFormation's own: true when it is one. Its value is a text. */
    function isFunction(path: string, value: Record<string, unknown>): boolean {
      const [[name, argument] = ['', null], ...more] = Object.entries(value)
      if (more.length > 0 || !/^(Ref|Fn::\w+)$/.test(name)) return false
      if (name === 'Ref') exists(path, String(argument), null)
      else if (name === 'Fn::GetAtt') exists(path, ...(argument as [string, string]))
      else if (name === 'Fn::Sub')
        for (const [, target = '', attribute] of String(argument).matchAll(/\$\{([^}.]+)(?:\.([^}]+))?\}/g))
          exists(path, target, attribute ?? null)
      else problems.push(`${path}: ${name} is not known here`)
      return true
    }

    function walk(path: string, value: unknown): void {
      if (Array.isArray(value)) for (const [place, item] of value.entries()) walk(`${path}[${place}]`, item)
      else if (isObject(value) && !isFunction(path, value)) for (const [name, item] of Object.entries(value)) walk(`${path}.${name}`, item)
    }

    function checkObject(path: string, properties: Properties, value: unknown): void {
      if (!isObject(value)) {
        problems.push(`${path}: is no object`)
        return
      }
      for (const [name, item] of Object.entries(value)) {
        const known = properties[name]
        if (known === undefined) problems.push(`${path}.${name}: is no property of it`)
        else check(`${path}.${name}`, known.type, item)
      }
      for (const [name, { required }] of Object.entries(properties))
        if (required === true && !(name in value)) problems.push(`${path}.${name}: is required`)
    }

    function check(path: string, type: PropertyType, value: unknown): void {
      if (isObject(value) && type.type !== 'json' && isFunction(path, value)) return
      const told = (what: string) => void problems.push(`${path}: ${what}`)
      if (type.type === 'string') {
        if (typeof value !== 'string') told('is no text')
        else if (type.allowedValues?.includes(value) === false) told(`${value} is none of its values`)
      } else if (type.type === 'boolean') {
        if (typeof value !== 'boolean') told('is neither true nor false')
      } else if (type.type === 'integer') {
        if (!Number.isInteger(value)) told('is no integer')
      } else if (type.type === 'array') {
        if (!Array.isArray(value)) told('is no list')
        else for (const [place, item] of value.entries()) check(`${path}[${place}]`, type.element, item)
      } else if (type.type === 'map') {
        if (!isObject(value)) told('is no object')
        else for (const [name, item] of Object.entries(value)) check(`${path}.${name}`, type.element, item)
      } else if (type.type === 'union') {
        // of a document or its text, the one that was given
        const fitting = type.types.filter((each) => (each.type === 'string') === (typeof value === 'string'))
        for (const each of fitting) check(path, each, value)
      } else if (type.type === 'tag') checkObject(path, tag, value)
      else if (type.type === 'ref') checkObject(path, database.get('typeDefinition', type.reference.$ref).properties as Properties, value)
      else walk(path, value)
    }

    for (const [name, resource] of Object.entries(template.Resources)) {
      const schema = schemaOf(resource.Type)
      if (!/^[A-Za-z0-9]{1,255}$/.test(name)) problems.push(`${name}: is no logical id`)
      for (const key of Object.keys(resource)) if (!resourceKeys.has(key)) problems.push(`${name}.${key}: is not known here`)
      if (schema === undefined) problems.push(`${name}: there is no resource ${resource.Type}`)
      else checkObject(name, schema.properties as Properties, resource.Properties)
    }
    walk('Outputs', template.Outputs)
    return problems
  }
}
