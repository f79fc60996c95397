import type { EventEmitter } from 'node:events'
import type { Submittable } from 'pg'
import { codeOf, Severed } from './failures.ts'

/** A statement and what is bound to it, in PostgreSQL's text format. */
export type Statement = { text: string; values?: readonly (string | null)[] }

/** Rows as the server wrote them, column by column. `count` is how many rows were read or changed. */
export type Result = { rows: readonly (readonly (string | null)[])[]; count: number }

/** The part of pg's connection that speaks the extended query protocol (PostgreSQL documentation, chapter 54.2.3). */
type Wire = {
  stream: { cork(): void; uncork(): void }
  parse(statement: { name: string; text: string; types: readonly number[] }): void
  bind(portal: { portal: string; statement: string; values: readonly (string | null)[] }): void
  execute(portal: { portal: string; rows: number }): void
  sync(): void
}

/** Statements that one connection has prepared, and those whose answer is awaited, in order. */
export type Prepared = { names: Set<string>; parsing: string[] }

/** How many texts get a name, and so a plan that is kept; others are planned each time. */
const namesKept = 2_000
const names = new Map<string, string>()

function nameOf(text: string): string {
  const known = names.get(text)
  if (known !== undefined) return known
  if (names.size >= namesKept) return ''
  const name = `h${names.size}`
  names.set(text, name)
  return name
}

/**
 * Several statements in one message and one transaction: they end with a single Sync, so that the server runs them one after another, takes all of them back when one fails, and commits
 * when the last is done (unless a BEGIN among them says otherwise). One round trip, and no Describe, because readers know what they asked for.
 */
export class Batch implements Submittable {
  readonly #statements: readonly Statement[]
  readonly #prepared: Prepared
  readonly #resolve: (results: Result[]) => void
  readonly #reject: (error: unknown) => void
  readonly #results: Result[] = []
  #rows: (string | null)[][] = []

  constructor(
    statements: readonly Statement[],
    { prepared, resolve, reject }: { prepared: Prepared; resolve: (results: Result[]) => void; reject: (error: unknown) => void },
  ) {
    this.#statements = statements
    this.#prepared = prepared
    this.#resolve = resolve
    this.#reject = reject
  }

  submit(connection: unknown): void {
    const wire = connection as Wire
    const { names: known, parsing } = this.#prepared
    const sent = new Set<string>()
    wire.stream.cork()
    for (const { text, values = [] } of this.#statements) {
      const name = nameOf(text)
      if (name === '' || !(known.has(name) || sent.has(name))) {
        wire.parse({ name, text, types: [] })
        parsing.push(name)
        sent.add(name)
      }
      wire.bind({ portal: '', statement: name, values })
      wire.execute({ portal: '', rows: 0 })
    }
    wire.sync()
    wire.stream.uncork()
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    this.#rows.push(fields)
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.#results.push({ rows: this.#rows, count: Number(text.slice(text.lastIndexOf(' ') + 1)) || 0 })
    this.#rows = []
  }

  /** After an ordinary error the server skips to the Sync and says that it is ready; only then is it known in which state the connection is. */
  handleError(error: unknown, connection: EventEmitter): void {
    this.#prepared.parsing.length = 0
    if (!(error instanceof Error && 'severity' in error && error.severity === 'ERROR')) {
      // pg has no code for a connection that was closed in order: to those who wait for an answer it is an outage like any other
      this.#reject(codeOf(error) === '' ? new Severed('The connection has ended', { cause: error }) : error)
      return
    }
    const done = (): void => {
      connection.off('readyForQuery', done)
      connection.off('end', done)
      this.#reject(error)
    }
    connection.on('readyForQuery', done)
    connection.on('end', done)
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#results)
  }
}
