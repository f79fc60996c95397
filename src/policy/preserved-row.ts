import { isDate } from '../employee/rules.ts'
import { toTime } from '../kernel/clock.ts'
import { isUuid } from '../kernel/id.ts'
import { zonedTime } from './time.ts'

/** A row of a backup file as it was read: nothing of it is certain. */
type Raw = Readonly<Record<string, unknown>>

/** What makes a row of a backup file invalid. It says nothing of the values. */
export class InvalidRow extends Error {}

const longest = 2000

function text(raw: Raw, field: string): string | null {
  const value = raw[field]
  if (value === undefined || value === null || value === '') return null
  if (typeof value !== 'string' || value.length > longest || !value.isWellFormed() || value.includes('\0')) throw new InvalidRow(field)
  return value
}

/** Reads the fields of one row, each by what it has to be. Every method throws `InvalidRow` for what it is not. */
export function rowReader(value: unknown, timeZone: string) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InvalidRow('row')
  const raw = value as Raw
  const reader = {
    has: (field: string): boolean => raw[field] !== undefined && raw[field] !== null,
    text: (field: string) => text(raw, field),
    /** Older forms name a person `user_id`. Null where nobody is named. */
    person: (): string | null => text(raw, 'employee_id') ?? text(raw, 'user_id'),
    /** A person in a place of their own, where older forms may have a number that says nothing here. */
    name: (field: string): string | null => (typeof raw[field] === 'string' ? text(raw, field) : null),
    id: (): string | null => (typeof raw.id === 'string' && isUuid(raw.id) ? raw.id : null),
    flag(field: string): boolean {
      const found = raw[field] ?? false
      if (typeof found !== 'boolean') throw new InvalidRow(field)
      return found
    },
    number(field: string): number | null {
      const found = raw[field]
      if (found === undefined || found === null || found === '') return null
      const number = typeof found === 'string' && /^-?\d+(\.\d+)?$/.test(found.trim()) ? Number(found) : found
      if (typeof number !== 'number' || !Number.isFinite(number)) throw new InvalidRow(field)
      return number
    },
    date(field: string): string {
      const found = text(raw, field)
      if (found === null || !isDate(found)) throw new InvalidRow(field)
      return found
    },
    oneOf<T extends string>(field: string, allowed: readonly T[]): T | null {
      const found = text(raw, field)
      if (found === null) return null
      const same = (a: string): string =>
        a
          .trim()
          .toLowerCase()
          .replaceAll(/[\s-]+/g, '_')
      const one = allowed.find((each) => same(each) === same(found))
      if (one === undefined) throw new InvalidRow(field)
      return one
    },
    /** `HH:MM`, `HH:MM:SS` or with parts of a second, which are cut off. */
    clock(field: string): string | null {
      const found = text(raw, field)
      if (found === null) return null
      const [, hour = '', minute = '', second = '00'] = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.\d{1,9})?)?$/.exec(found) ?? []
      if (hour === '') throw new InvalidRow(field)
      return `${hour}:${minute}:${second}`
    },
    /** A moment in ISO 8601; without an offset it is one of the zone's. */
    moment(field: string): string | null {
      const found = text(raw, field)
      if (found === null) return null
      const form = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2})?)?$/.exec(found)
      const [, date = '', time = '00:00', offset] = form ?? []
      if (!isDate(date)) throw new InvalidRow(field)
      const bare = `${date}T${time.replace(',', '.')}`
      const ms = offset === undefined ? inZone(bare, timeZone) : Date.parse(`${bare}${offset.replace(/(\d{2})(\d{2})$/, '$1:$2')}`)
      if (Number.isNaN(ms)) throw new InvalidRow(field)
      return toTime(ms)
    },
  }
  return reader
}

/** When the clocks of a zone show this. */
function inZone(bare: string, timeZone: string): number {
  const asUtc = Date.parse(`${bare}Z`)
  return Number.isNaN(asUtc) ? asUtc : Date.parse(`${bare}${zonedTime(asUtc, timeZone).slice(-6)}`)
}
