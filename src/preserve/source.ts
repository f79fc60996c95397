import { isEmployeeId } from '../employee/rules.ts'
import { readDump } from './dump.ts'
import { checksumOf, type Tombstone } from './form.ts'

/** What a source holds, in whatever form it came: records of people and rows, not yet looked at. */
export type Content = {
  format: 'legacy' | 'full' | 'list11' | 'set' | 'dump'
  records: readonly unknown[]
  attendance: readonly unknown[]
  leaves: readonly unknown[]
  holidays: readonly unknown[]
  policy: unknown
  tombstones: readonly Tombstone[]
  /** Objects of a dump that are none of ours. */
  ignored: number
}

export const onlyPeople = { attendance: [], leaves: [], holidays: [], policy: null, tombstones: [], ignored: 0 } as const

/** The content of a file, or in words why it is no valid source. */
export function contentIn(text: string): Content | { problem: string } {
  if (text.trim() === '') return { problem: 'is empty' }
  let parsed: unknown
  try {
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    // the parser's words may hold a piece of the file
    return { problem: 'is not JSON' }
  }
  if (Array.isArray(parsed)) return arrayContent(parsed)
  return fullContent(parsed)
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function arrayContent(items: readonly unknown[]): Content | { problem: string } {
  if (items.length === 0) return { problem: 'holds nobody' }
  const objects = items.filter(isObject)
  if (objects.some(({ model, fields }) => typeof model === 'string' && isObject(fields))) return readDump(items)
  if (!objects.some((one) => 'employee_id' in one)) return { problem: 'is in none of the forms that are known' }
  const isOlder = objects.some((one) => 'password_hash' in one && !('password' in one))
  return { ...onlyPeople, format: isOlder ? 'list11' : 'legacy', records: items }
}

function fullContent(parsed: unknown): Content | { problem: string } {
  if (!isObject(parsed) || parsed.format !== 'holdfast-preserve') return { problem: 'is in none of the forms that are known' }
  if (parsed.version !== 1) return { problem: 'is of a version that is not known' }
  const { users, attendance, leaves, holidays, policy, tombstones, sha256 } = parsed
  if (sha256 !== checksumOf(parsed)) return { problem: 'does not have its checksum' }
  const lists = [users, attendance, leaves, holidays, tombstones].map((list) => (Array.isArray(list) ? (list as unknown[]) : []))
  const [people = [], marks = [], requests = [], days = [], dead = []] = lists
  return {
    format: 'full',
    records: people,
    attendance: marks,
    leaves: requests,
    holidays: days,
    policy: policy ?? null,
    tombstones: dead.filter(isTombstone),
    ignored: 0,
  }
}

export const isTombstone = (value: unknown): value is Tombstone =>
  isObject(value) && typeof value.employee_id === 'string' && isEmployeeId(value.employee_id) && typeof value.deleted_at === 'string'

/** The employee ids that a source names, whether their records are valid or not: nobody of them may get lost. */
export const idsIn = ({ records }: Pick<Content, 'records'>): string[] => [
  ...new Set(
    records.flatMap((one) =>
      isObject(one) && typeof one.employee_id === 'string' && isEmployeeId(one.employee_id) ? [one.employee_id] : [],
    ),
  ),
]
