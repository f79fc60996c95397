import type { CancellationReason, TransactWriteItem } from '@aws-sdk/client-dynamodb'
import { nextEntry, type StreamHead, type Told } from '../entry.ts'
import { leafOf, type Signing, signLeaves } from '../signing.ts'
import type { Database } from './db.ts'
import { streamsPartition, tenantsPartition } from './keys.ts'
import type { Log } from './log.ts'
import type { Encoded } from './plan.ts'
import { found } from './write.ts'

/** A commit whose changes are planned, and how its entry tells them. */
export type Member<P extends Encoded & { time: string } = Encoded & { time: string }> = { pending: P; told: readonly Told[] }

/** What a group adds to a transaction for its entries, and the heads that they lead to. */
export type Chain = { items: TransactWriteItem[]; heads: StreamHead[] }

type At = { db: Database; log: Log; signing: Signing }

/** The entries of a group, each behind the one before, the last of them signed. The first entry of a stream brings the names of the stream and of its tenant. */
export async function chained(stream: string, members: readonly Member[], { db, log, signing }: At): Promise<Chain> {
  const tenantId = members[0]?.pending.tenantId ?? ''
  let head = await log.headOf(stream, tenantId)
  const isFirst = head.sequence === 0
  const chain: Chain = { items: [], heads: [] }
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
        Item: item,
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
export const isChain = ({ heads }: Chain, reasons: readonly CancellationReason[]): boolean =>
  heads.every(({ hash }, position) => {
    const reason = reasons[position]
    return reason?.Code === 'ConditionalCheckFailed' && found(reason)?.hash?.S === hash
  })

/** Bytes at most that the entry of a commit takes up. */
export const entryBytes = (told: readonly Told[]): number =>
  told.reduce((bytes, { text, secrets }) => bytes + 2 * (text.length + secrets.length), 1_000)
