import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'

const time = z.iso.datetime({ precision: 3 })

/** Work to be done after a commit, made in that very commit. Once it ends it stays for a while, to be looked at. */
export const Job = entity('job', {
  table: 'jobs',
  fields: {
    /** Names its handler (src/job-handlers.ts): `media.expire`. */
    kind: z.string(),
    /** What the handler needs to know. Never a secret: operators read it. */
    payload: z.record(z.string(), z.json()),
    state: z.enum(['queued', 'running', 'done', 'dead', 'cancelled']),
    /** Of jobs of one kind with the same name one is open at a time; null = any number. Emptied at the end. */
    name: z.string().nullable(),
    /** Real time before which it does not begin. */
    runAt: time,
    /** When somebody must look at it again: a waiting one's `runAt`, a running one's end of the lease; null once it has ended. */
    dueAt: time.nullable(),
    attempts: z.int(),
    maxAttempts: z.int(),
    /** 0 to 100. */
    progress: z.int(),
    result: z.record(z.string(), z.json()).nullable(),
    lastError: z.string().nullable(),
    createdBy: z.uuid().nullable(),
    startedAt: time.nullable(),
    endedAt: time.nullable(),
    /** `open` while it has not ended, else null: the platform finds tenants with work by it. */
    openness: z.string().nullable(),
  },
  internal: ['openness', 'dueAt'],
  unique: { name: ['kind', 'name'] },
  indexes: { due: ['dueAt'], byState: ['state'], byKind: ['kind'], ended: ['endedAt'] },
  directory: { open: { fields: ['openness'] } },
  transient: true,
})
export type JobRow = Entity<typeof Job>
