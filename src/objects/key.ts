import { decodeCursor, encodeCursor } from '../kernel/page.ts'

const segment = '[A-Za-z0-9][A-Za-z0-9._-]{0,199}'
const keyForm = new RegExp(`^${segment}(/${segment})*$`)
const prefixForm = new RegExp(`^(${segment}/)*(${segment})?$`)
const tenantForm = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/
const longest = 512

/** The key itself. Keys are made by the server: a bad one is a bug, and must not reach a path or a URL. */
export function checkedKey(key: string): string {
  if (key.length <= longest && keyForm.test(key)) return key
  throw new Error(`An object's key has another form: ${JSON.stringify(key.slice(0, longest))}`)
}

export const isKey = (text: string): boolean => text.length <= longest && keyForm.test(text)

export function checkedPrefix(prefix: string): string {
  if (prefix.length <= longest && prefixForm.test(prefix)) return prefix
  throw new Error(`A prefix of objects has another form: ${JSON.stringify(prefix.slice(0, longest))}`)
}

/** A tenant's id as the first segment of a path. */
export function checkedTenant(id: string): string {
  if (tenantForm.test(id)) return id
  throw new Error(`A tenant's id has another form: ${JSON.stringify(id.slice(0, 100))}`)
}

const list = 'objects'

/** The last key that was seen, or null at the beginning. Errors: `bad_cursor`. */
export function afterOf(cursor: string | null | undefined): string | null {
  return cursor === null || cursor === undefined ? null : String(decodeCursor(list, cursor, 1)[0])
}

export const cursorAfter = (key: string): string => encodeCursor(list, [key])

/** A bound that a caller may choose within. */
export function checkedBound(name: string, given: number, [least, most]: readonly [number, number]): number {
  if (Number.isInteger(given) && given >= least && given <= most) return given
  throw new Error(`${name} must be a whole number from ${least} to ${most}, not ${given}`)
}
