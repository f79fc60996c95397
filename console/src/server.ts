import { QueryClient } from '@tanstack/react-query'
import { createHoldfast, type Problem } from '../../client/src/holdfast.ts'

export const holdfast = createHoldfast({ baseUrl: location.origin, cookie: true })
export const { api } = holdfast

/** What the server refused, in its own words. */
export class Refusal extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.errors === undefined ? problem.detail : problem.errors.map(({ field, message }) => `${field}: ${message}`).join('; '))
    this.problem = problem
  }
}

/** The data of a call, or the refusal as an error. */
export async function ask<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call
  if (!response.ok)
    throw new Refusal((error ?? { detail: `The server answered ${response.status}.`, code: '', status: response.status }) as Problem)
  return data as T
}

/** Any path of the server, for rows that are shown as they come. */
export const read = (path: string, query: Record<string, string | number | undefined> = {}) =>
  ask(api.GET(path as never, { params: { query } } as never) as never) as Promise<{
    items: Record<string, unknown>[]
    nextCursor: string | null
  }>

/** A write to any path of the server. */
export const send = (method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body: unknown) =>
  ask((api[method] as unknown as (path: string, given: object) => Promise<{ response: Response }>)(path, { body }))

export const isRefused = (error: unknown, ...codes: string[]): boolean => error instanceof Refusal && codes.includes(error.problem.code)

export const queries = new QueryClient({
  defaultOptions: { queries: { retry: false, staleTime: 30_000, refetchOnWindowFocus: false }, mutations: { retry: false } },
})

/** Every change of the tenant reaches the page that shows it: no polling. */
export async function live(signal: AbortSignal): Promise<void> {
  try {
    for await (const { changes, action } of holdfast.events(signal)) {
      if (action === 'audit.read') continue
      if (action.startsWith('session.')) {
        // somebody's first sign-in of the day moves the day's counter; the others change nothing that is shown
        if (changes.some(({ type }) => type === 'counter')) void queries.invalidateQueries({ queryKey: ['user', 'counts'] })
        continue
      }
      for (const type of new Set(changes.map((change) => change.type))) void queries.invalidateQueries({ queryKey: [type] })
      void queries.invalidateQueries({ queryKey: ['organization'] })
    }
  } catch {
    void queries.invalidateQueries({ queryKey: ['me'] }) // refused: the session ended, and the page says so
  }
}
