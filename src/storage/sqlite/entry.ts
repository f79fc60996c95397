import { randomBytes } from 'node:crypto'
import type { Database } from 'better-sqlite3'
import { sha256 } from '../../kernel/canonical.ts'
import { byName, type Shape } from './schema.ts'
import type { SqlValue, WireCommit } from './wire.ts'

/** A change as the entry tells it, and its secret fields, both canonical JSON. */
export type Told = { text: string; secrets: string }

type Teller = {
  insert(id: string, values: readonly SqlValue[]): Told
  update(id: string, columns: readonly number[], values: readonly SqlValue[]): Told
  remove(id: string): Told
}

/** Compiles how changes of an entity are told: keys sorted once, here, and never again. */
export function teller(shape: Shape): Teller {
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
export const tellAdd = (shape: Shape, { id, value, version, now }: { id: string; value: number; version: number; now: string }): Told => ({
  text: `{"fields":{"updatedAt":${JSON.stringify(now)},"value":${value},"version":${version}},"id":${JSON.stringify(id)},"op":"add","type":${JSON.stringify(shape.name)}}`,
  secrets: '',
})

export type StreamHead = { tenant: string; sequence: number; hash: string }

/** Where a stream starts: the hash before the first entry is 64 zeros. */
export const startOf = (tenant: string): StreamHead => ({ tenant, sequence: 0, hash: '0'.repeat(64) })

/** Appends a commit's entry after `head` and returns the stream's next head. */
export function appender(db: Database): (head: StreamHead, commit: WireCommit, told: readonly Told[]) => StreamHead {
  const insert = db.prepare('INSERT INTO log (stream, sequence, tenant_id, time, entry, hash, secrets) VALUES (?, ?, ?, ?, ?, ?, ?)')
  return (head, [tenant, stream, time, [before, middle, after]], told) => {
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
    const hash = sha256(head.hash + text)
    insert.run(stream, sequence, tenant, time, text, hash, secrets)
    return { tenant, sequence, hash }
  }
}
