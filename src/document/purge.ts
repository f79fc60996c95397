import { LiveDocument } from '../checklist/entity.ts'
import { newSystemJob } from '../job/enqueue.ts'
import type { JobHandler } from '../job/handler.ts'
import { type Change, checkAbsent, remove } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import { type Context, system } from '../kernel/context.ts'
import { removeAllOf } from '../media/purge.ts'
import { Edit, type EditRow, Milestone, type MilestoneRow } from './entity.ts'

const kind = 'document.purge'
const batch = 200

/** What takes the history of a removed document away: it may be long, so it is no part of the removal's commit. */
export const purgeJob = ({ runtime }: Pick<Context, 'runtime'>, id: string): Change =>
  newSystemJob(runtime, { kind, payload: { id } }).change

const purge: JobHandler = async ({ runtime, store, job, signal }) => {
  const id = String((job.payload as { id?: unknown }).id)
  for (;;) {
    signal.throwIfAborted()
    // brought back by a restore: its history stays
    if ((await store.get(LiveDocument, id)) !== null) return undefined
    const of = { index: 'byDocument', where: { documentId: id }, limit: batch }
    const edits: EditRow[] = (await store.list(Edit, of)).items
    const milestones: MilestoneRow[] = (await store.list(Milestone, of)).items
    if (edits.length === 0 && milestones.length === 0) return { changes: await removeAllOf({ runtime, store }, id) }
    await store.commit(
      [
        checkAbsent(LiveDocument, id),
        ...edits.map((row) => remove(Edit, row)),
        ...milestones.slice(0, batch).map((row) => remove(Milestone, row)),
      ],
      {
        actor: { id: system.id, kind: system.kind, name: system.name },
        action: kind,
        entity: { type: LiveDocument.name, id },
        requestId: null,
        time: toTime(runtime.clock.realMs()),
      },
    )
  }
}

export const documentJobs = { [kind]: purge }
