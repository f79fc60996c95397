import { METHODS } from 'node:http'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { keepHouse } from '../cli/housekeeping.ts'
import { readConfig } from '../config.ts'
import { apiHeaders } from '../http/headers.ts'
import { createLogger } from '../http/log.ts'
import { problemBody, problemType } from '../http/problem.ts'
import type { JobHandlers } from '../job/handler.ts'
import { runDueJobs } from '../job/work.ts'
import { jobHandlers } from '../job-handlers.ts'
import { AppError } from '../kernel/errors.ts'
import { idSource } from '../kernel/id.ts'
import { type Holdfast, openHoldfast } from '../main.ts'
import { copyJobsElsewhere } from '../media/copies.ts'
import { buildServer } from '../server.ts'
import type { FirstOwner } from '../session/first-start.ts'
import { createBusinessMetrics } from './emf.ts'
import { type Incoming, type LambdaEvent, readEvent } from './lambda-event.ts'
import { type Answer, type LambdaResult, lambdaResult } from './lambda-result.ts'

/** What a schedule's call did. */
export type KeptUp = {
  /** Background jobs that were taken. */
  jobs: number
  /** Expired rows. */
  removed: number
  /** Whether signing keys got successors. */
  rotated: boolean
  /** What is wrong with the storage: a table without its protection. They are in the log too. */
  problems: readonly string[]
}

export type LambdaHandler = {
  /**
   * Answers one event, a second before `remainingMs` have passed at the latest: a hanging storage is a 503 and not the silence of a process that AWS has ended.
   * Errors: `unreadable_event`; of a schedule's call whatever its jobs failed with, so that AWS calls again.
   */
  handle(event: unknown, remainingMs?: number): Promise<LambdaResult | KeptUp>
  /** Finishes what was accepted and closes the store. Lambda never does: it freezes the process between events and ends it some day. */
  close(): Promise<void>
}

type Options = {
  environment: Readonly<Record<string, string | undefined>>
  /** Takes lines at once, so that none is left to write after the answer. */
  logTo(line: string): void
  /** Takes lines in CloudWatch's embedded metric format; absent = no such metrics. */
  metricsTo?(line: string): void
  /** How to open the store; default `openHoldfast`. */
  openStore?: typeof openHoldfast
  /** Told when the first tenant was made. */
  madeFirst(owner: FirstOwner): void
}

type Opened = { holdfast: Holdfast; app: FastifyInstance; handlers: JobHandlers }

/**
 * The server behind AWS Lambda: the same routes, rules and bodies, one event at a time. The store is opened by the first event and kept for those that follow; one that could not be opened
 * is tried again by the next. Everything that an event did is done when its answer leaves: nothing is put off, and nothing that matters stays in memory. No event is ever logged.
 */
