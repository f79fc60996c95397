import type { Content } from './source.ts'

type Entry = { model: string; pk?: unknown; fields: Record<string, unknown> }

const models = { person: 'authe.customuser', attendance: 'authe.attendance', leave: 'authe.leaverequest' }

/** A framework's dump: an array of `{model, pk, fields}`. People are named by primary key, or by natural key `[employee_id]`. */
export function readDump(items: readonly unknown[]): Content {
  const entries = items.filter(isEntry)
  const of = (model: string) => entries.filter((entry) => entry.model.toLowerCase() === model)
  const people = of(models.person)
  const byKey = new Map(people.map(({ pk, fields }) => [String(pk), fields.employee_id]))
  const nameOf = (key: unknown): unknown =>
    Array.isArray(key) ? key[0] : key === null || key === undefined ? null : (byKey.get(String(key)) ?? null)
  const rowOf = ({ pk, fields: { user, approved_by, ...fields } }: Entry) => ({
    pk,
    ...fields,
    user_id: nameOf(user),
    ...(approved_by === undefined ? {} : { approved_by: nameOf(approved_by) }),
  })
  const [attendance, leaves] = [of(models.attendance), of(models.leave)]
  return {
    format: 'dump',
    records: people.map(({ fields }) => fields),
    attendance: attendance.map(rowOf),
    leaves: leaves.map(rowOf),
    holidays: [],
    policy: null,
    tombstones: [],
    ignored: items.length - people.length - attendance.length - leaves.length,
  }
}

function isEntry(value: unknown): value is Entry {
  const entry = value as Entry | null
  return (
    typeof entry === 'object' &&
    entry !== null &&
    typeof entry.model === 'string' &&
    typeof entry.fields === 'object' &&
    entry.fields !== null
  )
}
