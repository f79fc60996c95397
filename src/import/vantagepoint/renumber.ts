import { Contact } from '../../contact/entity.ts'
import type { Context } from '../../kernel/context.ts'
import type { Entity } from '../../kernel/entity.ts'
import { User } from '../../user/entity.ts'
import { breather } from '../flow.ts'
import { numbersAbove } from '../numbers.ts'
import type { Renumbering } from './findings.ts'

type Planned = { old: { row: number; id: number | null }; number: number }
type Numbered = { type: typeof User | typeof Contact; highest: number; dryRun: boolean }

/** Rows looked through for the highest number that a dry run has to guess from. */
const newest = 200

/**
 * Gives every planned row its number: the old id where it is free, else the next one above all numbers of the tenant and all ids of the file. Tells which ids changed.
 * A dry run takes no numbers, and says those that it expects.
 */
export async function giveNumbers(
  { store }: Context,
  planned: readonly Planned[],
  { type, highest, dryRun }: Numbered,
): Promise<Renumbering[]> {
  const without: Planned[] = []
  const breathe = breather()
  for (const row of planned) {
    await breathe()
    const { id } = row.old
    const isFree = id !== null && (await store.find(type, 'number', [id])) === null
    if (isFree) row.number = id
    else without.push(row)
  }
  without.sort((a, b) => a.old.row - b.old.row)
  const numbers = dryRun ? null : await numbersAbove(store, type, highest, without.length)
  const first = numbers === null ? Math.max(highest, await highestOf(store, type)) + 1 : 0
  for (const [at, row] of without.entries()) row.number = numbers?.[at] ?? first + at
  return without.flatMap(({ old: { id }, number }) => (id === null ? [] : [{ from: id, to: number }]))
}

async function highestOf(store: Context['store'], type: Numbered['type']): Promise<number> {
  const pages = await Promise.all([
    store.list(type, { order: 'desc', limit: newest }),
    type === User
      ? store.list(User, { index: 'byNumber', order: 'desc', limit: 1 })
      : store.list(Contact, { index: 'byLead', order: 'desc', limit: 1 }),
  ])
  return Math.max(0, ...pages.flatMap(({ items }) => (items as Entity<typeof User | typeof Contact>[]).map(({ number }) => number)))
}
