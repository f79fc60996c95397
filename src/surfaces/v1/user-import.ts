import { type Route, route, type WireRequest } from '../../http/route.ts'
import { importUsers } from '../../import/users.ts'

const bytes = 16 * 1024 * 1024

/** The bytes as the text of an import. What is no UTF-8 becomes U+FFFD, which no row may hold. */
const importOf = ({ body, query, headers }: WireRequest) => ({
  ...query,
  text: Buffer.isBuffer(body) ? body.toString('utf8') : '',
  mediaType: headers['content-type'] ?? '',
})

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
