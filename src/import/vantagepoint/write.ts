import type { Contact } from '../../contact/entity.ts'
import type { Change } from '../../kernel/change.ts'
import type { Context } from '../../kernel/context.ts'
import { metaOf } from '../../kernel/meta.ts'
import { Conflict } from '../../storage/port.ts'
import type { User } from '../../user/entity.ts'
import { numbersAbove } from '../numbers.ts'
import { contended } from '../user-batch.ts'
import type { Renumbering } from './findings.ts'

/** Rows a commit. */
const batchSize = 100

/** A commit that loses a race is mended and repeated. */
const attempts = 20

type Row = { id: string; number: number; old: { id: number | null } }

/** How rows of one kind are written. `onWritten` is told how many more are durable. */
export type Writing<T extends Row> = {
  type: typeof User | typeof Contact
  /** The log's action. */
  action: string
  importId: string
  renumbered: Renumbering[]
  onWritten(rows: number): void
  prepare?(batch: readonly T[]): Promise<void>
  changesOf(batch: readonly T[]): Promise<Change[]>
  /** Gives up a unique key of a row that someone else took meanwhile. False: it cannot do without. */
  yields?(row: T, key: string): boolean
}

/** Writes rows in their order, some at a time; each commit holds whole rows. Errors: `import_contended`, and those of a commit. */
export async function writeRows<T extends Row>(context: Context, rows: readonly T[], writing: Writing<T>): Promise<void> {
  for (let from = 0; from < rows.length; from += batchSize) {
    const batch = rows.slice(from, from + batchSize)
    await writing.prepare?.(batch)
    await commit(context, batch, writing)
    writing.onWritten(batch.length)
  }
}

async function commit<T extends Row>(context: Context, batch: readonly T[], writing: Writing<T>): Promise<void> {
  const meta = metaOf(context, writing.action, { detail: { import: writing.importId, rows: batch.length } })
  for (let tried = 1; ; tried++) {
    try {
      await context.store.commit(await writing.changesOf(batch), meta)
      return
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
      if (tried === attempts || !(await mended(context, batch, writing, error))) throw contended(error)
    }
  }
}

/** Someone else took a number or an address, or changed a manager, between the check and the commit. */
async function mended<T extends Row>(
  context: Context,
  batch: readonly T[],
  writing: Writing<T>,
  { reason, id, key }: Conflict,
): Promise<boolean> {
  if (reason === 'version') return true
  const row = batch.find((one) => one.id === id)
  if (row === undefined || key === null) return false
  if (key !== 'number') return writing.yields?.(row, key) ?? false
  const [number = 0] = await numbersAbove(context.store, writing.type, 0, 1)
  const before = writing.renumbered.find(({ to }) => to === row.number)
  if (before !== undefined) before.to = number
  else if (row.old.id !== null) writing.renumbered.push({ from: row.old.id, to: number })
  row.number = number
  return true
}
