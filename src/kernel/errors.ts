/** HTTP status of each kind of error: the one table (EXAMPLES.md, house rule 5; RFC 9110 section 15). */
export const statusOf = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method: 405,
  conflict: 409,
  gone: 410,
  stale: 412,
  too_large: 413,
  media_type: 415,
  unprocessable: 422,
  limited: 429,
  internal: 500,
  unsupported: 501,
  partner: 502,
  unavailable: 503,
  no_space: 507,
} as const

export type ErrorKind = keyof typeof statusOf

export type FieldError = { field: string; message: string }

export type ErrorOptions = {
  cause?: unknown
  /** One entry per invalid field, for validation errors. */
  errors?: FieldError[]
  /** Whole seconds after which a retry makes sense; sent as `Retry-After`. */
  retryAfterSeconds?: number
  /** Further members of the answer (RFC 9457 section 3.2), such as the version that there is. */
  extra?: Readonly<Record<string, unknown>>
}

/** The only error that crosses a layer. `code` is stable and listed in docs/errors.md; the message is one sentence a person can act on and never names storage. */
export class AppError extends Error {
  override name = 'AppError'
  readonly kind: ErrorKind
  readonly code: string
  readonly errors: FieldError[] | undefined
  readonly retryAfterSeconds: number | undefined
  readonly extra: Readonly<Record<string, unknown>> | undefined

  constructor(kind: ErrorKind, code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.kind = kind
    this.code = code
    this.errors = options.errors
    this.retryAfterSeconds = options.retryAfterSeconds
    this.extra = options.extra
  }

  get status(): number {
    return statusOf[this.kind]
  }
}

/** The 404 that absent and foreign rows share, so that neither can be told from the other. */
export const notFound = () => new AppError('not_found', 'not_found', 'There is nothing at this address.')
