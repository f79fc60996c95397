import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { createRecentMap } from '../../kernel/recent-map.ts'
import { type Database, pause } from './db.ts'
import { contended } from './failures.ts'
import { heldBy, type Item } from './item.ts'
import { sequencePlace } from './keys.ts'

/** Sequences of which is known what they gave out at least. */
const kept = 20_000
const attempts = 20

/** Numbers for rows. Each call raises the stored value at once, so that no other process gives out the same; what is never used is a gap. */
export function numbersOf(db: Database) {
  const least = createRecentMap<number>(kept)

  const learn = (sk: string, value: number): void => {
    if (value > (least.get(sk) ?? 0)) least.set(sk, value)
  }

  return {
    /** The first of `n` numbers. */
    async next(tenantId: string, name: string, n: number): Promise<number> {
      const { pk, sk } = sequencePlace(tenantId, name)
      const raise = new UpdateItemCommand({
        TableName: db.keys.name,
        Key: { pk: { S: pk }, sk: { S: sk } },
        UpdateExpression: 'ADD #n :n',
        ConditionExpression: 'attribute_not_exists(#c)',
        ExpressionAttributeNames: { '#n': 'value', '#c': heldBy },
        ExpressionAttributeValues: { ':n': { N: String(n) } },
        ReturnValues: 'UPDATED_NEW',
      })
      for (let attempt = 1; attempt <= attempts; attempt += 1) {
        if (attempt > 1) await pause(attempt)
        const raised = await db.client.send(raise).catch(missedOr(db))
        if (raised === null) continue
        const value = Number((raised.Attributes as Item).value?.N)
        learn(sk, value)
        return value - n + 1
      }
      throw contended()
    },
    /** A number that the sequence has reached for sure. */
    value: (tenantId: string, name: string): number => least.get(sequencePlace(tenantId, name).sk) ?? 0,
    learn,
  }
}

/** Null when the sequence is held or moved by a commit at this very moment. */
const missedOr = (db: Database) => (error: Error) =>
  error.name === 'ConditionalCheckFailedException' || error.name === 'TransactionConflictException' ? null : db.fail(error)

export type Numbers = ReturnType<typeof numbersOf>
