import { isCommonPassword } from './common-passwords.ts'

export type PasswordProblem = 'length' | 'common' | 'own'

export type PasswordRules = {
  /** In characters; default 12, a tenant may ask for more. */
  minLength?: number
  /** What is the user's own: username, names, e-mail, organisation. */
  own: readonly string[]
}

const maxLength = 1024
const shortestOwn = 4

/**
 * What is wrong with a new password, the first of: not 12 to 1,024 characters (code points of the NFC form) → `length`; too common →
 * `common`; a value of the user's own in it → `own`. Own are each value, the value without its blanks, and the part of
 * an e-mail address before the `@`, without regard to case, where they have four characters or more; shorter ones only as the whole
 * password. No composition rules, and nothing is cut (SECURITY.md, passwords). Imported passwords are not asked.
 */
export function passwordProblem(password: string, { minLength = 12, own }: PasswordRules): PasswordProblem | null {
  const folded = fold(password)
  const length = [...password.normalize('NFC')].length
  if (length < minLength || length > maxLength) return 'length'
  if (isCommonPassword(password)) return 'common'
  return own.flatMap(partsOf).some((part) => (lengthOf(part) >= shortestOwn ? folded.includes(part) : part === folded)) ? 'own' : null
}

function partsOf(value: string): string[] {
  const whole = fold(value).trim()
  const joined = whole.replace(/\s+/g, '')
  return whole.includes('@') ? [whole, whole.slice(0, whole.lastIndexOf('@'))] : [whole, joined]
}

const fold = (text: string): string => text.normalize('NFC').toLowerCase()

const lengthOf = (text: string): number => [...text].length
