import { insertOp, removeOp, replaceOp } from 'ot-json1'
import { z } from 'zod'
import type { ChecklistDocument } from '../checklist/shape.ts'
import { canonical, type Json } from '../kernel/canonical.ts'
import { operation } from '../kernel/operation.ts'
import { assertKept, edited } from './edit.ts'
import { compose, type Op } from './json1.ts'
import { digestOf, editable, editResult, shown, written } from './operations.ts'
import { contentAt, contentOf } from './state.ts'

const same = (a: unknown, b: unknown): boolean => a === b || canonical((a ?? null) as Json) === canonical((b ?? null) as Json)

/** What makes one document say what another does: texts and registers of the whole, and entries put in, taken out or replaced. */
export function between(now: ChecklistDocument, then: ChecklistDocument): Op {
  let op: Op = null
  const add = (next: unknown) => {
    op = compose(op, next as Op)
  }
  for (const field of ['title', 'description', 'customFields'] as const)
    if (!same(now[field], then[field])) add(replaceOp([field], now[field] as never, then[field] as never))
  for (const map of ['sections', 'items'] as const) {
    const [here, there] = [now[map], then[map]] as Record<string, unknown>[]
    for (const id of new Set([...Object.keys(here ?? {}), ...Object.keys(there ?? {})])) {
      const [before, after] = [here?.[id], there?.[id]]
      if (after === undefined) add(removeOp([map, id]))
      else if (before === undefined) add(insertOp([map, id], after as never))
      else if (!same(before, after)) add(replaceOp([map, id], before as never, after as never))
    }
  }
  return op
}

/** Makes a document say again what it said at a version, as one more version: nothing of its history goes. Errors: those of an edit. */
export const restoreDocument = operation({
  name: 'document.restore',
  summary: 'Bring a document back to one of its versions',
  needs: 'checklist:edit',
  input: z.strictObject({ checklistId: z.string(), version: z.int().min(1) }),
  output: z.object({ result: editResult }),
  serial: async ({ store }, { checklistId }) => ({ key: `document ${store.tenantId} ${checklistId}`, width: 1 }),
  async run(context, { checklistId, version }) {
    const { row, document } = await editable(context, checklistId)
    assertKept(document, version)
    const op = between(await contentOf(context, document), await contentAt(context, document, version))
    const operationId = context.newId()
    const made = await edited(
      context,
      { row, document },
      { operationId, digest: digestOf({ version }), baseVersion: document.documentVersion, op },
    )
    return { output: { result: shown(made.edit, made.content) }, ...written(context, made) }
  },
})
