import { Worker } from 'node:worker_threads'
import { csvOf, type Table } from '../attendance/report-table.ts'
import type { Json } from '../kernel/canonical.ts'
import { AppError } from '../kernel/errors.ts'
import type { ExportRow } from './entity.ts'
import type { Criteria, Line, Source } from './report-source.ts'

/** Lines that a form may hold: a spreadsheet has no more rows, and a PDF of more pages is read by nobody. */
const mostLines = { csv: 1_000_000, json: 1_000_000, xlsx: 200_000, pdf: 20_000 } as const
const longestMs = 5 * 60_000

const tooLarge = (format: keyof typeof mostLines) =>
  new AppError(
    'unprocessable',
    'report_too_large',
    `The report would have more than ${mostLines[format]} lines. Ask for fewer days${format === 'pdf' || format === 'xlsx' ? ', or for CSV' : ''}.`,
  )

type Making = {
  source: Source
  format: ExportRow['format']
  criteria: Criteria
  nowMs: number
  progress(percent: number): void
  signal: AbortSignal
}

/** A report in its form. Texts grow page by page, so that no other request waits long. Errors: `report_too_large`, `export_failed`. */
export async function reportBytes({ source, format, criteria, nowMs, progress, signal }: Making): Promise<Uint8Array> {
  const parts: Buffer[] = []
  const kept: Line[] = []
  const { title, about, columns } = source
  const table = (lines: readonly Line[]): Table => ({ title, about, columns, rows: lines.map(({ cells }) => cells) })
  let count = 0
  if (format === 'csv') parts.push(Buffer.from(csvOf(table([]))))
  if (format === 'json') parts.push(Buffer.from(`{"title":${JSON.stringify(title)},"criteria":${JSON.stringify(criteria)},"items":[`))
  for await (const { lines, done } of source.lines()) {
    signal.throwIfAborted()
    if (count + lines.length > mostLines[format]) throw tooLarge(format)
    if (format === 'csv') parts.push(Buffer.from(csvOf(table(lines)).split('\r\n').slice(1).join('\r\n')))
    else if (format === 'json')
      parts.push(Buffer.from(lines.map(({ whole }, at) => `${count + at === 0 ? '' : ','}\n${JSON.stringify(whole as Json)}`).join('')))
    else kept.push(...lines)
    count += lines.length
    progress(done * 90)
    await new Promise((resolve) => setImmediate(resolve))
  }
  switch (format) {
    case 'csv':
      return Buffer.concat(parts)
    case 'json':
      return Buffer.concat([...parts, Buffer.from('\n]}\n')])
    case 'xlsx': {
      const { default: writeXlsx } = await import('write-excel-file/node')
      const heads = columns.map(({ name }) => ({ value: name, type: String as StringConstructor, fontWeight: 'bold' as const }))
      const rows = kept.map(({ cells }) =>
        cells.map((value) =>
          typeof value === 'number'
            ? { value, type: Number as NumberConstructor }
            : { value: value === null ? '' : String(value), type: String as StringConstructor },
        ),
      )
      return writeXlsx([heads, ...rows]).toBuffer()
    }
    case 'pdf':
      return pdf({ ...table(kept), about: `${about}, ${count} lines` }, nowMs, signal)
  }
}

/** In a thread of its own, which ends with the job. */
function pdf(table: Table, nowMs: number, signal: AbortSignal): Promise<Uint8Array> {
  const worker = new Worker(new URL('./report-worker.ts', import.meta.url), { workerData: { table, nowMs } })
  return new Promise<Uint8Array>((resolve, reject) => {
    const failed = (cause?: unknown) => reject(new AppError('internal', 'export_failed', 'The document could not be made.', { cause }))
    const stop = () => {
      failed(signal.reason)
      void worker.terminate()
    }
    const timer = setTimeout(stop, longestMs)
    signal.addEventListener('abort', stop, { once: true })
    worker.once('message', resolve)
    worker.once('error', failed)
    worker.once('exit', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      failed()
    })
  })
}
