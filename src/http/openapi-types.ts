/** The parts of an OpenAPI 3.1 document that we write. */
export type JsonSchema = { [keyword: string]: unknown }

export type Reference = { $ref: string }

export type Parameter = { name: string; in: 'path' | 'query' | 'header'; required?: boolean; description?: string; schema: JsonSchema }

export type MediaTypes = Record<string, { schema: JsonSchema; example?: unknown; examples?: Record<string, Reference> }>

export type Response = { description: string; headers: Record<string, Reference>; content?: MediaTypes }

export type RequestBody = { required: boolean; content: MediaTypes }

export type OperationObject = {
  operationId: string
  summary: string
  description: string
  tags: string[]
  security: Record<string, string[]>[]
  parameters?: (Parameter | Reference)[]
  requestBody?: RequestBody
  responses: Record<string, Response>
}

export type OpenApi = {
  openapi: '3.1.0'
  info: { title: string; version: string; description: string; license: { name: string; identifier: string } }
  servers: { url: string }[]
  tags: { name: string }[]
  paths: Record<string, Record<string, OperationObject>>
  components: Record<string, Record<string, JsonSchema>>
}
