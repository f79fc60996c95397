import { Worker } from 'node:worker_threads'
import { itemsOf } from '../checklist/progress.ts'
import { laidOut } from '../checklist/shape.ts'
import { AppError } from '../kernel/errors.ts'
import { createGate } from '../kernel/gate.ts'
import type { Content } from './content.ts'
import type { ExportRow } from './entity.ts'
import { signedWords, writtenValue } from './signatures.ts'

type PdfItem = {
  mark: string
  text: string
  notes: string /** Who signed; else empty. It stands above the pictures. */
  signed: string
  pictures: readonly Uint8Array[]
}

/** All that goes on the pages, as the thread that makes them gets it. */
export type PdfAsked = {
  tenantName: string
  title: string
  facts: readonly (readonly [string, string])[]
  sections: readonly { title: string; description: string; items: readonly PdfItem[] }[]
  history: readonly string[]
  watermark: string | null
  /** Width and height in points. */
  size: readonly [number, number]
  madeAt: string
  isCompressed: boolean
}

/** In points (ISO 216, ANSI), as the contract has them. */
const sizes = { A4: [595.28, 841.89], Letter: [612, 792], Legal: [612, 1008] } as const

type Layout = Pick<ExportRow, 'template' | 'pageSize' | 'orientation'> & { watermark: string | null }

/** A text without what no page can show. */
const shown = (text: string): string => text.replace(/[\p{Cc}\p{Cs}]/gu, (character) => (character === '\n' ? '\n' : ' '))

/** What a template shows of a checklist: `executive` only the summary, `minimal` no notes, `detailed` the history too (contracts/prework.md, section 10). */
export function askedOf(content: Content, layout: Layout, picturesOf: (itemId: string) => readonly Uint8Array[]): PdfAsked {
  const { row, document, progress, tenantName, exportedAt, signatures } = content
  const { template, pageSize, orientation, watermark } = layout
  const [width, height] = sizes[pageSize]
  const all = itemsOf(document)
  const sections = laidOut(document).map(({ section, items }) => ({
    title: shown(section.title),
    description: template === 'minimal' ? '' : shown(section.description),
    items: items.map(([id, item]) => {
      const value = writtenValue(item)
      const signed = signatures.get(id)
      return {
        mark: item.checked ? '☑' : item.skipped === null ? '☐' : '–',
        text: shown(`${item.text}${item.skipped === null ? '' : ` (skipped: ${item.skipped})`}${value === '' ? '' : `: ${value}`}`),
        notes: template === 'minimal' ? '' : shown(item.notes),
        signed: signed === undefined ? '' : shown(signedWords(signed)),
        pictures: picturesOf(id),
      }
    }),
  }))
  return {
    tenantName: shown(tenantName),
    title: shown(document.title),
    facts: [
      ['Status', row.status],
      ['Progress', `${progress} % (${all.filter(({ checked }) => checked).length} of ${all.length} items)`],
      ['Priority', row.priority],
      ...(row.dueDate === null ? [] : [['Due', row.dueDate] as const]),
      ...(row.submittedAt === null ? [] : [['Submitted', row.submittedAt] as const]),
      ['Version', String(content.version)],
      ['Exported', exportedAt],
    ],
    sections: template === 'executive' ? [] : sections,
    history: template === 'detailed' ? historyOf(content) : [],
    watermark: watermark === null ? null : shown(watermark),
    size: orientation === 'portrait' ? [width, height] : [height, width],
    madeAt: exportedAt,
    isCompressed: true,
  }
}

/** What became of it and who decided what, each line with who and when. */
function historyOf({ row, names }: Content): string[] {
  const by = (id: string | null): string => (id === null ? '' : ` by ${names.get(id) ?? id}`)
  const said = (notes: string | null): string => (notes === null ? '' : `: ${notes}`)
  return [
    ...row.history.map((one) => `${one.at}  ${one.status}${by(one.by)}${said(one.notes)}`),
    ...row.approvalSteps.map(({ order, approverRole, status, approverId, approvedAt, notes }) => {
      // who rejects ends the review
      const at = approvedAt ?? (status === 'rejected' ? row.reviewedAt : null)
      return `Step ${order + 1} (${approverRole}): ${status}${by(approverId)}${at === null ? '' : `, ${at}`}${said(notes)}`
    }),
  ].map(shown)
}

/** Documents that wait; more are asked to come again. */
const waiting = 16
const longestMs = 60_000
const gate = createGate()

/** The pages, made one document after another in a thread of their own. Errors: `busy`, `export_failed`. */
export const pdfOf = (asked: PdfAsked): Promise<Uint8Array> =>
  gate({ key: 'pdf', width: 1, waiting }, () => {
    const worker = new Worker(new URL('./pdf-worker.ts', import.meta.url), { workerData: asked })
    return new Promise<Uint8Array>((resolve, reject) => {
      const failed = (cause?: unknown) =>
        reject(
          new AppError('internal', 'export_failed', 'The document could not be made. It has been logged under the request id.', { cause }),
        )
      const timer = setTimeout(() => {
        failed(new Error('it took too long'))
        void worker.terminate()
      }, longestMs)
      worker.once('message', resolve)
      worker.once('error', failed)
      worker.once('exit', () => {
        clearTimeout(timer)
        failed()
      })
    })
  })
