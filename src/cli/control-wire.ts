import { openSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, type ErrorKind, type FieldError } from '../kernel/errors.ts'

/** Where an operation works: in a customer's tenant (id or key; null = the first one) or on the platform. */
export type Place = { tenant: string | null } | 'platform'

/** One use of the store: an operation of `src/operations.ts` or a task of `tasks.ts`, by name. `wantsProgress` gives its input an `onProgress`, which cannot travel. */
export type Request = { name: string; at: Place; input: unknown; wantsProgress?: true }

export type Progress = { done: number; total: number }

/** What may arrive before the answer: how far a long operation is. */
export type Events = { progress?(progress: Progress): void }

export type WireError = {
  kind: ErrorKind
  code: string
  message: string
  errors?: FieldError[] | undefined
  retryAfterSeconds?: number | undefined
}

/**
 * The control socket: a connection carries one request, a line of JSON, and is answered with lines of JSON: any number of `progress`, then one `output` or `error`.
 * The socket is 0600 in a folder that is 0700, so whoever can speak here could read the data folder as well.
 */
export type WireMessage = { progress: Progress } | { output: unknown } | { error: WireError }

export const socketFile = 'holdfast.sock'

/** A request names files and rows; whole files do not pass through it. */
export const longestRequest = 16 * 1024 * 1024

/** sun_path of unix(7) has 108 bytes on Linux, 104 on macOS, the final zero included. */
const longestAddress = 103

/** What to bind and to connect to. A folder too deep for a socket's address is reached through an open descriptor of it, which stays open. */
export function socketAddress(folder: string): string {
  const path = join(folder, socketFile)
  if (Buffer.byteLength(path) <= longestAddress || process.platform !== 'linux') return path
  const descriptor = descriptors.get(folder) ?? openSync(folder, 'r')
  descriptors.set(folder, descriptor)
  return `/proc/self/fd/${descriptor}/${socketFile}`
}

const descriptors = new Map<string, number>()

export const toWire = ({ kind, code, message, errors, retryAfterSeconds }: AppError): WireError => ({
  kind,
  code,
  message,
  errors,
  retryAfterSeconds,
})

export const fromWire = ({ kind, code, message, errors, retryAfterSeconds }: WireError): AppError =>
  new AppError(kind, code, message, {
    ...(errors === undefined ? {} : { errors }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  })
