import { newSystemJob } from '../job/enqueue.ts'
import type { JobHandler } from '../job/handler.ts'
import type { Change } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Runtime } from '../kernel/context.ts'
import { Media, type MediaRow } from './entity.ts'
import { removeStem, stemOf } from './stem.ts'

const copyKind = 'media.copy'
const forgetKind = 'media.forget-copy'
/** A file that was deleted can come back with its row for so long. */
const forgottenAfterMs = 35 * 86_400_000
/** How often, and how long at most, a process that cannot reach the backups leaves this to one that can. */
const leftEveryMs = 6 * 3_600_000
const leftForMs = 7 * 86_400_000
/** With growing waits of up to an hour, an outage of two days. */
const maxAttempts = 60

/** What copies a file's bytes into the backups, made in the commit that takes the file in: it is tried until every target has it. */
export const copyJob = (runtime: Runtime, { id }: Pick<MediaRow, 'id'>): Change[] =>
  runtime.services.backups === null ? [] : [newSystemJob(runtime, { kind: copyKind, payload: { mediaId: id }, maxAttempts }).change]

/** What takes the copy of a deleted file out of the backups, when nobody will want it back; `atOnce` for an erasure. */
export function forgetCopyJob(runtime: Runtime, row: Pick<MediaRow, 'id' | 'objectKey'>, { atOnce = false } = {}): Change {
  const runAtMs = runtime.clock.realMs() + (atOnce ? 0 : forgottenAfterMs)
  const payload = { mediaId: row.id, stem: stemOf(row), dueFirstAt: toTime(runAtMs) }
  return newSystemJob(runtime, { kind: forgetKind, payload, runAtMs, maxAttempts }).change
}

const copy: JobHandler = async ({ runtime, store, job }) => {
  const row = await store.get(Media, String((job.payload as { mediaId?: unknown }).mediaId))
  const { backups, objects } = runtime.services
  if (row?.uploadStatus !== 'completed' || backups === null) return undefined
  const from = (await objects()).tenant(store.tenantId)
  if ((await from.stat(row.objectKey)) === null) return { result: { copied: false } }
  await backups.objects.put(store.tenantId, row.objectKey, async () => {
    const opened = await from.open(row.objectKey)
    if (opened === null) throw new Error('the object went away while it was copied')
    return opened.body
  })
  return { result: { copied: true } }
}

const forget: JobHandler = async ({ runtime, store, job }) => {
  const { mediaId, stem } = job.payload as { mediaId?: unknown; stem?: unknown }
  // brought back by a restore: its copy stays
  if ((await store.get(Media, String(mediaId))) !== null) return undefined
  // what a crash left of its bytes goes too
  await removeStem(runtime, store.tenantId, String(stem))
  await runtime.services.backups?.objects.remove(store.tenantId, String(stem))
  return undefined
}

export const copyJobs = { [copyKind]: copy, [forgetKind]: forget }

/** For a process without the backups beside one that has them: the bytes go at once, and the job waits for the other, a week at most, because there may be none. */
export const copyJobsElsewhere = {
  [forgetKind]: async (run) => {
    const done = await forget(run)
    const nowMs = run.runtime.clock.realMs()
    const { dueFirstAt } = run.job.payload as { dueFirstAt?: unknown }
    return typeof dueFirstAt === 'string' && nowMs - Date.parse(dueFirstAt) < leftForMs ? { againAtMs: nowMs + leftEveryMs } : done
  },
} satisfies Record<string, JobHandler>
