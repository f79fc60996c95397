import { randomUUID } from 'node:crypto'
import { DeleteItemCommand, PutItemCommand, type TransactWriteItem, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { AppError } from '../../kernel/errors.ts'
import type { Database, Place } from './db.ts'
import { heldBy, type Item, most, nextForm, sizeOf } from './item.ts'
import { commitPlace } from './keys.ts'
import { conditionOf, type Touched } from './plan.ts'
import { type Forms, formOf, holderOf, isNew } from './staged-form.ts'
import { transact, type Written } from './write.ts'

/** Items written at once. */
const atOnce = 32
/** How long the record of a finished commit stays, for readers that met one of its items a moment before. */
const recordSeconds = 24 * 60 * 60

type Missed = { touched: Touched; found: Item | null }

export type Staged = Written | { is: 'missed'; missed: Missed[] }

const missed = (error: unknown): error is Error & { Item?: Item } => (error as Error).name === 'ConditionalCheckFailedException'

/**
 * Commits that do not fit one transaction. Every item is held first, under its guard and beside what it is to become: nobody else can change it, and readers go on seeing what was.
 * Then one transaction writes the log entry and the commit's record, and that decides for all of them at once: readers take the new form from that moment (staged-form.ts). At last the
 * items are settled; whoever meets one that is not, because the process ended, settles it.
 */
export function stager(db: Database, forms: Forms) {
  const run = (call: () => Promise<unknown>): Promise<unknown> => db.send(call)

  /** False when the guard missed. */
  async function guarded(call: () => Promise<unknown>): Promise<{ missed: false } | { missed: true; found: Item | null }> {
    try {
      await call()
      return { missed: false }
    } catch (error) {
      if (missed(error)) return { missed: true, found: (error.Item as Item | undefined) ?? null }
      return db.fail(error)
    }
  }

  function hold(id: string, touched: Touched) {
    const { place, becomes, guard } = touched
    const condition = conditionOf(touched)
    const shared = { TableName: place.table.name, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const }
    const mark: Item = { [heldBy]: { S: id } }
    if (guard.is === 'absent') {
      const Item: Item = becomes
        ? { ...becomes, ...mark, [isNew]: { BOOL: true } }
        : { ...place.key, ...mark, [isNew]: { BOOL: true }, [nextForm]: { NULL: true } }
      return guarded(() => db.client.send(new PutItemCommand({ ...shared, ...condition, Item })))
    }
    const sets = ['#hold = :hold']
    const names: Record<string, string> = { ...condition.ExpressionAttributeNames, '#hold': heldBy }
    const values: Item = { ...condition.ExpressionAttributeValues, ':hold': { S: id } }
    if (becomes !== undefined) {
      sets.push('#next = :next')
      names['#next'] = nextForm
      values[':next'] = becomes === null ? { NULL: true } : { M: becomes }
    }
    return guarded(() =>
      db.client.send(
        new UpdateItemCommand({
          ...shared,
          Key: place.key,
          UpdateExpression: `SET ${sets.join(', ')}`,
          ConditionExpression: condition.ConditionExpression,
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: values,
        }),
      ),
    )
  }

  /** Gives a held item its last form. Another who did so first is no matter. */
  async function settle(id: string, place: Place, item: Item | null, isCommitted: boolean): Promise<void> {
    const current = item ?? (await db.getItem(place))
    if (current === null || holderOf(current) !== id) return
    const form = formOf(current, isCommitted ? 'committed' : 'aborted')
    const condition = {
      ConditionExpression: '#hold = :hold',
      ExpressionAttributeNames: { '#hold': heldBy },
      ExpressionAttributeValues: { ':hold': { S: id } },
    }
    const TableName = place.table.name
    if (form === null) await guarded(() => db.client.send(new DeleteItemCommand({ TableName, Key: place.key, ...condition })))
    else await guarded(() => db.client.send(new PutItemCommand({ TableName, Item: form, ...condition })))
  }

  /** Every one, several at once; what fails is thrown when none is under way any more. */
  async function each<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
    const waiting = all.values()
    const worker = async (): Promise<void> => {
      for (const one of waiting) await work(one)
    }
    const ends = await Promise.allSettled(Array.from({ length: Math.min(atOnce, all.length) }, worker))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  const record = (id: string) => {
    const { pk, sk } = commitPlace(id)
    return { pk: { S: pk }, sk: { S: sk } }
  }

  const keepUntilRead = (id: string): Promise<unknown> =>
    run(() =>
      db.client.send(
        new UpdateItemCommand({
          TableName: db.keys.name,
          Key: record(id),
          UpdateExpression: 'SET #t = :t',
          ExpressionAttributeNames: { '#t': 'ttl' },
          ExpressionAttributeValues: { ':t': { N: String(Math.floor(Date.now() / 1000) + recordSeconds) } },
        }),
      ),
    )

  const decide = (id: string, state: 'committed' | 'aborted'): TransactWriteItem => ({
    Update: {
      TableName: db.keys.name,
      Key: record(id),
      UpdateExpression: 'SET #s = :to',
      ConditionExpression: '#s = :pending',
      ExpressionAttributeNames: { '#s': 'state' },
      ExpressionAttributeValues: { ':to': { S: state }, ':pending': { S: 'pending' } },
    },
  })

  return {
    /** Settles what a decided commit, or one that was abandoned, still holds. False when it is not decided yet. */
    async help(place: Place, item: Item): Promise<boolean> {
      const id = holderOf(item)
      if (id === null) return true
      const verdict = await forms.verdictOf(id)
      if (verdict === 'pending') return false
      await settle(id, place, item, verdict === 'committed')
      return true
    },
    /** `entries` is the transaction's rest: what stands in the log. It is asked for once all is held, and may be asked again when the log moved on meanwhile. */
    async commit(
      all: readonly Touched[],
      entries: () => Promise<TransactWriteItem[]>,
      isOver: (result: Written) => Promise<boolean>,
    ): Promise<Staged> {
      for (const { becomes, guard } of all) if (becomes && guard.is !== 'absent' && sizeOf(becomes) * 2 > most.itemBytes) throw tooLarge()
      const id = randomUUID()
      await run(() =>
        db.client.send(
          new PutItemCommand({ TableName: db.keys.name, Item: { ...record(id), state: { S: 'pending' }, at: { N: String(Date.now()) } } }),
        ),
      )
      const held: Touched[] = []
      const misses: Missed[] = []
      let result: Written = { is: 'cancelled', reasons: [], isUnsure: false }
      try {
        await each(all, async (touched) => {
          if (misses.length > 0) return
          held.push(touched)
          const outcome = await hold(id, touched)
          if (!outcome.missed) return
          // an older endpoint does not tell what was there
          const found = outcome.found ?? (await db.getItem(touched.place))
          if (found === null || holderOf(found) !== id) misses.push({ touched, found })
        })
        while (misses.length === 0) {
          result = await transact(db, [decide(id, 'committed'), ...(await entries())])
          if (await isOver(result)) break
        }
      } finally {
        // an unknown outcome is left to the record: whoever asks it next learns, or ends it
        if (result.is !== 'written') await transact(db, [decide(id, 'aborted')]).catch(() => {})
        const verdict = result.is === 'written' ? 'committed' : await forms.verdictOf(id).catch(() => 'pending')
        if (verdict === 'committed' || verdict === 'aborted') {
          const settled = each(held, ({ place }) => settle(id, place, null, verdict === 'committed')).then(() => keepUntilRead(id))
          await settled.catch(() => {})
        }
      }
      return misses.length > 0 ? { is: 'missed', missed: misses } : result
    },
  }
}

const tooLarge = (): AppError =>
  new AppError(
    'too_large',
    'commit_too_large',
    'One of these rows is too long to be changed together with so many others. Change fewer at once.',
  )
