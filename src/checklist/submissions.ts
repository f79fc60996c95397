import { z } from 'zod'
import type { Role } from '../access/permissions.ts'
import { readAll } from '../assignment/ledger.ts'
import { type Change, check, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { Media } from '../media/entity.ts'
import { mediaOf, photosOf } from '../media/rows.ts'
import { mediaShape, mediaView } from '../media/view.ts'
import { listing, text } from '../profile/input.ts'
import { assertRevision, entered, forbidden, where } from '../profile/place.ts'
import { User } from '../user/entity.ts'
import { accessOf, assertNotFrozen, readableChecklist } from './access.ts'
import { levelOf, openStep, rankOf, stepsOf } from './approval.ts'
import {
  approvalStep,
  Checklist,
  type ChecklistRow,
  historyStep,
  LiveDocument,
  type LiveDocumentRow,
  submissionStatuses,
} from './entity.ts'
import { pageOf, theContent, theDocument } from './operations.ts'
import { unreadyOf } from './progress.ts'
import { reminderOf } from './remind.ts'

const threeDaysMs = 3 * 86_400_000

export const submissionView = z.object({
  submissionId: z.string(),
  checklistId: z.string(),
  organizationId: z.string(),
  userId: z.string(),
  title: z.string(),
  description: z.string().nullable(),
  status: z.string(),
  priority: z.string(),
  progress: z.int(),
  mediaFiles: z.array(mediaView),
  location: Checklist.public.shape.location,
  reviewerId: z.string().nullable(),
  reviewNotes: z.string().nullable(),
  reviewedAt: z.string().nullable(),
  submittedBy: z.string().nullable(),
  submittedAt: z.string().nullable(),
  completedAt: z.string().nullable(),
  dueDate: z.string().nullable(),
  tags: z.array(z.string()),
  customFields: z.record(z.string(), z.unknown()),
  approvalSteps: z.array(approvalStep),
  history: z.array(historyStep),
  version: z.int(),
  createdAt: z.string(),
  updatedAt: z.string(),
  revision: z.int(),
})
type SubmissionView = z.input<typeof submissionView>

const viewOf = ({ store }: Pick<Context, 'store'>, row: ChecklistRow, document: LiveDocumentRow | null): SubmissionView => ({
  ...row,
  submissionId: row.id,
  checklistId: row.id,
  organizationId: store.tenantId,
  title: document?.title ?? '',
  progress: document?.progress ?? 0,
  version: document?.documentVersion ?? 0,
  mediaFiles: [],
  revision: row.version,
})

/** The same with its files. */
export async function withFiles(context: Context, row: ChecklistRow, document: LiveDocumentRow | null): Promise<SubmissionView> {
  const files = await mediaOf(context, row.id)
  return { ...viewOf(context, row, document), mediaFiles: await Promise.all(files.map((file) => mediaShape(context, file))) }
}

/** Whether the actor may decide the step that is open, or where none is the lowest there could be. A leading member of an assigned team counts as a manager. */
async function mayDecide(context: Context, row: ChecklistRow): Promise<boolean> {
  if (row.submittedBy === context.actor.id) return false
  const needed = Math.max(rankOf('manager'), rankOf(openStep(row)?.approverRole ?? 'manager'))
  if (levelOf(context.actor.role) >= needed) return true
  return needed === rankOf('manager') && (await accessOf(context, row)).reviews
}

/** Submissions that one may read. `reviewable`: those whose open step one may decide now. */
export const listSubmissions = operation({
  name: 'submission.list',
  summary: 'List submissions',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object({
    ...where,
    ...listing,
    userId: z.string().optional(),
    status: z.enum(submissionStatuses).optional(),
    reviewable: z.union([z.boolean(), z.enum(['true', 'false']).transform((given) => given === 'true')]).optional(),
  }),
  output: z.object({ submissions: z.array(submissionView), nextCursor: z.string().nullable() }),
  async run(caller, { reviewable, ...given }) {
    const context = await entered(caller, given)
    const { rows, nextCursor } = await pageOf(context, reviewable === true ? { ...given, status: 'under_review' } : given)
    const fitting: ChecklistRow[] = []
    for (const row of rows) if (reviewable !== true || (await mayDecide(context, row))) fitting.push(row)
    const documents = await readAll<LiveDocumentRow>(
      context.store,
      fitting.map(({ id }) => ({ type: LiveDocument, id })),
    )
    const submissions = await Promise.all(fitting.map((row, at) => withFiles(context, row, documents[at] ?? null)))
    return { output: { submissions, nextCursor } }
  },
})

async function readableSubmission(context: Context, id: string) {
  try {
    return await readableChecklist(context, id)
  } catch (error) {
    if (error instanceof AppError && error.code === 'checklist_not_found')
      throw new AppError('not_found', 'submission_not_found', 'Submission not found')
    throw error
  }
}

export const getSubmission = operation({
  name: 'submission.get',
  summary: 'Read a submission',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object({ ...where, submissionId: z.string() }),
  output: z.object({ submission: submissionView }),
  async run(caller, { submissionId, ...place }) {
    const context = await entered(caller, place)
    const { row } = await readableSubmission(context, submissionId)
    return { output: { submission: await withFiles(context, row, await theDocument(context, row.id)) } }
  },
})

/** Errors: `submission_not_found`, `forbidden`, `frozen`, `revision_conflict`. */
export const updateSubmission = operation({
  name: 'submission.update',
  summary: 'Change a submission',
  needs: 'submission:submit',
  elsewhere: true,
  input: z
    .object({
      ...where,
      submissionId: z.string(),
      revision: z.int().min(1).optional(),
      description: text(1_000).optional(),
      location: z
        .strictObject({
          latitude: z.number().min(-90).max(90).nullable().default(null),
          longitude: z.number().min(-180).max(180).nullable().default(null),
          address: text(500).default(null),
        })
        .nullable()
        .optional(),
      customFields: z.record(z.string().max(100), z.unknown()).optional(),
    })
    .strict(),
  output: z.object({ submission: submissionView }),
  async run(caller, { organization, actors, submissionId, revision, ...fields }) {
    const context = await entered(caller, { organization, actors })
    const { row, access } = await readableSubmission(context, submissionId)
    if (!access.mayEdit) throw forbidden()
    assertNotFrozen(row)
    assertRevision(row, revision)
    const set = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
    const next = patched(Checklist, row, set, context.now)
    return {
      output: { submission: await withFiles(context, next, await theDocument(context, row.id)) },
      changes: [update(Checklist, row, next)],
      store: context.store,
      entity: { type: 'submission', id: row.id },
    }
  },
})

const wrongState = (message: string) => new AppError('conflict', 'invalid_transition', message)

/** Submits a checklist: what is not ready is told, all of it. Errors: `submission_not_found`, `forbidden`, `invalid_transition`, `submission_incomplete`. */
export const submit = operation({
  name: 'submission.submit',
  summary: 'Submit a checklist',
  needs: 'submission:submit',
  elsewhere: true,
  input: z.object({ ...where, submissionId: z.string() }).strict(),
  output: z.object({ submission: submissionView }),
  async run(caller, { organization, actors, submissionId }) {
    const context = await entered(caller, { organization, actors })
    const { store, now, nowMs, actor, newId } = context
    const { row, access } = await readableSubmission(context, submissionId)
    if (!access.mayEdit) throw forbidden()
    if (row.status !== 'draft' && row.status !== 'requires_changes')
      throw wrongState('Only a draft, or what changes were asked for, can be submitted.')
    const { document, content } = await theContent(context, row.id)
    const photos = new Map((await photosOf(context, row.id)).map((photo) => [photo.id, photo]))
    const unready = unreadyOf(content, { createdMs: Date.parse(row.createdAt), nowMs }, (attachments) =>
      attachments.some((one) => photos.has(one)),
    )
    if (unready.length > 0)
      throw new AppError('unprocessable', 'submission_incomplete', 'The checklist is not complete.', { errors: unready })
    const steps = stepsOf((actor.role ?? 'member') as Role, row.value)
    const submitted = { status: 'submitted', by: actor.id, at: now, notes: null }
    const status = steps.length === 0 ? ('approved' as const) : ('under_review' as const)
    const next = patched(
      Checklist,
      row,
      {
        status,
        submittedBy: actor.id,
        submittedAt: now,
        completedAt: status === 'approved' ? now : null,
        approvalSteps: steps.map((approverRole, order) => ({
          id: newId(),
          order,
          approverId: null,
          approverRole,
          status: 'pending' as const,
          notes: null,
          approvedAt: null,
          deadline: toTime(nowMs + threeDaysMs),
        })),
        history: [...row.history, submitted, { status, by: actor.id, at: now, notes: null }],
      },
      now,
    )
    // the very document that was looked at is what is submitted
    const changes: Change[] = [update(Checklist, row, next), check(LiveDocument, document)]
    // as are the photos that it needs
    for (const photo of photos.values()) changes.push(check(Media, photo))
    changes.push(...reminderOf(context, next))
    return { output: { submission: await withFiles(context, next, document) }, changes, store, entity: { type: 'submission', id: row.id } }
  },
})

const decided = { approve: 'approved', reject: 'rejected', request_changes: 'requires_changes' } as const

/** Decides the open step of a submission. Of two at once one wins. Errors: `submission_not_found`, `validation_failed`, `forbidden`, `invalid_transition`. */
export const review = operation({
  name: 'submission.review',
  summary: 'Review a submission',
  needs: 'submission:review',
  elsewhere: true,
  input: z
    .object({
      ...where,
      submissionId: z.string(),
      decision: z.enum(['approve', 'reject', 'request_changes']),
      notes: text(1_000).optional(),
    })
    .strict(),
  output: z.object({ submission: submissionView }),
  async run(caller, { organization, actors, submissionId, decision, notes = null }) {
    if (decision !== 'approve' && (notes ?? '').trim() === '')
      throw new AppError('unprocessable', 'validation_failed', 'notes: is required', {
        errors: [{ field: 'notes', message: 'is required' }],
      })
    const context = await entered(caller, { organization, actors })
    const { store, now, actor } = context
    const { row } = await readableSubmission(context, submissionId)
    if (!(await mayDecide(context, row))) throw forbidden()
    const open = openStep(row)
    if (open === null) throw wrongState('This submission is not under review.')
    const approvalSteps = row.approvalSteps.map((step) => {
      if (step.id === open.id)
        return {
          ...step,
          approverId: actor.id,
          notes,
          status: decision === 'approve' ? ('approved' as const) : ('rejected' as const),
          approvedAt: decision === 'approve' ? now : null,
        }
      return decision !== 'approve' && step.status === 'pending' ? { ...step, status: 'skipped' as const } : step
    })
    const isMore = decision === 'approve' && approvalSteps.some(({ status }) => status === 'pending')
    const status = isMore ? ('under_review' as const) : decided[decision]
    const next = patched(
      Checklist,
      row,
      {
        status,
        approvalSteps,
        reviewerId: actor.id,
        reviewNotes: notes,
        reviewedAt: now,
        completedAt: status === 'approved' ? now : null,
        history: [...row.history, { status, by: actor.id, at: now, notes }],
      },
      now,
    )
    return {
      output: { submission: await withFiles(context, next, await theDocument(context, row.id)) },
      changes: [update(Checklist, row, next), ...(await stillThere(context))],
      store,
      entity: { type: 'submission', id: row.id },
    }
  },
})

/** A decision is that of somebody who has the role at that moment. */
async function stillThere({ store, actor }: Context): Promise<Change[]> {
  const user = actor.kind === 'user' && actor.id !== null ? await store.get(User, actor.id) : null
  return user === null ? [] : [check(User, user)]
}
