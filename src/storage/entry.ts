import { randomBytes } from 'node:crypto'
import { sha256 } from '../kernel/canonical.ts'
import type { Column } from '../kernel/entity.ts'
import type { EncodedCommit, SqlValue } from './encoded.ts'

/** What has to be known of an entity to tell its changes. */
type Tellable = { name: string; columns: readonly Column[]; secret: readonly string[] }

/** A change as the entry tells it, and its secret fields, both canonical JSON. */
export type Told = { text: string; secrets: string }

type Teller = {
  insert(id: string, values: readonly SqlValue[]): Told
  update(id: string, columns: readonly number[], values: readonly SqlValue[]): Told
  remove(id: string): Told
}

/** Compares by code unit, as canonical JSON sorts its keys. */
const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Compiles how changes of an entity are told: keys sorted once, here, and never again. */
export function teller(shape: Tellable): Teller {
  const secret = new Set(shape.secret)
  const fields = shape.columns
    .map((column, position) => ({
      position,
      field: column.field,
      key: `${JSON.stringify(column.field)}:`,
      kind: column.kind,
      secret: secret.has(column.field),
    }))
    .sort((a, b) => byName(a.field, b.field))
  const type = JSON.stringify(shape.name)
  const tell = (op: string, id: string, slots: readonly (SqlValue | undefined)[]): Told => {
    let text = ''
    let secrets = ''
    for (const { position, key, kind, secret } of fields) {
      const value = slots[position]
      if (value === undefined) continue
      const told = key + (value === null ? 'null' : kind === 'json' ? value : kind === 'boolean' ? value === 1 : JSON.stringify(value))
      if (secret) secrets += secrets === '' ? told : `,${told}`
      else text += text === '' ? told : `,${told}`
    }
    return { text: `{"fields":{${text}},"id":${JSON.stringify(id)},"op":"${op}","type":${type}}`, secrets }
  }
  return {
    insert: (id, values) => tell('insert', id, values),
    update(id, columns, values) {
      const slots: (SqlValue | undefined)[] = []
      for (const [order, position] of columns.entries()) slots[position] = values[order]
      return tell('update', id, slots)
    },
    remove: (id) => tell('remove', id, []),
  }
}

/** A counter's move tells the whole row as it became (`createdAt` is the `updatedAt` of version 1), so that a replay rebuilds it. */
export const tellAdd = (
  { name }: { name: string },
  { id, value, version, now }: { id: string; value: number; version: number; now: string },
): Told => ({
  text: `{"fields":{"updatedAt":${JSON.stringify(now)},"value":${value},"version":${version}},"id":${JSON.stringify(id)},"op":"add","type":${JSON.stringify(name)}}`,
  secrets: '',
})

export type StreamHead = { tenant: string; sequence: number; hash: string }

/** Where a stream starts: the hash before the first entry is 64 zeros. */
export const startOf = (tenant: string): StreamHead => ({ tenant, sequence: 0, hash: '0'.repeat(64) })

/** An entry as it is stored. */
export type NextEntry = { head: StreamHead; text: string; secrets: string | null }

/** The entry that a commit appends after `head`, and the stream's next head. */
export function nextEntry(
  head: StreamHead,
  [tenant, stream, time, [before, middle, after]]: EncodedCommit,
  told: readonly Told[],
): NextEntry {
  let changes = ''
  let hasSecrets = false
  for (const change of told) {
    changes += changes === '' ? change.text : `,${change.text}`
    if (change.secrets !== '') hasSecrets = true
  }
  const secrets = hasSecrets
    ? `{"changes":[${told.map((change) => `{${change.secrets}}`).join(',')}],"salt":"${randomBytes(16).toString('hex')}"}`
    : null
  const digest = secrets === null ? '' : `,"secrets":"${sha256(secrets)}"`
  const sequence = head.sequence + 1
  const text = `${before}${changes}${middle}${head.hash}${after}${digest},"sequence":${sequence},"stream":${JSON.stringify(stream)},"time":${JSON.stringify(time)}}`
  return { head: { tenant, sequence, hash: sha256(head.hash + text) }, text, secrets }
}
