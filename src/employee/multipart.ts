import { AppError } from '../kernel/errors.ts'

type UploadedFile = { name: string; bytes: Buffer }

const malformed = () => new AppError('unprocessable', 'upload_format', 'Upload an .xlsx or .csv file')

/**
 * The first file of a form (multipart/form-data, RFC 7578) in one of the fields, or null for none. Other parts are passed over. Errors: `upload_format` for a body that is no such form.
 */
export function fileIn(body: Buffer, contentType: string, fields: readonly string[]): UploadedFile | null {
  const [, quoted, bare] = /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType) ?? []
  const boundary = quoted ?? bare
  if (boundary === undefined) throw malformed()
  // RFC 2046 section 5.1.1: a delimiter begins a line; what is before the first one and behind the last one is nothing
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const whole = Buffer.concat([Buffer.from('\r\n'), body])
  for (let at = whole.indexOf(delimiter); at !== -1; ) {
    const start = at + delimiter.length
    if (whole.subarray(start, start + 2).toString('latin1') === '--') return null
    const next = whole.indexOf(delimiter, start)
    if (next === -1) break
    const part = partOf(whole.subarray(start, next))
    if (part.fileName !== null && fields.includes(part.field)) return { name: part.fileName, bytes: part.bytes }
    at = next
  }
  throw malformed()
}

function partOf(part: Buffer): { field: string; fileName: string | null; bytes: Buffer } {
  const end = part.indexOf('\r\n\r\n')
  if (end === -1) throw malformed()
  const header = part.subarray(0, end).toString('utf8')
  const disposition = /^content-disposition:\s*form-data\s*;(.*)$/im.exec(header)?.[1] ?? ''
  const parameter = (name: string): string | null => {
    const [, quoted, bare] = new RegExp(`(?:^|;)\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, 'i').exec(disposition) ?? []
    return quoted?.replace(/\\(.)/g, '$1') ?? bare ?? null
  }
  return { field: parameter('name') ?? '', fileName: parameter('filename'), bytes: part.subarray(end + 4) }
}
