import type { z } from 'zod'
import type { AnyRole } from '../access/permissions.ts'
import type { Context, Origin, Principal, Runtime } from '../kernel/context.ts'
import type { AppError } from '../kernel/errors.ts'
import type { AnyOperation, Operation } from '../kernel/operation.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** A request as a surface sees it: parsed, authenticated, not yet checked. */
export type WireRequest = {
  method: Method
  params: Record<string, string>
  query: Record<string, string>
  /** Parsed JSON, or the bytes of an upload; undefined when there was no body. */
  body: unknown
  headers: Record<string, string | undefined>
  principal: Principal
  origin: Origin
}

export type Reply = { status?: number; body?: unknown; headers?: Record<string, string | string[]> }

/** What a stream needs after its operation was performed. `again` is the principal as it is now, or null when the credential is good no more. */
export type StreamStart<O> = { output: O; context: Context; runtime: Runtime; again(): Promise<Principal | null> }

export type RouteOptions<O> = {
  /** The reply is an event stream (text/event-stream) that begins where the output says. */
  stream?(start: StreamStart<O>): AsyncIterable<string>
  /** A caller that can send no header may bring a ticket (session/ticket.ts) as `ticket` in the query. */
  ticket?: true
  /** 200 unless said. 204 sends no body. */
  status?: number
  /** What `reply` answers with instead when nothing was stored, as a dry run stores nothing; for the API description. */
  dryStatus?: number
  /** Wire form → operation input. Default: body, then query, then path parameters, and `version` from If-Match. */
  input?(request: WireRequest): unknown
  /** Operation output → wire form. Default: the output as it is. Runs before the commit and must not look at the clock. */
  reply?(output: O, request: WireRequest): Reply
  /** Body limit in bytes when it is not the surface's. */
  bodyLimit?: number
  /** The body is a form with a file in this field, not JSON: `input` gets the bytes of the whole body as a Buffer, whatever the media type says. */
  upload?: { field: string; description: string }
  /** Headers of the reply that depend on the output, such as Location; default ETag when the output has a version. */
  headers?(output: O): Record<string, string>
  /** Compressed when the client asks: for long lists, whose clients choose none of their content. */
  compress?: true
  /** A door of this route's own, before the body is read: throws to refuse. May commit, for counters that a restart must not forget. */
  admit?(asked: {
    runtime: Runtime
    principal: Principal
    origin: Origin
    params: Readonly<Record<string, string>>
    query: Readonly<Record<string, string>>
  }): Promise<void>
  /** A share of requests a minute of its own, under this name, instead of the standard one. */
  rate?: { name: string; perMinute: number }
  /** Outside the per-user rate limit. */
  unlimited?: true
  /** Answers before the server is ready and while it stops. */
  evenUnready?: true
  /** No Idempotency-Key here: sign-in and refresh. */
  notIdempotent?: true
  /** Examples for the API description. */
  example?: { request?: unknown; response?: unknown }
  /** Statuses that this route can answer beside its success, with the problem codes; for the API description. */
  problems?: Readonly<Record<number, readonly string[]>>
  /** Query parameters for the API description, where `input` maps them. */
  query?: Readonly<Record<string, string>>
  /** The body as it is sent, for the API description, where `input` maps it. Nothing is checked against it. */
  requestSchema?: z.ZodType
  /** The body as it is answered, for the API description, where `reply` maps the output. Nothing is checked against it. */
  responseSchema?: z.ZodType
  /** Media type of the reply when it is no JSON; `reply` sends it too. */
  responseType?: string
  /** The body of `reply` is Base64, and its bytes are sent. */
  isBase64?: true
}

export type Route = { method: Method; path: string; operation: AnyOperation; options: RouteOptions<never> }

/** One line of a surface's table. `path` uses `:name` for parameters. */
export function route<I extends z.ZodType, O extends z.ZodType>(
  method: Method,
  path: string,
  operation: Operation<I, O>,
  options: RouteOptions<z.output<O>> = {},
): Route {
  return { method, path, operation, options: options as RouteOptions<never> }
}

/** One client family's dialect. No rule lives here: it maps words (DESIGN.md section 3, idea 5). */
export type Surface = {
  name: string
  /** What its paths begin with; the longest matching prefix answers for unknown paths. */
  prefix: string
  routes: readonly Route[]
  /** Body limit in bytes. */
  bodyLimit: number
  /** An error in this dialect: status, body fields over the shared problem shape. */
  problem(
    error: AppError,
    request: { method: string; path: string; operation: string | null; role: AnyRole | null },
  ): { status: number; title?: string; detail: string; code?: string; extra?: Record<string, unknown> }
  /** Body rules: a body that is no object is refused; an absent one is undefined, or `{}`. */
  emptyBody: 'undefined' | 'object'
  /** False: only JSON media types are taken (415). True: whatever the type says, the body is read as JSON. */
  anyMediaType: boolean
  /** Paths that end in a slash work without it too. */
  slashMayLack?: true
  /** Every reply says what is left of the caller's share of requests: `X-RateLimit-Limit`, `-Remaining`, `-Reset` (unix seconds). */
  showsRate?: true
  /** What an Idempotency-Key may be, where it is not 1 to 255 visible ASCII characters. */
  idempotencyKey?: RegExp
  /** A known path with a method it lacks: 405, or 404 as for an unknown path. */
  wrongMethod: 405 | 404
  /** A credential that comes along to a public route is looked at: a bad one is refused, a good one says who asks. Absent: public routes look at none. */
  knowsCallers?: true
  /** How a preflight is answered, where clients want more than 204 without a body. Methods and headers are told to listed origins alone. */
  preflight?: { status: number; body: unknown; methods: string; headers: string }
}

/** The addresses of a route: where the surface says so, also the one without the slash at its end. */
export const addressesOf = (surface: Surface, { path }: Pick<Route, 'path'>): string[] =>
  surface.slashMayLack === true && path.endsWith('/') ? [path, path.slice(0, -1)] : [path]
