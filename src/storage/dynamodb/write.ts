import { randomUUID } from 'node:crypto'
import { type CancellationReason, type TransactWriteItem, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb'
import type { Database } from './db.ts'
import { failureOf } from './failures.ts'
import type { Item } from './item.ts'
import { conditionOf, type Touched } from './plan.ts'

/**
 * What became of a transaction. `reasons` stand in the order of its items. `isUnsure`: the request was sent more than once, because an answer was lost, and the first one may still be at work or
 * have done it all: what the last one met may be its own.
 */
export type Written =
  | { is: 'written' }
  | { is: 'cancelled'; reasons: readonly CancellationReason[]; isUnsure: boolean }
  | { is: 'tooMany'; most: number }

/** One item as a transaction writes it: with its guard, and telling what was there when that misses. */
export function transactItem(touched: Touched): TransactWriteItem {
  const { place, becomes } = touched
  const shared = { TableName: place.table.name, ...conditionOf(touched), ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const }
  if (becomes === undefined) return { ConditionCheck: { ...shared, Key: place.key } }
  return becomes === null ? { Delete: { ...shared, Key: place.key } } : { Put: { ...shared, Item: becomes } }
}

/**
 * Writes all items or none. The token makes a repetition of this very request harmless: a reply that was lost on the way is asked for again by the SDK.
 * An emulator of old takes fewer items than AWS's 100; it says how many, and the caller does it in another way.
 */
export async function transact(db: Database, items: TransactWriteItem[]): Promise<Written> {
  const command = new TransactWriteItemsCommand({ TransactItems: items, ClientRequestToken: randomUUID() })
  try {
    await db.client.send(command)
    return { is: 'written' }
  } catch (error) {
    const { name, message } = error as Error
    if (name === 'TransactionCanceledException') {
      const reasons = (error as { CancellationReasons?: CancellationReason[] }).CancellationReasons ?? []
      return { is: 'cancelled', reasons, isUnsure: attemptsOf(error) > 1 }
    }
    if (name === 'TransactionInProgressException') return { is: 'cancelled', reasons: [{ Code: 'TransactionConflict' }], isUnsure: true }
    const bound = name === 'ValidationException' ? /less than or equal to (\d+)/.exec(message)?.[1] : undefined
    if (bound !== undefined && Number(bound) < items.length) return { is: 'tooMany', most: Number(bound) }
    throw failureOf(error)
  }
}

/** How often the SDK sent it. */
const attemptsOf = (error: unknown): number => (error as { $metadata?: { attempts?: number } }).$metadata?.attempts ?? 1

/** Cancelled for reasons that another attempt mends: two transactions met, or the table was asked for too much. */
export const isTransient = ({ Code }: CancellationReason): boolean =>
  Code === 'TransactionConflict' || Code === 'ThrottlingError' || Code === 'ProvisionedThroughputExceeded'

/** What was there when a guard missed; null when nothing was. */
export const found = (reason: CancellationReason): Item | null => (reason.Item as Item | undefined) ?? null
