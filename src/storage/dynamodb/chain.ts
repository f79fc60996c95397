import { randomUUID } from 'node:crypto'
import type { CancellationReason, TransactWriteItem } from '@aws-sdk/client-dynamodb'
import { nextEntry, type StreamHead, type Told } from '../entry.ts'
import { leafOf, type Signing, signLeaves } from '../signing.ts'
import type { Database } from './db.ts'
import type { Item } from './item.ts'
import { streamsPartition, tenantsPartition } from './keys.ts'
import type { Log } from './log.ts'
import type { Encoded } from './plan.ts'
import { found } from './write.ts'

/** A commit whose changes are planned, and how its entry tells them. */
export type Member<P extends Encoded & { time: string } = Encoded & { time: string }> = { pending: P; told: readonly Told[] }

/** What a group adds to a transaction for its entries, and the heads that they lead to. `attempt` names it: it stands in each entry's item, because two processes may write the same words at the same moment. */
export type Chain = { attempt: string; items: TransactWriteItem[]; heads: StreamHead[] }

const attemptOf = 'attempt'

type At = { db: Database; log: Log; signing: Signing }

/** The entries of a group, each behind the one before, the last of them signed. The first entry of a stream brings the names of the stream and of its tenant. */
export async function chained(stream: string, members: readonly Member[], { db, log, signing }: At): Promise<Chain> {
  const tenantId = members[0]?.pending.tenantId ?? ''
  let head = await log.headOf(stream, tenantId)
  const isFirst = head.sequence === 0
  const chain: Chain = { attempt: randomUUID(), items: [], heads: [] }
  for (const [position, { pending, told }] of members.entries()) {
    const next = nextEntry(head, pending.encoded, told)
    head = next.head
    const leaves = [leafOf(stream, head)]
    const isLast = position === members.length - 1
    const signed = isLast ? { leaves, time: pending.time, kid: signing.kid, signature: signLeaves(leaves, pending.time, signing) } : null
    const item = await log.itemOf(stream, pending.time, next, signed)
    chain.items.push({
      Put: {
        TableName: db.log.name,
        Item: { ...item, [attemptOf]: { S: chain.attempt } },
        ConditionExpression: 'attribute_not_exists(#s)',
        ExpressionAttributeNames: { '#s': 'stream' },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      },
    })
    chain.heads.push(head)
  }
  if (isFirst) {
    const put = (pk: string, sk: string) => ({
      Put: { TableName: db.keys.name, Item: { pk: { S: pk }, sk: { S: sk }, tenantId: { S: tenantId } } },
    })
    chain.items.push(put(streamsPartition, stream), put(tenantsPartition, tenantId))
  }
  return chain
}

/** True when the very entries stand there already: the reply of an earlier attempt was lost. */
export const isChain = (chain: Chain, reasons: readonly CancellationReason[]): boolean =>
  chain.heads.every((_, position) => {
    const reason = reasons[position]
    return reason?.Code === 'ConditionalCheckFailed' && isOf(chain, found(reason))
  })

/** Whether this very attempt wrote the item of an entry. */
export const isOf = ({ attempt }: Chain, item: Item | null): boolean => item?.[attemptOf]?.S === attempt

/** Bytes at most that the entry of a commit takes up. */
export const entryBytes = (told: readonly Told[]): number =>
  told.reduce((bytes, { text, secrets }) => bytes + 2 * (text.length + secrets.length), 1_000)
