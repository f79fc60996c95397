import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { createRecentMap } from '../../kernel/recent-map.ts'
import { contestedItems } from './contested.ts'
import { type Database, pause } from './db.ts'
import { contended } from './failures.ts'
import { heldBy, type Item } from './item.ts'
import { sequencePlace } from './keys.ts'

/** Sequences of which is known what they gave out at least. */
const kept = 20_000
const attempts = 20

/**
 * Numbers for rows. A call raises the stored value at once, so that no other process gives out the same; what is never used is a gap. Where this process knows how far the sequence is, because
 * it moved it last, a single number is foreseen without a call: the commit that carries it raises the sequence then, and is refused where somebody was quicker.
 */
export function numbersOf(db: Database) {
  const least = createRecentMap<number>(kept)
  /** The number that was foreseen, and of whose commit nothing was heard yet. One at a time. `isCovered`: the sequence is being raised past it. */
  const awaited = createRecentMap<{ number: number; isCovered: boolean }>(kept)
  const foreseen = createRecentMap<true>(kept)
  const contested = contestedItems()
  const nameOf = (sk: string, value: number): string => `${sk}\n${value}`

  const learn = (sk: string, value: number): void => {
    if (value > (least.get(sk) ?? 0)) least.set(sk, value)
    if (value >= (awaited.get(sk)?.number ?? Number.POSITIVE_INFINITY)) awaited.drop(sk)
  }

  function foresee(sk: string): number | null {
    const reached = least.get(sk)
    if (reached === undefined || awaited.get(sk) !== undefined || contested.has(sk)) return null
    awaited.set(sk, { number: reached + 1, isCovered: false })
    foreseen.set(nameOf(sk, reached + 1), true)
    return reached + 1
  }

  return {
    /** The first of `n` numbers. */
    async next(tenantId: string, name: string, n: number): Promise<number> {
      const { pk, sk } = sequencePlace(tenantId, name)
      const guess = n === 1 ? foresee(sk) : null
      if (guess !== null) return guess
      // the one that was foreseen before is given with these, so that neither meets the other
      const before = awaited.get(sk)
      const covered = before === undefined || before.isCovered ? null : before.number
      if (covered !== null) awaited.set(sk, { number: covered, isCovered: true })
      const by = covered === null ? n : n + 1
      const raise = new UpdateItemCommand({
        TableName: db.keys.name,
        Key: { pk: { S: pk }, sk: { S: sk } },
        UpdateExpression: 'ADD #n :n',
        ConditionExpression: 'attribute_not_exists(#c)',
        ExpressionAttributeNames: { '#n': 'value', '#c': heldBy },
        ExpressionAttributeValues: { ':n': { N: String(by) } },
        ReturnValues: 'UPDATED_NEW',
      })
      for (let attempt = 1; attempt <= attempts; attempt += 1) {
        if (attempt > 1) await pause(attempt)
        const raised = await db.client.send(raise).catch(missedOr(db))
        if (raised === null) continue
        const value = Number((raised.Attributes as Item).value?.N)
        if (covered !== null && value - by === covered - 1) foreseen.drop(nameOf(sk, covered))
        learn(sk, value)
        return value - n + 1
      }
      throw contended()
    },
    /** A number that the sequence has reached for sure. */
    value: (tenantId: string, name: string): number => least.get(sequencePlace(tenantId, name).sk) ?? 0,
    /** True when it was foreseen: the sequence was not raised for it, and may have gone past it. */
    isForeseen: (tenantId: string, name: string, value: number): boolean =>
      foreseen.get(nameOf(sequencePlace(tenantId, name).sk, value)) !== undefined,
    learn,
    /** What a commit carried is written: it was foreseen once, and is no more. */
    written(sk: string, number: number, value: number): void {
      foreseen.drop(nameOf(sk, number))
      learn(sk, value)
    },
    /** A foreseen number was given by another, who may well go on: the sequence is asked for a while. */
    missed(sk: string, number: number, value: number): void {
      foreseen.drop(nameOf(sk, number))
      learn(sk, value)
      contested.note(sk)
    },
  }
}

/** Null when the sequence is held or moved by a commit at this very moment. */
const missedOr = (db: Database) => (error: Error) =>
  error.name === 'ConditionalCheckFailedException' || error.name === 'TransactionConflictException' ? null : db.fail(error)

export type Numbers = ReturnType<typeof numbersOf>
