import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Answered } from './parts.ts'

type Tell = (answered: Answered) => void

/**
 * Tells once of every request how it ended: when the answer is out, or, where the client left before that, when the work for it has come to its end, so that a failure nobody waits for is
 * heard of too. Returns what follows one request.
 */
export function createFollow(app: FastifyInstance, tell: Tell): (request: FastifyRequest, reply: FastifyReply) => void {
  const left = new WeakMap<FastifyRequest, () => void>()
  app.addHook('onSend', (request, _reply, payload, done) => {
    left.get(request)?.()
    done(null, payload)
  })
  return (request, reply) => {
    let isTold = false
    const end = (isAborted: boolean) => {
      if (isTold) return
      isTold = true
      tell({ ...answeredBy(request, reply), isAborted })
    }
    reply.raw.once('finish', () => end(false))
    reply.raw.once('close', () => (reply.raw.headersSent ? end(true) : left.set(request, () => end(true))))
  }
}

function answeredBy(request: FastifyRequest, reply: FastifyReply): Omit<Answered, 'isAborted'> {
  const { surface, operation, origin, authenticated, error, startedMs } = request.holdfast
  return {
    surface: surface.name,
    operation: operation ?? '(none)',
    method: request.method,
    path: request.routeOptions.url ?? '(unknown)',
    status: reply.statusCode,
    seconds: (performance.now() - startedMs) / 1000,
    requestId: origin.requestId,
    principal: authenticated.principal,
    code: error?.code ?? null,
    error,
  }
}
