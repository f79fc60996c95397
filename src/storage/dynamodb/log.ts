import { randomUUID } from 'node:crypto'
import { type AttributeValue, DeleteItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { decodeCursor, encodeCursor, type Page } from '../../kernel/page.ts'
import { createRecentMap } from '../../kernel/recent-map.ts'
import { type NextEntry, type StreamHead, startOf } from '../entry.ts'
import type { Head, LogEntry, LoggedEntry } from '../port.ts'
import type { Database } from './db.ts'
import type { Item } from './item.ts'
import { streamsPartition } from './keys.ts'

/** Bytes of an entry's text and secrets that still stand in the entry's own item; more lies in parts beside it. */
const inlineBytes = 300_000
/** Streams whose head stays known; a guard tells when it is old. */
const headsKept = 20_000
/** Heads that are read at once for a page of them. */
const headsAtOnce = 16

export type Signed = Pick<Head, 'leaves' | 'time' | 'kid' | 'signature'>

const partsOf = (id: string): string => `parts ${id}`

/** Parts of long entries stand in streams of such names. */
export function assertStream(stream: string): void {
  if (stream.startsWith('parts ')) throw new Error('A stream may not be called so')
}

/** The log: an item an entry, with the head's signature in the newest of each group, so that the tail is never unsigned. */
export function logOf(db: Database) {
  const heads = createRecentMap<StreamHead>(headsKept)

  const newest = async (stream: string): Promise<Item | null> => {
    const { items } = await db.query(
      {
        KeyConditionExpression: '#s = :s',
        ExpressionAttributeNames: { '#s': 'stream' },
        ExpressionAttributeValues: { ':s': { S: stream } },
        ScanIndexForward: false,
        Limit: 1,
      },
      db.log,
    )
    return items[0] ?? null
  }

  async function textsOf(item: Item): Promise<{ text: string; secrets: string | null }> {
    const parts = item.parts?.S
    if (parts === undefined) return { text: item.entry?.S ?? '', secrets: item.secrets?.S ?? null }
    const chunks: Uint8Array[] = []
    let start: Item | null = null
    do {
      const page = await db.query(
        {
          KeyConditionExpression: '#s = :s',
          ExpressionAttributeNames: { '#s': 'stream' },
          ExpressionAttributeValues: { ':s': { S: partsOf(parts) } },
          ...(start === null ? {} : { ExclusiveStartKey: start }),
        },
        db.log,
      )
      chunks.push(...page.items.map((part) => part.bytes?.B as Uint8Array))
      start = page.next
    } while (start !== null)
    const whole = Buffer.concat(chunks)
    const length = Number(item.textBytes?.N)
    return { text: whole.toString('utf8', 0, length), secrets: whole.length === length ? null : whole.toString('utf8', length) }
  }

  const headFrom = (stream: string, item: Item): Head | null =>
    item.signature === undefined
      ? null
      : {
          stream,
          sequence: Number(item.sequence?.N),
          hash: item.hash?.S ?? '',
          time: item.headTime?.S ?? '',
          leaves: JSON.parse(item.leaves?.S ?? '[]') as string[],
          kid: item.kid?.S ?? '',
          signature: item.signature.S ?? '',
        }

  /** While a load is under way, the newest entries may come without their head. */
  async function newestSigned(stream: string): Promise<Head | null> {
    let start: Item | null = null
    do {
      const page = await db.query(
        {
          KeyConditionExpression: '#s = :s',
          FilterExpression: 'attribute_exists(#g)',
          ExpressionAttributeNames: { '#s': 'stream', '#g': 'signature' },
          ExpressionAttributeValues: { ':s': { S: stream } },
          ScanIndexForward: false,
          ...(start === null ? {} : { ExclusiveStartKey: start }),
        },
        db.log,
      )
      if (page.items[0] !== undefined) return headFrom(stream, page.items[0])
      start = page.next
    } while (start !== null)
    return null
  }

  async function removeParts(id: string, bytes: number): Promise<void> {
    for (let part = 1; (part - 1) * inlineBytes < bytes; part += 1) {
      const Key: Item = { stream: { S: partsOf(id) }, sequence: { N: String(part) } }
      await db.send(() => db.client.send(new DeleteItemCommand({ TableName: db.log.name, Key })))
    }
  }

  /** The item of an entry. What is too long for one item is written beside it first, where nobody sees it until the entry is there. */
  async function itemOf(stream: string, time: string, { head, text, secrets }: NextEntry, signed: Signed | null): Promise<Item> {
    const item: Item = {
      stream: { S: stream },
      sequence: { N: String(head.sequence) },
      tenantId: { S: head.tenant },
      time: { S: time },
      hash: { S: head.hash },
    }
    if (signed !== null)
      Object.assign(item, {
        headTime: { S: signed.time },
        leaves: { S: JSON.stringify(signed.leaves) },
        kid: { S: signed.kid },
        signature: { S: signed.signature },
      })
    const bytes = Buffer.byteLength(text) + Buffer.byteLength(secrets ?? '')
    if (bytes <= inlineBytes) return { ...item, entry: { S: text }, ...(secrets === null ? {} : { secrets: { S: secrets } }) }
    const id = randomUUID()
    const whole = Buffer.from(text + (secrets ?? ''))
    for (let start = 0, part = 1; start < whole.length; start += inlineBytes, part += 1) {
      const Item: Record<string, AttributeValue> = {
        stream: { S: partsOf(id) },
        sequence: { N: String(part) },
        bytes: { B: whole.subarray(start, start + inlineBytes) },
      }
      await db.send(() => db.client.send(new PutItemCommand({ TableName: db.log.name, Item })))
    }
    return { ...item, parts: { S: id }, textBytes: { N: String(Buffer.byteLength(text)) } }
  }

  /** Puts an erased entry in the place of the one with its hash, and removes what lay beside that one. Throws where it is not there. */
  async function replace(tenantId: string, { entry, text, hash, secrets }: LoggedEntry): Promise<void> {
    const { stream, sequence, time } = entry
    const { items } = await db.query(
      {
        KeyConditionExpression: '#s = :s AND #n = :n',
        ExpressionAttributeNames: { '#s': 'stream', '#n': 'sequence' },
        ExpressionAttributeValues: { ':s': { S: stream }, ':n': { N: String(sequence) } },
      },
      db.log,
    )
    const [before] = items
    if (before?.tenantId?.S !== tenantId || before.hash?.S !== hash)
      throw new Error(`The entry ${stream}/${sequence} with that hash is not there`)
    const head = headFrom(stream, before)
    const Item = await itemOf(stream, time, { head: { tenant: tenantId, sequence, hash }, text, secrets }, head)
    const put = new PutItemCommand({
      TableName: db.log.name,
      Item,
      ConditionExpression: '#h = :h',
      ExpressionAttributeNames: { '#h': 'hash' },
      ExpressionAttributeValues: { ':h': { S: hash } },
    })
    await db.send(() => db.client.send(put))
    if (before.parts?.S !== undefined) {
      const { text: told, secrets: hidden } = await textsOf(before)
      await removeParts(before.parts.S, Buffer.byteLength(told) + Buffer.byteLength(hidden ?? ''))
    }
  }

  return {
    /** Where the stream stands, as far as is known here. Another process may have gone on: the guard of the next entry tells. */
    async headOf(stream: string, tenantId: string): Promise<StreamHead> {
      const known = heads.get(stream)
      if (known !== undefined) return known
      const item = await newest(stream)
      if (item === null) return startOf(tenantId)
      const head = { tenant: item.tenantId?.S ?? '', sequence: Number(item.sequence?.N), hash: item.hash?.S ?? '' }
      heads.set(stream, head)
      return head
    },
    know: (stream: string, head: StreamHead): void => heads.set(stream, head),
    forget: (stream: string): void => heads.drop(stream),
    itemOf,
    replace,
    async read(tenantId: string, stream: string, after: number, limit: number): Promise<LoggedEntry[]> {
      const found: Item[] = []
      let start: Item | null = null
      do {
        const page = await db.query(
          {
            KeyConditionExpression: '#s = :s AND #n > :n',
            ExpressionAttributeNames: { '#s': 'stream', '#n': 'sequence' },
            ExpressionAttributeValues: { ':s': { S: stream }, ':n': { N: String(after) } },
            Limit: limit - found.length,
            ...(start === null ? {} : { ExclusiveStartKey: start }),
          },
          db.log,
        )
        found.push(...page.items)
        start = page.next
      } while (start !== null && found.length < limit)
      const own = found.filter((item) => item.tenantId?.S === tenantId)
      return Promise.all(
        own.map(async (item) => {
          const { text, secrets } = await textsOf(item)
          return { entry: JSON.parse(text) as LogEntry, text, hash: item.hash?.S ?? '', secrets }
        }),
      )
    },
    async head(tenantId: string, stream: string): Promise<Head | null> {
      const item = await newest(stream)
      if (item === null || item.tenantId?.S !== tenantId) return null
      return headFrom(stream, item) ?? newestSigned(stream)
    },
    newest,
    /** Heads by the names of their streams, from the list that a stream's first entry adds it to. */
    async heads(cursor: string | null, limit: number): Promise<Page<Head & { tenantId: string }>> {
      const after = cursor === null ? null : (decodeCursor('heads', cursor, 1)[0] as string)
      const { items } = await db.query(
        {
          KeyConditionExpression: after === null ? '#p = :p' : '#p = :p AND #s > :s',
          ExpressionAttributeNames: { '#p': 'pk', ...(after === null ? {} : { '#s': 'sk' }) },
          ExpressionAttributeValues: { ':p': { S: streamsPartition }, ...(after === null ? {} : { ':s': { S: after } }) },
          Limit: limit + 1,
        },
        db.keys,
      )
      const streams = items.slice(0, limit).map((item) => item.sk?.S ?? '')
      const page: (Head & { tenantId: string })[] = []
      for (let start = 0; start < streams.length; start += headsAtOnce) {
        const some = streams.slice(start, start + headsAtOnce)
        const found = await Promise.all(some.map(newest))
        for (const [position, item] of found.entries()) {
          const stream = some[position] as string
          const head = item === null ? null : (headFrom(stream, item) ?? (await newestSigned(stream)))
          if (item !== null && head !== null) page.push({ ...head, tenantId: item.tenantId?.S ?? '' })
        }
      }
      return { items: page, nextCursor: items.length > limit ? encodeCursor('heads', [streams.at(-1) as string]) : null }
    },
  }
}

export type Log = ReturnType<typeof logOf>