export function createLambdaHandler(options: Options): LambdaHandler {
  const { environment, logTo } = options
  const ids = idSource()
  const metrics = createBusinessMetrics({ functionName: environment.AWS_LAMBDA_FUNCTION_NAME ?? 'holdfast', nowMs: Date.now })
  const isAddressSet = Boolean(environment.HOLDFAST_PUBLIC_URL?.trim())
  let opening: Promise<Opened> | null = null

  async function open(): Promise<Opened> {
    const config = readConfig(environment)
    const log = createLogger(config, { write: logTo, flushSync: () => {} })
    try {
      const holdfast = await (options.openStore ?? openHoldfast)(config, log, { committed: metrics.committed, isPassing: true })
      const app = await buildServer(config, holdfast, { observe: metrics.answered, streams: false })
      // nobody follows the log here, so nothing has to look after it between events
      holdfast.runtime.hub.close()
      if (holdfast.firstOwner !== null) options.madeFirst(holdfast.firstOwner)
      await app.ready()
      return { holdfast, app, handlers: config.backup === null ? jobHandlers : { ...jobHandlers, ...copyJobsElsewhere } }
    } catch (error) {
      log.error({ err: error }, 'the store cannot be opened')
      throw error
    }
  }

  const opened = (): Promise<Opened> =>
    (opening ??= open().catch((error) => {
      opening = null
      throw error
    }))

  /** A function does not know where it is reached, so that links lead to where this event came in, unless a setting says where. One event is at work at a time. */
  function linkTo(reachedAt: string | null, { holdfast }: Opened): void {
    if (reachedAt !== null && !isAddressSet) holdfast.runtime.services.settings.publicUrl = reachedAt
  }

  async function answer(request: Incoming, patienceMs: number): Promise<LambdaResult> {
    const startMs = performance.now()
    try {
      if (!METHODS.includes(request.method)) throw new AppError('invalid', 'bad_request', 'This is not a well-formed HTTP request.')
      const open = await within(opened(), patienceMs, notOpenYet).catch((error: unknown) => {
        throw notOpen(error)
      })
      linkTo(request.reachedAt, open)
      const left = patienceMs - (performance.now() - startMs)
      return lambdaResult(await within(open.app.inject(asInjected(request)), left, timedOut), request)
    } catch (error) {
      if (error instanceof AppError) return lambdaResult(refusal(error, ids.newId()), request)
      throw error
    }
  }

  async function keepUp({ does, reachedAt }: Extract<LambdaEvent, { kind: 'schedule' }>, remainingMs: number): Promise<KeptUp> {
    const startMs = performance.now()
    const open = await opened()
    linkTo(reachedAt, open)
    const { runtime } = open.holdfast
    const done = does === 'work' ? { removed: 0, rotated: false } : await keepHouse(runtime)
    const problems = does === 'work' ? [] : await runtime.storage.check()
    if (problems.length > 0) runtime.services.log.error({ problems }, 'storage problem')
    const leftMs = remainingMs - (performance.now() - startMs) - endingMs
    return { jobs: leftMs > 0 ? await runDueJobs(runtime, open.handlers, leftMs) : 0, ...done, problems }
  }

  return {
    async handle(event, remainingMs = Number.POSITIVE_INFINITY) {
      const read = readEvent(event)
      try {
        return read.kind === 'schedule' ? await keepUp(read, remainingMs) : await answer(read, remainingMs - spareMs)
      } finally {
        // what ends with the turn of the event loop, such as a shared read, ends before the process is frozen
        await new Promise((resolve) => setImmediate(resolve))
        if (options.metricsTo !== undefined) for (const line of metrics.take()) options.metricsTo(line)
      }
    },
    async close() {
      const open = await opening?.catch(() => null)
      opening = null
      await open?.app.close()
      await open?.holdfast.close()
    },
  }
}

/** What is left of an event's time for the answer to leave in. */
const spareMs = 1_000

/** What is left of a schedule's call for a job that is told to end. */
const endingMs = 5_000

async function within<T>(work: Promise<T>, patienceMs: number, refuse: () => Error): Promise<T> {
  if (patienceMs === Number.POSITIVE_INFINITY) return work
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(refuse()), Math.max(0, patienceMs))
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}

/** The opening goes on, and the next event waits for the same one. */
const notOpenYet = () => new Error('opening the store takes longer than an event may')

const timedOut = () =>
  new AppError(
    'unavailable',
    'timed_out',
    'The answer took too long. It is not known whether a change was made: repeat the request, with the same Idempotency-Key.',
    { retryAfterSeconds: 5 },
  )

const asInjected = ({ method, url, headers, body, address }: Incoming): InjectOptions => ({
  method: method as NonNullable<InjectOptions['method']>,
  url,
  // without one it would say that it is light-my-request
  headers: { 'user-agent': undefined, ...headers },
  remoteAddress: address,
  ...(body.length === 0 ? {} : { payload: body }),
})

/** Whatever keeps the store from opening, it is not the client's doing and may have passed in a moment. The reason is in the log alone. */
const notOpen = (cause: unknown) =>
  new AppError('unavailable', 'not_open', 'The data cannot be reached right now. Nothing was changed. Try again in a few seconds.', {
    cause,
    retryAfterSeconds: (cause instanceof AppError ? cause.retryAfterSeconds : undefined) ?? 5,
  })

/** A problem from before there is a server that could tell it. */
function refusal(error: AppError, requestId: string): Answer {
  const { status, message, code, retryAfterSeconds } = error
  const headers = {
    ...apiHeaders,
    'x-request-id': requestId,
    'content-type': problemType,
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  }
  return { statusCode: status, headers, rawPayload: Buffer.from(JSON.stringify(problemBody({ status, detail: message }, code, requestId))) }
}
