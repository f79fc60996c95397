import type { OpenApi } from '../http/openapi-types.ts'
import { readErrorList } from './error-list.ts'

export type Documented = (method: string, url: string, status: number, code: string | undefined) => void

type Place = { matches: RegExp; parameters: number; methods: OpenApi['paths'][string] }

const explained = readErrorList()

/** Throws for a status that the API description does not have for this call, and for a problem whose code docs/errors.md does not have. Calls that it does not know (unknown paths, other methods) are left alone. */
export function createDocumented(description: OpenApi): Documented {
  const places = Object.entries(description.paths)
    .map(([path, methods]): Place => {
      const pattern = path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')
      return { matches: new RegExp(`^${pattern}$`), parameters: path.split('{').length - 1, methods }
    })
    .sort((a, b) => a.parameters - b.parameters)
  return (method, url, status, code) => {
    if (code !== undefined && !explained.has(code)) throw new Error(`docs/errors.md does not explain ${code}`)
    const [path = ''] = url.split('?')
    const operation = places.find(({ matches }) => matches.test(path))?.methods[method.toLowerCase()]
    if (operation === undefined || String(status) in operation.responses) return
    throw new Error(`${method} ${path} answered ${status}, which /openapi.json does not say. Name it in the route's \`problems\`.`)
  }
}
