export type PasswordProblem = 'length' | 'common' | 'own'

export type PasswordRules = {
  /** In characters; default 12. */
  minLength?: number
  /** Username, names, e-mail, organisation: what the password must not contain. */
  own: string[]
}

export function passwordProblem(_password: string, _rules: PasswordRules): PasswordProblem | null {
  throw new Error('not written yet')
}
