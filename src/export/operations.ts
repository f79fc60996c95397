import { z } from 'zod'
import { readableChecklist } from '../checklist/access.ts'
import { checklistView, viewOf as checklistViewOf, checksumOf, theContent } from '../checklist/operations.ts'
import { withFiles as submissionOf, submissionView } from '../checklist/submissions.ts'
import { namesOf } from '../document/name.ts'
import { sha256 } from '../kernel/canonical.ts'
import { create, insert } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { photosOf } from '../media/rows.ts'
import { linkTo, objectsOf } from '../media/view.ts'
import { listing } from '../profile/input.ts'
import { entered, where } from '../profile/place.ts'
import { Tenant } from '../tenant/entity.ts'
import { type Content, columns, csvOf, rowsOf } from './content.ts'
import { Export, type ExportRow, formats, orientations, pageSizes, templates } from './entity.ts'
import { expiryJob, keptMs, mayReadReport, types } from './kept.ts'
import { askedOf, pdfOf } from './pdf.ts'
import { drawnSignature, signaturesOf } from './signatures.ts'

const mostPhotos = 300
export const exportView = z.object({
  exportId: z.string(),
  entityType: z.string(),
  entityId: z.string(),
  format: z.string(),
  template: z.string(),
  pageSize: z.string(),
  orientation: z.string(),
  fileName: z.string(),
  contentType: z.string(),
  byteSize: z.int(),
  checksum: z.string(),
  status: z.literal('completed'),
  createdBy: z.string(),
  createdAt: z.string(),
  expiresAt: z.string(),
})

const viewOf = (row: ExportRow): z.input<typeof exportView> => ({
  ...row,
  exportId: row.id,
  entityId: row.entityId ?? '',
  status: 'completed',
  createdBy: row.userId,
})
const notFound = () => new AppError('not_found', 'export_not_found', 'Export not found')

async function contentFor(context: Context, entityId: string): Promise<Content> {
  const { row } = await readableChecklist(context, entityId)
  const { document, content } = await theContent(context, row.id)
  const tenant = await context.store.get(Tenant, context.store.tenantId)
  return {
    tenantName: tenant?.name ?? '',
    row,
    live: document,
    document: content,
    version: document.documentVersion,
    checksum: checksumOf(content),
    progress: document.progress,
    exportedAt: context.now,
    signatures: await signaturesOf(context, document, content),
    names: await namesOf(
      context,
      [...row.history.map(({ by }) => by), ...row.approvalSteps.map(({ approverId }) => approverId)].filter((id) => id !== null),
    ),
  }
}

type Layout = Pick<ExportRow, 'format' | 'template' | 'pageSize' | 'orientation'> & { watermark: string | null }

async function bytesFor(context: Context, content: Content, layout: Layout): Promise<Uint8Array> {
  switch (layout.format) {
    case 'csv':
      return csvOf(content)
    case 'json':
      return Buffer.from(JSON.stringify(await jsonOf(context, content), null, 2))
    case 'xlsx': {
      const { default: writeXlsx } = await import('write-excel-file/node')
      const cell = (value: string) => ({ value, type: String as StringConstructor })
      return writeXlsx([
        [...columns].map((name) => ({ ...cell(name), fontWeight: 'bold' as const })),
        ...rowsOf(content).map((cells) => cells.map(cell)),
      ]).toBuffer()
    }
    case 'pdf':
      return pdfOf(askedOf(content, layout, await picturesFor(context, content, layout)))
  }
}

/** Everything, in the shapes in which a client reads it (contracts/prework.md, section 10). Addresses of files are left out: they are good for an hour, and this is kept for a week and shared. */
async function jsonOf(context: Context, { row, live, document, version, checksum, exportedAt }: Content) {
  const { mediaFiles, ...submission } = submissionView.parse(await submissionOf(context, row, live))
  return {
    checklist: checklistView.parse(checklistViewOf(context, row, live)),
    submission: { ...submission, mediaFiles: mediaFiles.map((file) => ({ ...file, cdnUrl: null, thumbnailUrl: null })) },
    document,
    version,
    checksum,
    exportedAt,
  }
}

/** The pictures of each item: its signature, and thumbnails, which are enough on paper. */
async function picturesFor(context: Context, { row, document }: Content, { template }: Layout): Promise<(itemId: string) => Uint8Array[]> {
  if (template === 'executive') return () => []
  const drawn = new Map<string, Uint8Array>()
  for (const [id, item] of Object.entries(document.items)) {
    const picture = drawn.size < mostPhotos ? await drawnSignature(item) : null
    if (picture !== null) drawn.set(id, picture)
  }
  const photos = template === 'minimal' ? new Map<string, Uint8Array>() : await photosFor(context, row.id)
  return (itemId) => {
    const attached = Object.keys(document.items[itemId]?.attachments ?? {}).map((id) => photos.get(id))
    return [drawn.get(itemId), ...attached].filter((picture) => picture !== undefined)
  }
}

