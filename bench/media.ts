// npm run bench:media: the copies of a photo of 12 megapixels, and a document of 40 pages with 100 photos, and how long nothing else got its turn.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import sharp from 'sharp'
import { askedOf, pdfOf } from '../src/export/pdf.ts'
import { copiesOf } from '../src/media/images.ts'
import { createReport } from './report.ts'

const report = createReport()
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

async function timed(rounds: number, work: () => Promise<unknown>): Promise<{ ms: number; stallMs: number }> {
  await work()
  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  const all: number[] = []
  for (let n = 0; n < rounds; n += 1) {
    const startedMs = performance.now()
    await work()
    all.push(performance.now() - startedMs)
  }
  loop.disable()
  return { ms: median(all), stallMs: loop.max / 1e6 }
}

// noise does not compress: a photo is easier
const [width, height] = [4_000, 3_000]
const noise = await sharp({ create: { width, height, channels: 3, background: '#777', noise: { type: 'gaussian', mean: 128, sigma: 30 } } })
  .blur(2)
  .jpeg({ quality: 88 })
  .toBuffer()
const picture = await timed(7, () => copiesOf(async () => new Uint8Array(noise), 'image/jpeg'))
report.plain(
  `display copy and thumbnail of ${width} × ${height} (${(noise.byteLength / 1e6).toFixed(1)} MB), median of 7`,
  picture.ms,
  'ms',
  { max: 400 },
)
report.plain('longest stall of the event loop meanwhile', picture.stallMs, 'ms', { max: 50 })

const huge = await sharp({
  create: { width: 7_600, height: 7_000, channels: 3, background: '#777', noise: { type: 'gaussian', mean: 128, sigma: 60 } },
})
  .jpeg({ quality: 92 })
  .toBuffer()
const copies = [1, 2, 3, 4].map(() => new Uint8Array(huge))
const largest = await timed(3, async () => copiesOf(async () => copies.pop() ?? new Uint8Array(), 'image/jpeg'))
report.plain(`the same of a picture of ${(huge.byteLength / 1e6).toFixed(0)} MB`, largest.ms, 'ms')
report.plain('longest stall of the event loop meanwhile', largest.stallMs, 'ms', { max: 50 })

const small = await sharp(noise).resize(300, 300, { fit: 'inside' }).jpeg().toBuffer()
const items = Object.fromEntries(
  Array.from({ length: 400 }, (_, n) => [
    `i${n}`,
    {
      sectionId: `s${n % 20}`,
      position: `V${String(n).padStart(3, '0')}V`,
      text: `Item ${n}: check every surface, and write down what was found`,
      notes: 'Wiped twice with hot water. '.repeat(8),
      checked: n % 2 === 0,
      skipped: null,
      value: null,
      attachments: {},
    },
  ]),
)
const sections = Object.fromEntries(
  Array.from({ length: 20 }, (_, n) => [
    `s${n}`,
    { title: `Section ${n}`, description: 'All of it.', position: `V${String(n).padStart(2, '0')}V` },
  ]),
)
const content = {
  tenantName: 'Bench',
  row: { status: 'draft', priority: 'medium', dueDate: null, submittedAt: null, history: [], approvalSteps: [] },
  document: { title: 'Bench', sections, items },
  version: 1,
  progress: 50,
  exportedAt: new Date().toISOString(),
  signatures: new Map(),
  names: new Map(),
} as never
const layout = { template: 'professional', pageSize: 'A4', orientation: 'portrait', watermark: 'Draft' } as const
const asked = askedOf(content, layout, (id) => (Number(id.slice(1)) % 4 === 0 ? [small] : []))
let pages = 0
const pdf = await timed(3, async () => {
  const bytes = Buffer.from(await pdfOf(asked))
  pages = [...bytes.toString('latin1').matchAll(/\/Type \/Page\b/g)].length
})
report.plain(`a PDF of ${pages} pages with 100 photos, median of 3`, pdf.ms / 1_000, 's', { max: 5 })
report.plain('longest stall of the event loop meanwhile', pdf.stallMs, 'ms', { max: 50 })
