import { z } from 'zod'
import { readAll } from '../assignment/ledger.ts'
import { Milestone } from '../document/entity.ts'
import { purgeJob } from '../document/purge.ts'
import { contentOf, type Place, versionId } from '../document/state.ts'
import { removeExportsOf } from '../export/remove.ts'
import { canonical, type Json, sha256 } from '../kernel/canonical.ts'
import { type Change, create, insert, patched, remove, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { everyRow } from '../kernel/every-row.ts'
import { operation } from '../kernel/operation.ts'
import { assertIdCursor, type Page } from '../kernel/page.ts'
import { listing, revision, text } from '../profile/input.ts'
import { assertRevision, entered, forbidden, where } from '../profile/place.ts'
import { assertNotFrozen, checklistNotFound, ownChecklists, readableChecklist } from './access.ts'
import { firstVersion } from './begin.ts'
import {
  Checklist,
  type ChecklistRow,
  LiveDocument,
  type LiveDocumentRow,
  priorities,
  submissionStatuses,
  WorkAssignment,
  WorkTarget,
} from './entity.ts'
import { percentOf, progressOf } from './progress.ts'
import { type ChecklistDocument, checklistData, dataOf } from './shape.ts'
import { theTemplate } from './templates.ts'

const time = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' }).transform((given) => new Date(given).toISOString())
const limited = (most: number) => z.string().refine((given) => [...given].length <= most, `must be at most ${most} characters`)
const metadata = {
  priority: z.enum(priorities).optional(),
  dueDate: time.nullable().optional(),
  category: text(100).optional(),
  tags: z.array(limited(50)).max(50).optional(),
  value: z.number().min(0).nullable().optional(),
}

export const checklistView = z.object({
  checklistId: z.string(),
  submissionId: z.string(),
  organizationId: z.string(),
  userId: z.string(),
  title: z.string(),
  status: z.string(),
  progress: z.int(),
  priority: z.string(),
  dueDate: z.string().nullable(),
  category: z.string().nullable(),
  tags: z.array(z.string()),
  value: z.number().nullable(),
  templateId: z.string().nullable(),
  templateVersion: z.int().nullable(),
  version: z.int(),
  createdAt: z.string(),
  updatedAt: z.string(),
  revision: z.int(),
  checklistData: z.unknown().optional(),
  checksum: z.string().optional(),
})
type ChecklistView = z.input<typeof checklistView>

export const viewOf = ({ store }: Pick<Context, 'store'>, row: ChecklistRow, document: LiveDocumentRow | null): ChecklistView => ({
  ...row,
  checklistId: row.id,
  submissionId: row.id,
  organizationId: store.tenantId,
  title: document?.title ?? '',
  progress: document?.progress ?? 0,
  version: document?.documentVersion ?? 0,
  revision: row.version,
})

export const checksumOf = (document: ChecklistDocument): string => sha256(canonical(document as unknown as Json))

const wholeView = (
  context: Pick<Context, 'store'>,
  row: ChecklistRow,
  { document, content }: { document: LiveDocumentRow; content: ChecklistDocument },
): ChecklistView => ({
  ...viewOf(context, row, document),
  checklistData: dataOf(content),
  checksum: checksumOf(content),
})

/** How far the document of a checklist that is there is. */
export async function theDocument({ store }: Pick<Context, 'store'>, id: string): Promise<LiveDocumentRow> {
  const document = await store.get(LiveDocument, id)
  // it went between two reads
  if (document === null) throw checklistNotFound()
  return document
}

/** The same, with what it says. */
export async function theContent(place: Place, id: string): Promise<{ document: LiveDocumentRow; content: ChecklistDocument }> {
  const document = await theDocument(place, id)
  return { document, content: await contentOf(place, document) }
}

/** Checklists that one may read, in the order of creation. */
export const listChecklists = operation({
  name: 'checklist.list',
  summary: 'List checklists',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object({ ...where, ...listing, userId: z.string().optional(), status: z.enum(submissionStatuses).optional() }),
  output: z.object({ checklists: z.array(checklistView), nextCursor: z.string().nullable() }),
  async run(caller, given) {
    const context = await entered(caller, given)
    const { rows, nextCursor } = await pageOf(context, given)
    const documents = await readAll<LiveDocumentRow>(
      context.store,
      rows.map(({ id }) => ({ type: LiveDocument, id })),
    )
    return { output: { checklists: rows.map((row, at) => viewOf(context, row, documents[at] ?? null)), nextCursor } }
  },
})

type Wanted = { userId?: string | undefined; status?: ChecklistRow['status'] | undefined; limit: number; cursor: string | null }

/** A page of what one may read: of all, or of one's own. */
export async function pageOf(
  context: Context,
  { userId, status, limit, cursor }: Wanted,
): Promise<{ rows: ChecklistRow[]; nextCursor: string | null }> {
  if (context.scope !== 'own') {
    const page: Page<ChecklistRow> = await context.store.list(Checklist, {
      filter: [
        ...(userId === undefined ? [] : [{ field: 'userId', op: 'eq' as const, value: userId }]),
        ...(status === undefined ? [] : [{ field: 'status', op: 'eq' as const, value: status }]),
      ],
      cursor,
      limit,
    })
    return { rows: page.items, nextCursor: page.nextCursor }
  }
  assertIdCursor(cursor)
  const found = (await ownChecklists(context)).filter(
    (row) =>
      (userId === undefined || row.userId === userId) &&
      (status === undefined || row.status === status) &&
      (cursor === null || row.id > cursor),
  )
  const rows = found.slice(0, limit)
  return { rows, nextCursor: found.length > limit ? (rows.at(-1)?.id ?? null) : null }
}

/** Makes a checklist, its submission and its document in one commit, from data or from a template. Errors: `source_missing`, `template_not_found`, `document_too_large`. */
export const createChecklist = operation({
  name: 'checklist.create',
  summary: 'Create a checklist',
  needs: 'checklist:create',
  elsewhere: true,
  input: z
    .object({
      ...where,
      checklistData: checklistData.optional(),
      templateId: z.string().max(100).optional(),
      title: limited(200).optional(),
      ...metadata,
    })
    .strict(),
  output: z.object({ checklist: checklistView }),
  async run(caller, { organization, actors, checklistData: given, templateId, title, ...fields }) {
    if (given === undefined && templateId === undefined)
      throw new AppError('invalid', 'source_missing', 'checklistData or templateId is required')
    const context = await entered(caller, { organization, actors })
    const { store, now, newId, actor } = context
    const template = given === undefined ? await theTemplate(context, templateId ?? '') : null
    const data = given ?? (template as NonNullable<typeof template>).data
    const content = firstVersion(
      title === undefined ? data : { ...data, title },
      newId,
      given === undefined ? 'templateId' : 'checklistData',
    )
    const id = newId()
    const row = create(
      Checklist,
      id,
      {
        userId: actor.id ?? '',
        status: 'draft',
        priority: fields.priority ?? 'medium',
        dueDate: fields.dueDate ?? null,
        category: fields.category ?? template?.view.category ?? null,
        tags: fields.tags ?? [],
        value: fields.value ?? null,
        templateId: template?.view.templateId ?? null,
        templateVersion: template?.view.version ?? null,
        description: null,
        location: null,
        customFields: {},
        reviewerId: null,
        reviewNotes: null,
        reviewedAt: null,
        submittedBy: null,
        submittedAt: null,
        completedAt: null,
        approvalSteps: [],
        history: [{ status: 'draft', by: actor.id, at: now, notes: null }],
      },
      now,
    )
    const first = { documentVersion: 1, topVersion: 1, floorVersion: 1, title: content.title, progress: percentOf(content) }
    const document = create(LiveDocument, id, first, now)
    const milestone = create(Milestone, versionId(id, 1), { documentId: id, content }, now)
    return {
      output: { checklist: wholeView(context, row, { document, content }) },
      changes: [insert(Checklist, row), insert(LiveDocument, document), insert(Milestone, milestone)],
      store,
      entity: { type: Checklist.name, id },
    }
  },
})

export const getChecklist = operation({
  name: 'checklist.get',
  summary: 'Read a checklist',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object({ ...where, checklistId: z.string() }),
  output: z.object({ checklist: checklistView }),
  async run(caller, { checklistId, ...place }) {
    const context = await entered(caller, place)
    const { row } = await readableChecklist(context, checklistId)
    return { output: { checklist: wholeView(context, row, await theContent(context, row.id)) } }
  },
})

/** Changes what is said about a checklist; what it says changes by operations on its document. Errors: `checklist_not_found`, `forbidden`, `frozen`, `revision_conflict`. */
export const updateChecklist = operation({
  name: 'checklist.update',
  summary: 'Change what is said about a checklist',
  needs: 'checklist:edit',
  elsewhere: true,
  input: z.object({ ...where, checklistId: z.string(), revision, ...metadata }).strict(),
  output: z.object({ checklist: checklistView }),
  async run(caller, { organization, actors, checklistId, revision: read, ...fields }) {
    const context = await entered(caller, { organization, actors })
    const { row, access } = await readableChecklist(context, checklistId)
    if (!access.mayEdit) throw forbidden()
    assertNotFrozen(row)
    assertRevision(row, read)
    const set = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
    const next = patched(Checklist, row, set, context.now)
    return {
      output: { checklist: viewOf(context, next, await theDocument(context, row.id)) },
      changes: [update(Checklist, row, next)],
      store: context.store,
      entity: { type: Checklist.name, id: row.id },
    }
  },
})

/** Removes a checklist with its document, its assignments and what was exported of it. Errors: `checklist_not_found`, `frozen`. */
export const removeChecklist = operation({
  name: 'checklist.remove',
  summary: 'Remove a checklist',
  needs: 'checklist:remove',
  elsewhere: true,
  input: z.object({ ...where, checklistId: z.string() }),
  output: z.null(),
  async run(caller, { checklistId, ...place }) {
    const context = await entered(caller, place)
    const { store } = context
    const { row } = await readableChecklist(context, checklistId)
    assertNotFrozen(row)
    const document = await store.get(LiveDocument, row.id)
    const of = { where: { checklistId: row.id }, index: 'byChecklist' }
    const assignments = await everyRow(store, WorkAssignment, of)
    const targets = await everyRow(store, WorkTarget, of)
    const changes: Change[] = [
      remove(Checklist, row),
      ...(document === null ? [] : [remove(LiveDocument, document), purgeJob(context, row.id)]),
      ...assignments.map((one) => remove(WorkAssignment, one)),
      ...targets.map((one) => remove(WorkTarget, one)),
      ...(await removeExportsOf(context, row.id)),
    ]
    return { output: null, changes, store, entity: { type: Checklist.name, id: row.id } }
  },
})

const unmet = { id: z.string(), isComplete: z.boolean(), locked: z.boolean(), unmet: z.array(z.string()) }

/** How far a checklist is, and what stands in the way of what. */
export const getChecklistProgress = operation({
  name: 'checklist.progress',
  summary: 'Read how far a checklist is',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object({ ...where, checklistId: z.string() }),
  output: z.object({
    progress: z.int(),
    total: z.int(),
    completed: z.int(),
    compliance: z.enum(['compliant', 'non_compliant']),
    sections: z.array(z.object({ ...unmet, completedCount: z.int(), totalCount: z.int() })),
    items: z.array(z.object(unmet)),
  }),
  async run(caller, { checklistId, ...place }) {
    const context = await entered(caller, place)
    const { row } = await readableChecklist(context, checklistId)
    const { content } = await theContent(context, row.id)
    return { output: progressOf(content, { createdMs: Date.parse(row.createdAt), nowMs: context.nowMs }) }
  },
})
