import { canonical, type Json } from '../kernel/canonical.ts'
import { AppError } from '../kernel/errors.ts'
import type { Head, LogEntry, LoggedEntry } from '../storage/port.ts'
import { packLines, unpackLines } from './format.ts'

/**
 * A piece of a stream's log: its entries in order, one a line, `{"entry", "hash", "secrets"}` with the entry to the letter as it was hashed; then the signed head of its last entry, `{"head"}`, so that no
 * tail is unsigned. `tenantId` is whose stream it is.
 */
export type Segment = { tenantId: string; entries: readonly LoggedEntry[]; head: Head }

async function* linesOf({ tenantId, entries, head }: Segment): AsyncGenerator<string[]> {
  yield entries.map(({ text, hash, secrets }) => `${before}${text}${after(hash, secrets)}`)
  yield [JSON.stringify({ head, tenantId })]
}

const before = '{"entry":'
const after = (hash: string, secrets: string | null): string => `,"hash":${JSON.stringify(hash)},"secrets":${JSON.stringify(secrets)}}`

/** The entry's text within its line, to the letter; made anew where another program wrote the line. */
function textOf(line: string, { entry, hash, secrets }: { entry: LogEntry; hash: string; secrets: string | null }): string {
  const end = after(hash, secrets)
  if (line.startsWith(before) && line.endsWith(end)) return line.slice(before.length, line.length - end.length)
  return canonical(entry as unknown as Json)
}

export const packSegment = (segment: Segment, recipients: readonly string[]): AsyncIterable<Uint8Array> =>
  packLines(linesOf(segment), recipients).body

type Line = { entry?: LogEntry; hash?: string; secrets?: string | null; head?: Head; tenantId?: string }

/** Reads a segment. That its entries follow each other and what was before is for the reader to check. Errors: as `unpackLines`. */
export async function readSegment(body: AsyncIterable<Uint8Array>, identities: readonly string[], name: string): Promise<Segment> {
  const entries: LoggedEntry[] = []
  let end: { head: Head; tenantId: string } | null = null
  for await (const text of unpackLines(body, identities, name)) {
    const line = parsed(text, name)
    if (end !== null) throw malformed(name)
    if (line.entry !== undefined && typeof line.hash === 'string') {
      const logged = { entry: line.entry, hash: line.hash, secrets: line.secrets ?? null }
      entries.push({ ...logged, text: textOf(text, logged) })
    } else if (line.head !== undefined && typeof line.tenantId === 'string') end = { head: line.head, tenantId: line.tenantId }
    else throw malformed(name)
  }
  if (end === null || entries.length === 0) throw malformed(name)
  return { ...end, entries }
}

function parsed(text: string, name: string): Line {
  try {
    const line: unknown = JSON.parse(text)
    if (line !== null && typeof line === 'object') return line
  } catch {
    // refused below
  }
  throw malformed(name)
}

const malformed = (name: string): AppError =>
  new AppError(
    'unprocessable',
    'backup_damaged',
    `The backup file ${name} does not hold what its name says. Take an older backup, or another target.`,
  )
