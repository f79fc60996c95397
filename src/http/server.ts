import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import compress from '@fastify/compress'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { AppError } from '../kernel/errors.ts'
import { addConsole, consoleRoutes } from './console.ts'
import { createCors } from './cors.ts'
import { addDocs, docsRoutes } from './docs.ts'
import { bodyBrokeOff, fail, refuseConnection, refuseExpectation } from './fail.ts'
import { createFollow } from './follow.ts'
import { apiHeaders } from './headers.ts'
import { createRateLimit, showShare, wholeShare } from './limits.ts'
import { addObjects, objectRoutes } from './objects.ts'
import { type OtherMethods, otherMethods } from './other-methods.ts'
import { type ServerParts, visitOf } from './parts.ts'
import { addPublicPages, publicPages } from './public-pages.ts'
import { addRoute, noStreams } from './serve.ts'
import { endUnusedConnections } from './unused-connections.ts'

/** The door: limits, request id, credentials → principal, then the surface's table. It takes no business decision. */
export async function createServer(parts: ServerParts): Promise<FastifyInstance> {
  const { runtime, surfaces, settings } = parts
  const cors = createCors(settings.corsOrigins)

  /** First on every request. True = answered. */
  function enter(request: FastifyRequest, reply: FastifyReply): boolean {
    request.holdfast = visitOf(parts, request)
    follow(request, reply)
    reply.headers(apiHeaders).header('X-Request-Id', request.id)
    const { surface } = request.holdfast
    // also of what no route answers
    if (surface.showsRate === true) showShare(reply, wholeShare(settings.requestsPerMinute), runtime.clock.realMs())
    return cors(request, reply, surface)
  }

  const app = fastify({
    logger: false,
    bodyLimit: 1024 * 1024,
    // a request without Host is refused below, as a problem
    http: { requireHostHeader: false },
    forceCloseConnections: 'idle',
    requestTimeout: 60_000,
    // our own refusal says so in our own shape
    return503OnClosing: false,
    // bodies are checked by operations: Fastify's own compilers of schemas, eight megabytes of them, are never loaded
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
    routerOptions: { maxParamLength: 4096, ignoreTrailingSlash: false },
    genReqId: () => runtime.ids.newId(),
    // addresses that cannot be routed come here past every hook
    frameworkErrors(error, request, reply) {
      if (!enter(request, reply)) fail(request, reply, error)
    },
    clientErrorHandler: (error, socket) => refuseConnection(error, socket, runtime.ids.newId()),
  })
  const follow = createFollow(app, parts.answered)
  let others: OtherMethods | null = null
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.decorateRequest('holdfast', null as never)
  app.addHook('onRequest', async (request, reply) => {
    if (enter(request, reply)) return reply
    if (request.raw.httpVersion === '1.1' && request.headers.host === undefined)
      throw new AppError('invalid', 'bad_request', 'The header Host is missing (RFC 9112, section 3.2).')
    if (request.is404) others?.refuse(request, reply)
    if (!settings.streams && /\bwebsocket\b/i.test(request.headers.upgrade ?? '')) throw noStreams()
  })
  // a body that its client took along while its credential was looked up would be waited for without an end
  app.addHook('preParsing', ({ raw }, _reply, payload, done) => done(raw.readableAborted && hasBody(raw) ? bodyBrokeOff() : null, payload))
  app.server.on('checkExpectation', (_request, response) => refuseExpectation(response, runtime.ids.newId()))
  endUnusedConnections(app)
  // open streams end before the server waits for its requests
  app.addHook('preClose', async () => runtime.hub.close())
  app.setErrorHandler((error, request, reply) => fail(request, reply, error))
  app.setNotFoundHandler(() => {
    throw new AppError('not_found', 'unknown_path', 'There is nothing at this address.')
  })
  const take = createRateLimit(settings.requestsPerMinute, runtime.clock.realMs)
  const placed = surfaces.flatMap((surface) => surface.routes.map((route) => ({ surface, route, take })))
  for (const place of placed) if (place.route.options.compress !== true) addRoute(app, parts, place)
  // a scope of their own, because the plugin's hooks would cost every request of its scope
  await app.register((scope, _options, done) => {
    scope.register(compress, { global: false, encodings: ['br', 'gzip'] })
    scope.after(() => {
      for (const place of placed) if (place.route.options.compress === true) addRoute(scope, parts, place)
    })
    done()
  })
  addDocs(app)
  addPublicPages(app)
  addConsole(app, pathToFileURL(`${join(import.meta.dirname, '../../console/dist')}/`), settings.pictures)
  await addObjects(app, runtime.services.objects)
  const [first] = surfaces
  const pages = [...docsRoutes, ...publicPages, ...consoleRoutes, ...objectRoutes]
  others = otherMethods(app, [
    ...surfaces.map((surface) => ({ surface, routes: surface.routes })),
    ...(first === undefined ? [] : [{ surface: first, routes: pages }]),
  ])
  return app
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

function noCompiler(): never {
  throw new Error('No route has a Fastify schema')
}
