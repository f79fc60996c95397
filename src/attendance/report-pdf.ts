import { createRequire } from 'node:module'
import { AppError } from '../kernel/errors.ts'
import { cellsOf, type Table } from './report-table.ts'

const margin = 36
const fontSize = 7
const padding = 2

/** DejaVu where it is at hand, which is everywhere but in a bundle: Latin, Greek, Cyrillic and more. */
const embedded = ((): { plain: string; bold: string } | null => {
  try {
    const { resolve } = createRequire(import.meta.url)
    return { plain: resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'), bold: resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf') }
  } catch {
    return null
  }
})()
const [plain, bold] = embedded === null ? ['Helvetica', 'Helvetica-Bold'] : ['plain', 'bold']

/** Without DejaVu, characters that the fonts which every reader has know (WinAnsi); others become a question mark. */
const printable = (text: string): string =>
  embedded === null ? text.replace(/[^\u0020-\u007e\u00a0-\u00ff]/g, '?') : text.replace(/[\p{Cc}\p{Cs}]/gu, ' ')

type Pdf = PDFKit.PDFDocument

/** A report as PDF: A4, landscape, the heading on each page, pages numbered. Errors: `pdf_unavailable` where the server has no means to make one. */
export async function pdfOf(table: Table, nowMs: number): Promise<Buffer> {
  const doc = await newDocument(table, nowMs)
  const chunks: Buffer[] = []
  doc.on('data', (chunk: Buffer) => chunks.push(chunk))
  const ended = new Promise<void>((resolve, reject) => doc.on('end', resolve).on('error', reject))
  const width = doc.page.width - 2 * margin
  const widths = table.columns.map(({ share }) => share * width)
  let y = heading(doc, table, widths)
  for (const row of table.rows) {
    const cells = cellsOf(row).map(printable)
    const height = heightOf(doc, cells, widths)
    if (y + height > doc.page.height - margin) {
      doc.addPage()
      y = columnNames(doc, table, { widths, y: margin })
    }
    y = line(doc, cells, { widths, y, height })
  }
  number(doc)
  doc.end()
  await ended
  return Buffer.concat(chunks)
}

async function newDocument({ title }: Table, nowMs: number): Promise<Pdf> {
  try {
    const { default: PDFDocument } = await import('pdfkit')
    const doc = new PDFDocument({
      size: 'A4',
      layout: 'landscape',
      margin,
      bufferPages: true,
      info: { Title: title, CreationDate: new Date(nowMs) },
    })
    if (embedded !== null) doc.registerFont('plain', embedded.plain).registerFont('bold', embedded.bold)
    return doc
  } catch (error) {
    throw new AppError('unsupported', 'pdf_unavailable', 'This server makes no PDF. Ask for the same report as CSV.', { cause: error })
  }
}

function heading(doc: Pdf, table: Table, widths: readonly number[]): number {
  doc.font(bold).fontSize(14).text(printable(table.title), margin, margin)
  doc
    .font(plain)
    .fontSize(9)
    .text(printable(table.about), margin, margin + 18)
  return columnNames(doc, table, { widths, y: margin + 36 })
}

type Place = { widths: readonly number[]; y: number }

function columnNames(doc: Pdf, { columns }: Table, { widths, y }: Place): number {
  const cells = columns.map(({ name }) => name)
  doc.font(bold).fontSize(fontSize)
  const below = line(doc, cells, { widths, y, height: heightOf(doc, cells, widths) })
  doc
    .moveTo(margin, below - padding / 2)
    .lineTo(doc.page.width - margin, below - padding / 2)
    .lineWidth(0.5)
    .stroke()
  doc.font(plain).fontSize(fontSize)
  return below
}

const heightOf = (doc: Pdf, cells: readonly string[], widths: readonly number[]): number =>
  Math.max(...cells.map((cell, at) => doc.heightOfString(cell, { width: (widths[at] ?? 0) - padding }))) + padding

function line(doc: Pdf, cells: readonly string[], { widths, y, height }: Place & { height: number }): number {
  let x = margin
  for (const [at, cell] of cells.entries()) {
    const width = widths[at] ?? 0
    doc.text(cell, x, y, { width: width - padding, lineBreak: true })
    x += width
  }
  return y + height
}

/** The number of each page stands at its foot, below what a page may hold, so that it makes no new page. */
function number(doc: Pdf): void {
  const { start, count } = doc.bufferedPageRange()
  for (let at = start; at < start + count; at++) {
    doc.switchToPage(at)
    doc.page.margins.bottom = 0
    doc.fontSize(fontSize).text(`${at - start + 1} / ${count}`, margin, doc.page.height - margin + 8, {
      width: doc.page.width - 2 * margin,
      align: 'right',
      lineBreak: false,
    })
  }
}
