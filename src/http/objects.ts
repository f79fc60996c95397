import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../kernel/errors.ts'
import type { Objects } from '../objects/port.ts'

export const objectRoutes = (['GET', 'PUT', 'POST'] as const).map((method) => ({ method, path: '/objects/*' }))

/** A file of 50 MiB and the form around it. */
const mostBytes = 53 * 1024 * 1024

/** Answers signed addresses of files that this server keeps itself. Whoever has one needs no other credential; its signature says what may be done with it. */
export async function addObjects(app: FastifyInstance, objects: () => Promise<Objects>): Promise<void> {
  await app.register((scope, _options, done) => {
    // the bytes go where they belong as they come: nothing of a file is held in memory
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, payload, parsed) => parsed(null, payload))
    for (const { method, path } of objectRoutes)
      scope.route({
        method,
        url: path,
        bodyLimit: mostBytes,
        async handler(request, reply) {
          const { signed } = await objects()
          if (signed === null) throw new AppError('not_found', 'unknown_path', 'There is nothing at this address.')
          request.holdfast.operation = `object.${method.toLowerCase()}`
          const answer = await signed({
            method,
            url: request.url,
            headers: headersOf(request),
            body: method === 'GET' ? none() : request.raw,
          })
          reply.code(answer.status).headers(answer.headers)
          return answer.body === null ? reply.send() : reply.send(answer.body)
        },
      })
    done()
  })
}

const headersOf = ({ headers }: FastifyRequest): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]))

async function* none(): AsyncGenerator<Uint8Array> {}
