import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../kernel/errors.ts'
import { addressesOf, type Route, type Surface } from './route.ts'

type Table = { surface: Surface; routes: readonly Pick<Route, 'method' | 'path'>[] }

export type OtherMethods = {
  /** Refuses a request that no route answers, if its path is known. Errors: `method_not_allowed`, `unknown_path`. */
  refuse(request: FastifyRequest, reply: FastifyReply): void
}

type Known = { surface: Surface; url: string; segments: readonly string[]; methods: Set<string> }

const refusable = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/**
 * A known path with a method it lacks is 405, or, where the surface says so, like an unknown path. The router would need a route for each of them, more than there are operations, and takes
 * long to make them: so only those get one that a less exact path would take otherwise, as `/users/:id` takes what is sent to `/users/counts`. For the rest `refuse` looks at a request
 * that no route answers, before its body is read.
 */
export function otherMethods(app: FastifyInstance, tables: readonly Table[]): OtherMethods {
  const known = tables.flatMap(knownOf).sort((a, b) => exactness(a.segments, b.segments))
  for (const one of known) {
    const takers = known.filter((other) => takes(other, one))
    const method = refusable.filter((name) => !one.methods.has(name) && takers.some((other) => other.methods.has(name)))
    if (method.length === 0) continue
    app.route({
      method,
      url: one.url,
      onRequest: async (request, reply) => refuseMethod(one, request, reply),
      handler: async () => undefined,
    })
  }
  return {
    refuse(request, reply) {
      const segments = segmentsAsked(request.url)
      const one = known.find((candidate) => isAt(candidate.segments, segments))
      if (one !== undefined && refusable.some((name) => name === (request.method === 'HEAD' ? 'GET' : request.method)))
        refuseMethod(one, request, reply)
    },
  }
}

function knownOf({ surface, routes }: Table): Known[] {
  const known = new Map<string, Known>()
  for (const { path, method } of routes)
    for (const url of addressesOf(surface, { path })) {
      const one = known.get(url) ?? { surface, url, segments: url.split('/'), methods: new Set() }
      one.methods.add(method)
      known.set(url, one)
    }
  return [...known.values()]
}

function refuseMethod({ surface, methods }: Known, request: FastifyRequest, reply: FastifyReply): never {
  request.holdfast.surface = surface
  if (surface.wrongMethod === 404) throw new AppError('not_found', 'unknown_path', 'There is nothing at this address.')
  const allow = [...methods].sort().join(', ')
  reply.header('Allow', allow)
  throw new AppError('method', 'method_not_allowed', `This address knows only ${allow}.`)
}

const isParameter = (segment: string): boolean => segment.startsWith(':')

const rank = (segment: string | undefined): number => (segment === undefined ? 3 : segment === '*' ? 2 : isParameter(segment) ? 1 : 0)

/** As the router does: what stands in the path word for word comes before parameters, those before the rest of a path. */
function exactness(a: readonly string[], b: readonly string[]): number {
  for (let n = 0; n < Math.min(a.length, b.length); n += 1) {
    const order = rank(a[n]) - rank(b[n])
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** Whether some request to `exact` would go to `other`, if `exact` had no route for its method. */
function takes(other: Known, exact: Known): boolean {
  const isLess = exactness(exact.segments, other.segments) < 0
  return isLess && isAt(other.segments, exact.segments, (one, another) => one === another || isParameter(another))
}

const isSame = (segment: string, asked: string): boolean => segment === asked

/** Whether a path, or with another `meets` one of a pattern's paths, is at a pattern's address. */
function isAt(pattern: readonly string[], path: readonly string[], meets = isSame): boolean {
  const isOpen = pattern.at(-1) === '*'
  if (isOpen ? path.length < pattern.length : path.length !== pattern.length) return false
  return pattern.every((segment, n) => segment === '*' || isParameter(segment) || meets(segment, path[n] ?? ''))
}

function segmentsAsked(url: string): string[] {
  const [path = ''] = url.split('?')
  try {
    return decodeURI(path).split('/')
  } catch {
    return path.split('/')
  }
}
