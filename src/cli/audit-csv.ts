import type { LogEntry } from '../storage/port.ts'

type Exported = LogEntry & { hash: string }

const columns: Readonly<Record<string, (entry: Exported) => unknown>> = {
  stream: ({ stream }) => stream,
  sequence: ({ sequence }) => sequence,
  time: ({ time }) => time,
  actorKind: ({ actor }) => actor.kind,
  actorId: ({ actor }) => actor.id,
  actorName: ({ actor }) => actor.name,
  action: ({ action }) => action,
  entityType: ({ entity }) => entity?.type,
  entityId: ({ entity }) => entity?.id,
  requestId: ({ requestId }) => requestId,
  changes: ({ changes }) => JSON.stringify(changes),
  detail: ({ detail }) => (detail === undefined ? null : JSON.stringify(detail)),
  previousHash: ({ previousHash }) => previousHash,
  hash: ({ hash }) => hash,
}

/** The first line, with its end. */
export const csvHead = `${Object.keys(columns).join(',')}\r\n`

/** A line of the export as a record (RFC 4180), without its end. */
export function csvLine(line: string): string {
  const entry = JSON.parse(line) as Exported
  return Object.values(columns)
    .map((read) => cell(read(entry)))
    .join(',')
}

/** A text that a spreadsheet would take for a formula gets an apostrophe in front, which tells it that this is text. */
function cell(value: unknown): string {
  const text = value === null || value === undefined ? '' : String(value)
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
