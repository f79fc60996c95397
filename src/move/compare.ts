import { anyErasure, entryProblem, firstHash } from '../audit/chain.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import type { Page } from '../kernel/page.ts'
import type { SequenceValue, Storage, StoredRow } from '../storage/port.ts'
import { rowText } from './digest.ts'
import type { Watched } from './follow.ts'
import { currentRows, pageRows, sequencesOf } from './rows.ts'
import { breathe, headsOf } from './streams.ts'
import type { Touched } from './touched.ts'

/** More differing rows than writes of a few minutes explain. */
const mostDifferent = 100_000

type Sides = { source: Storage; target: Storage }

/**
 * Walks both sides of an entity in the same order, the target standing still. Its rows go into `sums`; a row that differs goes into `open`: it was written meanwhile,
 * or the copy is wrong, which `settle` tells. Resolves to how many rows there were.
 */
export async function compareRows(sides: Sides, type: AnyEntity, { sums, open }: Watched): Promise<number> {
  const [source, target] = [walk(sides.source, type), walk(sides.target, type)]
  let [ours, theirs] = [await source.next(), await target.next()]
  let compared = 0
  let different = 0
  while (ours !== null || theirs !== null) {
    const order = ours === null ? 1 : theirs === null ? -1 : compareKeys(ours, theirs)
    const [left, right] = [order <= 0 ? ours : null, order >= 0 ? theirs : null]
    const [leftText, rightText] = [textOf(left), textOf(right)]
    if (rightText !== null) sums.add(type.name, rightText)
    compared += 1
    if (leftText !== rightText) {
      const { tenantId, row } = (left ?? right) as StoredRow
      open.add(type, { tenantId, id: row.id })
      different += 1
      if (different > mostDifferent) throw differs(type.name, tenantId, row.id)
    }
    if (left !== null) ours = await source.next()
    if (right !== null) theirs = await target.next()
  }
  return compared
}

const textOf = (row: StoredRow | null | undefined): string | null => (row == null ? null : rowText(row))

function walk(storage: Storage, type: AnyEntity) {
  let items: readonly StoredRow[] = []
  let cursor: string | null = null
  let position = 0
  let isEnd = false
  return {
    async next(): Promise<StoredRow | null> {
      if (position === items.length) {
        if (isEnd) return null
        const page: Page<StoredRow> = await storage.transfer().rows(type, { cursor, limit: pageRows })
        ;({ items, nextCursor: cursor } = page)
        position = 0
        isEnd = cursor === null
        await breathe()
        if (items.length === 0) return null
      }
      return items[position++] ?? null
    },
  }
}

/** The order of `Transfer.rows`: by code point, which only for rare texts is not the order of JavaScript. */
const compareTexts = (a: string, b: string): number => (a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b)))

const compareKeys = (a: StoredRow, b: StoredRow): number => compareTexts(a.tenantId, b.tenantId) || compareTexts(a.row.id, b.row.id)

/** Rows that were open are equal now, the source being still. Errors: `move_differs`. */
export async function settle({ source, target }: Sides, open: Touched): Promise<void> {
  for (const [type, all] of open.rows())
    for (let start = 0; start < all.length; start += pageRows) {
      const places = all.slice(start, start + pageRows)
      const [ours, theirs] = [await currentRows(source, type, places), await currentRows(target, type, places)]
      for (const [position, { tenantId, id }] of places.entries()) {
        if (textOf(ours[position]) !== textOf(theirs[position])) throw differs(type.name, tenantId, id)
      }
    }
}

/** The target's log is what was loaded: read back whole and recomputed. Errors: `move_differs`. */
export async function checkLog(target: Storage, entries: (count: number) => void): Promise<void> {
  for await (const { tenantId, stream, sequence, hash } of headsOf(target)) {
    let before = { sequence: 0, hash: firstHash }
    while (before.sequence < sequence) {
      const page = await target.tenant(tenantId).log(stream, before.sequence, Math.min(200, sequence - before.sequence))
      if (page.length === 0) throw differs('log', tenantId, `${stream}/${before.sequence + 1}`)
      for (const logged of page) {
        if (entryProblem(logged, stream, before, anyErasure) !== null) throw differs('log', tenantId, `${stream}/${before.sequence + 1}`)
        before = { sequence: logged.entry.sequence, hash: logged.hash }
      }
      entries(page.length)
      await breathe()
    }
    if (before.hash !== hash) throw differs('log', tenantId, `${stream}/${sequence}`)
  }
}

/** Every stream ends alike on both sides, the source being still. Errors: `move_differs`. */
export async function compareHeads({ source, target }: Sides): Promise<void> {
  const ours = new Map<string, string>()
  for await (const { tenantId, stream, sequence, hash } of headsOf(source)) ours.set(stream, `${tenantId} ${sequence} ${hash}`)
  for await (const { tenantId, stream, sequence, hash } of headsOf(target)) {
    if (ours.get(stream) !== `${tenantId} ${sequence} ${hash}`) throw differs('log', tenantId, stream)
    ours.delete(stream)
  }
  for (const stream of ours.keys()) throw differs('log', '', stream)
}

/** No sequence of the target is below what was copied. Errors: `move_differs`. */
export async function compareSequences(target: Storage, copied: readonly SequenceValue[]): Promise<void> {
  const there = new Map<string, number>()
  for await (const { tenantId, sequence, value } of sequencesOf(target)) there.set(`${tenantId}\n${sequence}`, value)
  for (const { tenantId, sequence, value } of copied)
    if ((there.get(`${tenantId}\n${sequence}`) ?? 0) < value) throw differs('sequence', tenantId, sequence)
}

const differs = (entity: string, tenantId: string, id: string) =>
  new AppError(
    'internal',
    'move_differs',
    `The copy is not equal: ${entity} ${id}${tenantId === '' ? '' : ` of tenant ${tenantId}`} is not the same on both sides. Keep the source, empty the target and move again.`,
  )
