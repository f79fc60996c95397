import { z } from 'zod'
import { Checklist } from '../checklist/entity.ts'
import { create, insert, remove } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { linkTo } from '../media/view.ts'
import { digestToken, randomToken } from '../session/tokens.ts'
import { findByToken } from '../tenant/find-by-token.ts'
import { Export, ExportLink, type ExportLinkRow, type ExportRow } from './entity.ts'
import { getExport } from './operations.ts'

const longestSeconds = 7 * 24 * 60 * 60
const link = z.object({ linkId: z.string(), expiresAt: z.string(), createdBy: z.string() })
const shown = ({ id, expiresAt, createdBy }: ExportLinkRow): z.input<typeof link> => ({ linkId: id, expiresAt, createdBy })

const place = { organization: null, actors: [] }

/** Makes an address that needs no sign-in. It is shown once, and good no longer than the document. Errors: `export_not_found`. */
export const shareExport = operation({
  name: 'export.share',
  summary: 'Share a document by a link that expires',
  needs: 'export:data',
  input: z.strictObject({ exportId: z.string(), expiresInSeconds: z.int().min(60).max(longestSeconds).default(86_400) }),
  output: link.extend({ url: z.string() }),
  async run(context, { exportId, expiresInSeconds }) {
    const { actor, realMs, services } = context
    const found = await getExport.run(context, { ...place, exportId })
    if ('refuse' in found) throw found.refuse
    const token = randomToken('hfd_')
    const untilMs = Math.min(realMs + expiresInSeconds * 1_000, Date.parse(found.output.export.expiresAt))
    const row = create(ExportLink, digestToken(token), { exportId, createdBy: actor.id ?? '', expiresAt: toTime(untilMs) }, toTime(realMs))
    return {
      output: { ...shown(row), url: `${services.settings.publicUrl}/v1/shared/${token}` },
      changes: [insert(ExportLink, row)],
      entity: { type: Export.name, id: exportId },
    }
  },
})

/** The links of a document that are good now. Errors: `export_not_found`. */
export const listShares = operation({
  name: 'export.shares',
  summary: 'List the links of a document',
  needs: 'export:data',
  readOnly: true,
  input: z.object({ exportId: z.string() }),
  output: z.object({ items: z.array(link) }),
  async run(context, { exportId }) {
    const found = await getExport.run(context, { ...place, exportId })
    if ('refuse' in found) throw found.refuse
    const page = await context.store.list(ExportLink, { index: 'byExport', where: { exportId }, limit: 200 })
    return { output: { items: page.items.filter(({ expiresAt }) => Date.parse(expiresAt) > context.realMs).map(shown) } }
  },
})

/** Takes a link back, at once. Errors: `not_found`. */
export const unshareExport = operation({
  name: 'export.unshare',
  summary: 'Take back a link of a document',
  needs: 'export:data',
  input: z.strictObject({ exportId: z.string(), linkId: z.string().max(100) }),
  output: z.null(),
  async run(context, { exportId, linkId }) {
    const found = await getExport.run(context, { ...place, exportId })
    if ('refuse' in found) throw found.refuse
    const row = await context.store.get(ExportLink, linkId)
    if (row === null || row.exportId !== exportId) throw notFound()
    return { output: null, changes: [remove(ExportLink, row)], entity: { type: Export.name, id: exportId } }
  },
})

/** Where the document of a link is. An unknown, an expired and a taken back link, and one of a checklist that is gone, are the same. Errors: `not_found`. */
export const openShare = operation({
  name: 'export.open',
  summary: 'Get a shared document',
  needs: 'public',
  readOnly: true,
  input: z.object({ token: z.string().max(100) }),
  output: z.object({ url: z.string() }),
  async run({ runtime, services, realMs }, { token }) {
    const found = await findByToken({ runtime }, ExportLink, 'byId', token)
    if (found === null || Date.parse(found.row.expiresAt) <= realMs) throw gone()
    const { store } = found
    const row: ExportRow | null = await store.get(Export, found.row.exportId)
    if (row === null || Date.parse(row.expiresAt) <= realMs) throw gone()
    if (row.entityId !== null && (await store.get(Checklist, row.entityId)) === null) throw gone()
    return { output: { url: await linkTo({ services, store }, row.objectKey, { name: row.fileName, type: row.contentType }) } }
  },
})

const gone = () => new AppError('not_found', 'not_found', 'There is nothing at this address.')
