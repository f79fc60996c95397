import { randomUUID } from 'node:crypto'
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import type { Database } from './db.ts'
import { leasePlace } from './keys.ts'

/**
 * Jobs that one process does for all. DynamoDB has no clock to ask: the processes' own count, and where two differ by more than a job's seconds, both may do it.
 */
export function leaser(current: () => Database) {
  const holder = randomUUID()

  /** The epoch, or null where the condition does not hold. */
  async function take(name: string, seconds: number, { condition, epoch }: { condition: string; epoch: string }): Promise<number | null> {
    const db = current()
    const nowMs = Date.now()
    const { pk, sk } = leasePlace(name)
    const asked = new UpdateItemCommand({
      TableName: db.keys.name,
      Key: { pk: { S: pk }, sk: { S: sk } },
      UpdateExpression: `SET #h = :h, #u = :u ADD #e ${epoch}`,
      ConditionExpression: condition,
      ExpressionAttributeNames: { '#h': 'holder', '#u': 'untilMs', '#e': 'epoch' },
      ExpressionAttributeValues: {
        ':h': { S: holder },
        ':u': { N: String(nowMs + Math.round(seconds * 1_000)) },
        ...(epoch === ':one' ? { ':one': { N: '1' }, ':now': { N: String(nowMs) } } : { ':none': { N: '0' } }),
      },
      ReturnValues: 'UPDATED_NEW',
    })
    const taken = await db.client
      .send(asked)
      .catch((error: Error) => (error.name === 'ConditionalCheckFailedException' ? null : db.fail(error)))
    return taken === null ? null : Number(taken.Attributes?.epoch?.N)
  }

  return async (name: string, seconds: number): Promise<number | null> =>
    (await take(name, seconds, { condition: '#h = :h', epoch: ':none' })) ??
    (await take(name, seconds, { condition: 'attribute_not_exists(#h) OR (#u < :now AND #h <> :h)', epoch: ':one' }))
}
