import { destination, type Level, pino, stdTimeFunctions } from 'pino'
import type { Config } from '../config.ts'
import type { Logger } from '../kernel/services.ts'
import type { Answered } from './parts.ts'
import { redact, redactText } from './redact.ts'

export type Log = Logger & {
  /** Writes what is still in memory, at once. Also done by itself when the process exits. */
  flush(): void
}

/** Where lines go. */
type Destination = { write(line: string): void; flushSync(): void }

/** Marks fields, and the message with them, that are safe as they are. They are flat, because nesting costs more than all the rest of a line. */
const clean = Symbol('clean')

/**
 * JSON lines (pino), without secrets: all fields go through `redact`. Lines are written in the background, in order, many in one write while the disk or terminal is busy, so that a request never
 * waits for them; `flush` before an exit that is none of Node's own.
 */
export function createLogger({ logLevel }: Pick<Config, 'logLevel'>, to: Destination = destination({ dest: 1, sync: false })): Log {
  const options = {
    level: logLevel,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    // `redact` has made a plain object of it
    serializers: { err: (error: unknown) => error },
  }
  const out = pino(options, to)
  const write = (level: Level) => (fields: object, message: string) => {
    if (!out.isLevelEnabled(level)) return
    if (clean in fields) out[level](fields, message)
    else out[level](redact(fields) as object, redactText(message))
  }
  return { info: write('info'), warn: write('warn'), error: write('error'), flush: () => to.flushSync() }
}

/**
 * One line for an answered request, built from named facts alone: no header, body, query or address of the request gets into it, `route` is the pattern. A failure of ours (5xx) carries its
 * stack, which leaves through the log and in no other way.
 */
export function logRequest(log: Logger, answered: Answered): void {
  const { requestId, principal, surface, operation, method, path, status, code, seconds, error, isAborted } = answered
  const facts = {
    [clean]: true,
    requestId,
    actorKind: principal.kind,
    actorId: principal.id,
    tenant: principal.kind === 'anonymous' ? null : principal.tenantId,
    surface,
    operation,
    method,
    route: path,
    status,
    code,
    outcome: status >= 500 ? 'failed' : isAborted ? 'aborted' : status >= 400 ? 'refused' : 'done',
    ms: Math.round(seconds * 1e5) / 100,
  }
  if (status < 500) log.info(facts, 'request')
  else log.error(error === null ? facts : { ...facts, err: redact(error) }, 'request')
}
