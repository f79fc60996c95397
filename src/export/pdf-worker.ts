import { createRequire } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import PDFDocument from 'pdfkit'
import type { PdfAsked } from './pdf.ts'

const require = createRequire(import.meta.url)
const fonts = {
  plain: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'),
  bold: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf'),
}
const margin = 48
const photoSize = 110

type Pdf = PDFKit.PDFDocument

function paragraph(doc: Pdf, text: string, { size = 9, font = 'plain', indent = 0, color = '#222222' } = {}): void {
  if (text === '') return
  doc
    .font(font)
    .fontSize(size)
    .fillColor(color)
    .text(text, margin + indent, undefined, { width: doc.page.width - 2 * margin - indent })
}

function room(doc: Pdf, height: number): void {
  if (doc.y + height > doc.page.height - margin) doc.addPage()
}

function heading(doc: Pdf, { tenantName, title, facts }: PdfAsked): void {
  paragraph(doc, tenantName, { size: 9, color: '#666666' })
  doc.moveDown(0.3)
  paragraph(doc, title, { size: 18, font: 'bold' })
  doc.moveDown(0.5)
  for (const [name, value] of facts) paragraph(doc, `${name}: ${value}`)
  doc.moveDown(0.8)
}

function photos(doc: Pdf, pictures: readonly Uint8Array[]): void {
  let x = margin + 16
  for (const [index, bytes] of pictures.entries()) {
    if (index === 0 || x + photoSize > doc.page.width - margin) {
      x = margin + 16
      if (index > 0) doc.y += photoSize + 6
      room(doc, photoSize + 6)
    }
    const top = doc.y
    doc.image(Buffer.from(bytes), x, top, { fit: [photoSize, photoSize] })
    doc.y = top
    x += photoSize + 6
  }
  doc.y += photoSize + 6
}

function body(doc: Pdf, { sections, history }: PdfAsked): void {
  for (const { title, description, items } of sections) {
    room(doc, 40)
    paragraph(doc, title, { size: 12, font: 'bold' })
    paragraph(doc, description, { color: '#555555' })
    doc.moveDown(0.3)
    for (const { mark, text, notes, signed, pictures } of items) {
      room(doc, 20)
      paragraph(doc, `${mark} ${text}`, { size: 10 })
      paragraph(doc, notes, { indent: 16, color: '#444444' })
      paragraph(doc, signed, { indent: 16, color: '#444444' })
      if (pictures.length > 0) photos(doc, pictures)
      doc.moveDown(0.25)
    }
    doc.moveDown(0.5)
  }
  if (history.length > 0) {
    room(doc, 40)
    paragraph(doc, 'History', { size: 12, font: 'bold' })
    for (const line of history) paragraph(doc, line)
  }
}

/** On every page its number, and the watermark where one was asked for. */
function finish(doc: Pdf, { watermark }: PdfAsked): void {
  const { start, count } = doc.bufferedPageRange()
  for (let page = start; page < start + count; page += 1) {
    doc.switchToPage(page)
    // written below the margin, where a text would else begin a page of its own
    doc.page.margins.bottom = 0
    const { width, height } = doc.page
    if (watermark !== null)
      doc
        .save()
        .rotate(-35, { origin: [width / 2, height / 2] })
        .font('bold')
        .fontSize(52)
        .fillColor('#888888')
        .opacity(0.15)
        .text(watermark, 0, height / 2 - 30, { width, align: 'center', lineBreak: false })
        .restore()
    doc
      .font('plain')
      .fontSize(8)
      .opacity(1)
      .fillColor('#888888')
      .text(`${page - start + 1} / ${count}`, margin, height - 30, { width: width - 2 * margin, align: 'right', lineBreak: false })
  }
}

async function made(asked: PdfAsked): Promise<Uint8Array> {
  const doc = new PDFDocument({
    size: [...asked.size],
    margin,
    bufferPages: true,
    compress: asked.isCompressed,
    info: { Title: asked.title, CreationDate: new Date(asked.madeAt) },
  })
  doc.registerFont('plain', fonts.plain)
  doc.registerFont('bold', fonts.bold)
  const chunks: Buffer[] = []
  doc.on('data', (chunk: Buffer) => chunks.push(chunk))
  const ended = new Promise<void>((resolve, reject) => doc.on('end', resolve).on('error', reject))
  heading(doc, asked)
  body(doc, asked)
  finish(doc, asked)
  doc.end()
  await ended
  return Buffer.concat(chunks)
}

parentPort?.postMessage(await made(workerData as PdfAsked))
