import { Checklist, type ChecklistRow, LiveDocument, type LiveDocumentRow } from '../checklist/entity.ts'
import { percentOf } from '../checklist/progress.ts'
import type { ChecklistDocument } from '../checklist/shape.ts'
import { type Change, check, create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { metaOf } from '../kernel/meta.ts'
import { Conflict } from '../storage/port.ts'
import { checkDocument, checkJson, invalidOperation } from './check.ts'
import { Edit, type EditRow, Milestone } from './entity.ts'
import { after, apply, type Op } from './json1.ts'
import { accountName } from './name.ts'
import { contentAt, contentOf, editsBetween, milestoneEvery, type Place, versionId } from './state.ts'
import { conflictsOf } from './touched.ts'

/** Whoever is further behind begins anew. */
const longestBehind = 10_000

export const resync = () =>
  new AppError('gone', 'resync_required', 'The document has changed too much since that version. Read its state and go on from there.')
export const aheadOf = (currentVersion: number) =>
  new AppError('conflict', 'version_mismatch', 'baseVersion is ahead of the document.', { extra: { currentVersion } })

export type Asked = { operationId: string; digest: string; baseVersion: number; op: Op }
export type Edited = { changes: Change[]; document: LiveDocumentRow; content: ChecklistDocument; edit: EditRow; depth: number }

/** Whether a version can be told, however long ago it was. Errors: `version_mismatch`, `resync_required` below the floor. */
export function assertKept({ documentVersion, floorVersion }: LiveDocumentRow, version: number): void {
  if (version > documentVersion) throw aheadOf(documentVersion)
  if (version < floorVersion) throw resync()
}

/** Whether an edit may be based on a version: it is transformed over all that came since. Errors: `version_mismatch`, `resync_required`. */
export function assertReachable(document: LiveDocumentRow, version: number): void {
  assertKept(document, version)
  if (document.documentVersion - version > longestBehind) throw resync()
}

/**
 * The next version: an operation at its base, transformed over what came since, with everything it has to write. Errors: `version_mismatch`, `resync_required`, `invalid_operation`,
 * `document_too_large`.
 */
export async function edited(
  context: Context,
  { row, document }: { row: ChecklistRow; document: LiveDocumentRow },
  asked: Asked,
): Promise<Edited> {
  const { now, actor } = context
  const { baseVersion } = asked
  assertReachable(document, baseVersion)
  checkJson(asked.op)
  const base = await contentAt(context, document, baseVersion)
  const atBase = fitting(base, asked.op)
  const others = await editsBetween(context, document, baseVersion, document.documentVersion)
  let op = asked.op
  for (const other of others) op = after(op, other.op)
  const before = await contentOf(context, document)
  const content = others.length === 0 ? atBase : fitting(before, op)
  checkDocument(before, content, op)
  const version = document.documentVersion + 1
  const next = patched(
    LiveDocument,
    document,
    { documentVersion: version, topVersion: version, title: content.title, progress: percentOf(content) },
    now,
  )
  const edit = create(
    Edit,
    versionId(document.id, version),
    {
      documentId: document.id,
      editVersion: version,
      operationId: asked.operationId,
      digest: asked.digest,
      userId: actor.id,
      userName: await accountName(context),
      op: op as unknown[] | null,
      conflicts: conflictsOf(
        asked.op,
        op,
        others.map((other) => other.op),
      ),
    },
    now,
  )
  const changes: Change[] = [
    // frozen or removed meanwhile: nothing of it is written
    check(Checklist, row),
    update(LiveDocument, document, next),
    insert(Edit, edit),
    ...(version % milestoneEvery === 0 ? [milestone(document.id, version, content, now)] : []),
  ]
  return { changes, document: next, content, edit, depth: others.length }
}

const milestone = (id: string, version: number, content: ChecklistDocument, now: string): Change =>
  insert(Milestone, create(Milestone, versionId(id, version), { documentId: id, content }, now))

function fitting(document: ChecklistDocument, op: Op): ChecklistDocument {
  try {
    return apply(document, op)
  } catch {
    throw invalidOperation('The operation does not fit the document.')
  }
}

/**
 * A document that a restore took back goes on above every version that there ever was, so that nobody who saw those takes other contents for them: they begin anew. Returns the row as it is.
 */
export async function caughtUp(
  context: Pick<Context, 'actor' | 'origin' | 'runtime' | 'store' | 'now'>,
  found: LiveDocumentRow,
): Promise<LiveDocumentRow> {
  const { store, now } = context
  for (let document: LiveDocumentRow | null = found; ; document = await store.get(LiveDocument, found.id)) {
    if (document === null || document.topVersion === document.documentVersion) return document ?? found
    const version = document.topVersion + 1
    const content = await contentOf(context as Place, document)
    const next = patched(LiveDocument, document, { documentVersion: version, topVersion: version, floorVersion: version }, now)
    const meta = metaOf(context, 'document.restored', { entity: { type: Checklist.name, id: found.id } })
    try {
      await store.commit([update(LiveDocument, document, next), milestone(found.id, version, content, now)], meta)
      return next
    } catch (error) {
      // another did it
      if (!(error instanceof Conflict)) throw error
    }
  }
}