async function photosFor(context: Context, checklistId: string): Promise<Map<string, Uint8Array>> {
  const photos = (await photosOf(context, checklistId)).flatMap(({ id, thumbnailKey }) =>
    thumbnailKey === null ? [] : [{ id, thumbnailKey }],
  )
  const objects = await objectsOf(context)
  const bytes = new Map<string, Uint8Array>()
  for (const { id, thumbnailKey } of photos.slice(0, mostPhotos)) {
    const opened = await objects.open(thumbnailKey)
    if (opened !== null) bytes.set(id, Buffer.concat(await opened.body.toArray()))
  }
  return bytes
}

const slug = (title: string): string =>
  title
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60)
    .toLowerCase() || 'checklist'

/** Makes a document of a checklist and its submission, kept for a week. Errors: `checklist_not_found`, `busy`, `export_failed`. */
export const createExport = operation({
  name: 'export.create',
  summary: 'Make a document of a checklist',
  needs: 'export:data',
  elsewhere: true,
  input: z
    .object({
      ...where,
      entityType: z.enum(['checklist', 'submission']),
      entityId: z.string(),
      format: z.enum(formats),
      template: z.enum(templates).default('professional'),
      pageSize: z.enum(pageSizes).default('A4'),
      orientation: z.enum(orientations).default('portrait'),
      watermark: z
        .string()
        .refine((text) => [...text].length <= 60, 'must be at most 60 characters')
        .optional(),
    })
    .strict(),
  output: z.object({ export: exportView, downloadUrl: z.string() }),
  async run(caller, { organization, actors, watermark = null, ...wanted }) {
    const context = await entered(caller, { organization, actors })
    const { store, now, newId, actor, runtime, realMs } = context
    const content = await contentFor(context, wanted.entityId)
    const bytes = await context.once('export', () => bytesFor(context, content, { ...wanted, watermark }))
    const id = newId()
    const checksum = sha256(Buffer.from(bytes))
    const contentType = types[wanted.format]
    const objectKey = `exports/${id}.${wanted.format}`
    const objects = await objectsOf(context)
    await objects.put(objectKey, bytes, { size: bytes.byteLength, sha256: checksum, type: contentType })
    const row = create(
      Export,
      id,
      {
        ...wanted,
        userId: actor.id ?? '',
        fileName: `${slug(content.document.title)}-${now.slice(0, 10)}.${wanted.format}`,
        contentType,
        byteSize: bytes.byteLength,
        checksum,
        objectKey,
        expiresAt: toTime(realMs + keptMs),
        state: 'completed',
        jobId: null,
        criteria: {},
      },
      now,
    )
    return {
      output: { export: viewOf(row), downloadUrl: await linkOf(context, row) },
      changes: [insert(Export, row), expiryJob(runtime, id, realMs)],
      store,
      entity: { type: Export.name, id },
    }
  },
})

const linkOf = (context: Context, row: ExportRow): Promise<string> =>
  linkTo(context, row.objectKey, { name: row.fileName, type: row.contentType })

/** A document that was made, with an address to get it from. Errors: `export_not_found`, for one that one may not read too. */
export const getExport = operation({
  name: 'export.get',
  summary: 'Read about a document that was made',
  needs: 'export:data',
  readOnly: true,
  input: z.object({ ...where, exportId: z.string() }),
  output: z.object({ export: exportView, downloadUrl: z.string() }),
  async run(caller, { exportId, ...place }) {
    const context = await entered(caller, place)
    const row = isUuid(exportId) ? await context.store.get(Export, exportId) : null
    if (row === null || row.state !== 'completed' || Date.parse(row.expiresAt) <= context.realMs) throw notFound()
    if (row.entityId === null && !mayReadReport(context, row)) throw notFound()
    if (row.entityId !== null)
      await readableChecklist(context, row.entityId).catch((error: unknown) => {
        throw error instanceof AppError && error.kind === 'not_found' ? notFound() : error
      })
    return { output: { export: viewOf(row), downloadUrl: await linkOf(context, row) } }
  },
})

/** Documents of a checklist. Errors: `checklist_not_found`. */
export const listExports = operation({
  name: 'export.list',
  summary: 'List documents that were made of a checklist',
  needs: 'export:data',
  readOnly: true,
  input: z.object({ ...where, ...listing, entityId: z.string({ error: 'is required' }) }),
  output: z.object({ exports: z.array(exportView), nextCursor: z.string().nullable() }),
  async run(caller, { entityId, limit, cursor, ...place }) {
    const context = await entered(caller, place)
    const { row } = await readableChecklist(context, entityId)
    const page = await context.store.list(Export, { index: 'byEntity', where: { entityId: row.id }, limit, cursor })
    return { output: { exports: page.items.map(viewOf), nextCursor: page.nextCursor } }
  },
})
