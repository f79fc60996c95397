import { canonical, type Json } from '../kernel/canonical.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import type { StoredRow } from '../storage/port.ts'

/**
 * A stored row as a line of a backup: the canonical JSON of `{row, tenantId}`, secret and derived fields included, so that equal rows are equal lines on every engine.
 * What a field is absent in (an older row, another version) is null in the line.
 */
export function rowLines(type: AnyEntity): (stored: StoredRow) => string {
  const fields = type.columns.map(({ field }) => field).sort()
  const heads = fields.map((field, position) => `${position === 0 ? '{"row":{' : ','}${JSON.stringify(field)}:`)
  return ({ tenantId, row }) => {
    let text = ''
    for (let at = 0; at < fields.length; at += 1) {
      const value = row[fields[at] as string]
      text += heads[at] + (value === null || typeof value !== 'object' ? scalar(value) : canonical(value as Json))
    }
    return `${text}},"tenantId":${JSON.stringify(tenantId)}}`
  }
}

const scalar = (value: unknown): string => (value === undefined ? 'null' : JSON.stringify(value))
