import { z } from 'zod'
import { type Backup, type Backups, backupsOff, type Verified } from '../kernel/backups.ts'
import type { Context } from '../kernel/context.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { decodeCursor, encodeCursor, pageInput, pageOf } from '../kernel/page.ts'
import { platformTenant } from '../storage/port.ts'

const count = z.int().min(0)
const id = z.string().regex(/^[A-Za-z0-9_-]{1,100}$/)

/** native-api.md section 5. A tenant sees its own rows and heads, the platform all of them. */
const backup = z.object({
  id: z.string(),
  target: z.string(),
  createdAt: z.iso.datetime({ precision: 3 }),
  provenAt: z.iso.datetime({ precision: 3 }).nullable(),
  bytes: count,
  files: count,
  entities: z.record(z.string(), count),
  heads: z.array(z.object({ stream: z.string(), sequence: count, hash: z.string() })),
})

/** Errors: `backups_off`. */
export function backupsOf({ runtime }: Context): Backups {
  const { backups } = runtime.services
  if (backups !== null) return backups
  throw backupsOff()
}

/** A target that a caller names: over HTTP only those of the settings are there, a command may name any. Errors: `not_found`. */
export function namedTarget(context: Context, url: string | undefined): { url?: string } {
  if (url === undefined) return {}
  if (context.origin.surface === 'cli' || backupsOf(context).targets().includes(url)) return { url }
  throw new AppError('not_found', 'not_found', `${url} is none of the targets that HOLDFAST_BACKUP names.`)
}

function shown({ tenants, ...made }: Backup, { store: { tenantId } }: Context): z.output<typeof backup> {
  const isPlatform = tenantId === platformTenant
  const heads = made.heads.filter((head) => isPlatform || head.tenantId === tenantId)
  return {
    ...made,
    entities: isPlatform ? made.entities : (tenants[tenantId] ?? {}),
    heads: heads.map(({ stream, sequence, hash }) => ({ stream, sequence, hash })),
  }
}

/** Progress is told to a command that shows it; over HTTP nothing can be sent that is a function. */
const onProgress = z.custom<(done: number, total: number) => void>((given) => typeof given === 'function').optional()
const told = (report: ((done: number, total: number) => void) | undefined) => (done: number) => report?.(done, 0)

export const createBackup = operation({
  name: 'backup.create',
  summary: 'Make a backup and prove it',
  needs: 'backup:create',
  input: z.strictObject({ onProgress }).default({}),
  output: backup,
  async run(context, { onProgress: report }) {
    const made = await backupsOf(context).create(told(report))
    const detail = { target: made.target, provenAt: made.provenAt, bytes: made.bytes, files: made.files }
    return { output: shown(made, context), logged: true, entity: { type: 'backup', id: made.id }, detail }
  },
})

export const listBackups = operation({
  name: 'backup.list',
  summary: 'List backups, newest first',
  needs: 'backup:read',
  readOnly: true,
  input: z.strictObject({ ...pageInput, target: z.string().max(1_000).optional() }),
  output: pageOf(backup),
  async run(context, { cursor, limit = 50, target }) {
    const all = await backupsOf(context).list(namedTarget(context, target).url)
    const after = cursor === undefined ? null : decodeCursor('backups', cursor, 2)
    const start = after === null ? 0 : all.findIndex((each) => each.id === after[0] && each.target === after[1]) + 1
    const items = all.slice(start, start + limit)
    const last = items.at(-1)
    const isMore = start + limit < all.length && last !== undefined
    return {
      output: {
        items: items.map((each) => shown(each, context)),
        nextCursor: isMore ? encodeCursor('backups', [last.id, last.target]) : null,
      },
    }
  },
})

/** Reads and checks every byte of a snapshot, and of every log segment and head of its target. */
export const verifyBackup = operation({
  name: 'backup.verify',
  summary: 'Check every byte of a backup',
  needs: 'backup:read',
  input: z.strictObject({ id: id.nullish(), target: z.string().max(1_000).optional(), onProgress }),
  output: z.object({
    ok: z.boolean(),
    files: count,
    bytes: count,
    problems: z.array(
      z.object({ file: z.string(), code: z.enum(['changed', 'truncated', 'missing', 'gap', 'foreign']), detail: z.string() }),
    ),
  }),
  async run(context, input) {
    const where = { id: input.id ?? null, ...namedTarget(context, input.target) }
    const found = await backupsOf(context).verify(where, told(input.onProgress)).catch(hidden(context))
    const detail = { ok: found.ok, files: found.files, bytes: found.bytes, problems: found.problems.length }
    return { output: ownProblems(found, context), logged: true, entity: { type: 'backup', id: input.id ?? 'all' }, detail }
  },
})

export const proveBackup = operation({
  name: 'backup.prove',
  summary: 'Restore a backup to the side and compare',
  needs: 'backup:create',
  input: z.strictObject({ id: id.nullish(), target: z.string().max(1_000).optional(), onProgress }),
  output: z.object({
    ok: z.boolean(),
    id: z.string(),
    entities: z.record(z.string(), count),
    seconds: z.number(),
    problems: z.array(z.object({ part: z.string(), detail: z.string() })),
  }),
  async run(context, input) {
    const where = { id: input.id ?? null, ...namedTarget(context, input.target) }
    const proof = await backupsOf(context).prove(where, told(input.onProgress))
    return { output: proof, logged: true, entity: { type: 'backup', id: proof.id }, detail: { ok: proof.ok, seconds: proof.seconds } }
  },
})

export const pruneBackups = operation({
  name: 'backup.prune',
  summary: 'Remove old backups',
  needs: 'backup:prune',
  input: z.strictObject({ keep: z.int().min(0).max(100_000).nullish(), dryRun: z.boolean().default(false) }),
  output: z.object({ kept: z.array(z.string()), removed: z.array(z.string()) }),
  async run(context, { keep, dryRun }) {
    const output = await backupsOf(context).prune({ keep: keep ?? null, dryRun })
    return { output, ...(dryRun ? {} : { logged: true as const, detail: { removed: output.removed, kept: output.kept.length } }) }
  },
})

/** A tenant is told of damage in its own stream and in what all share; of the rest only that there is some. */
function ownProblems(found: Verified, { store: { tenantId } }: Context): Verified {
  if (tenantId === platformTenant) return found
  const isOthers = (file: string): boolean => /^(log|heads)\//.test(file) && file.split('/')[1] !== tenantId
  const own = found.problems.filter(({ file }) => !isOthers(file))
  const others = found.problems.length - own.length
  if (others === 0) return found
  return {
    ...found,
    problems: [
      ...own,
      { file: 'log/', code: 'changed', detail: `${others} problems are in the log of other tenants; the platform's staff sees them.` },
    ],
  }
}

/** Over HTTP an absent backup is answered like everything that is absent. */
const hidden =
  ({ store: { tenantId } }: Context) =>
  (error: unknown): never => {
    if (error instanceof AppError && error.code === 'not_found' && tenantId !== platformTenant) throw notFound()
    throw error
  }
