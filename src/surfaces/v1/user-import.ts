import { type Route, route, type WireRequest } from '../../http/route.ts'
import { importUsers } from '../../import/users.ts'
import { AppError } from '../../kernel/errors.ts'

const bytes = 16 * 1024 * 1024

/** Formats by media type. */
const formats = new Map([
  ['text/csv', 'csv'],
  ['application/x-ndjson', 'ndjson'],
])

/** A query's `true` and `false`; anything else is for the schema to refuse. */
const flag = (text: unknown): unknown => (text === 'true' ? true : text === 'false' ? false : text)

/** The bytes as the text of an import. What is no UTF-8 becomes U+FFFD, which no row may hold. Errors: `unsupported_media_type`. */
function importOf({ body, query, headers }: WireRequest) {
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  const format = formats.get(type)
  if (format === undefined) throw new AppError('media_type', 'unsupported_media_type', 'Send the file as text/csv or application/x-ndjson.')
  return { ...query, text: Buffer.isBuffer(body) ? body.toString('utf8') : '', format, dryRun: flag(query.dryRun), wrap: flag(query.wrap) }
}

/** Users from a file over HTTP: what `bin/holdfast users import` does, for whoever has no terminal. */
export const userImportRoute: Route = route('POST', '/v1/users/import', importUsers, {
  bodyLimit: bytes,
  upload: {
    field: 'file',
    description:
      'A CSV file (RFC 4180) with a header line, or NDJSON, in UTF-8 and at most 16 MiB, sent as text/csv or application/x-ndjson.',
  },
  input: importOf,
  query: {
    dryRun: 'true writes no user, and answers what would become of every row.',
    wrap: 'true puts weak password hashes under argon2id at once.',
  },
  problems: { 409: ['import_contended'], 422: ['import_source', 'import_columns'] },
})
