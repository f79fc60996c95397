import { fold } from '../kernel/entity.ts'
import type { FieldError } from '../kernel/errors.ts'
import type { ImportedUser } from './read-user.ts'

/** What rows of one file want for themselves. The first row has it; a later one is refused, in a dry run and the second time too. */
export function createClaims() {
  const held = { username: new Map<string, number>(), email: new Map<string, number>(), number: new Map<number, number>() }

  function wants(user: ImportedUser) {
    return [
      ['username', held.username as Map<unknown, number>, user.fold],
      ['email', held.email as Map<unknown, number>, user.email === null ? null : fold(user.email)],
      ['number', held.number as Map<unknown, number>, user.number],
    ] as const
  }

  return {
    /** Claims all that the user wants, or nothing, and says what another row holds. */
    claim(user: ImportedUser): FieldError | null {
      for (const [field, rows, value] of wants(user)) {
        const row = rows.get(value)
        if (row !== undefined) return { field, message: `is also that of row ${row}` }
      }
      for (const [, rows, value] of wants(user)) if (value !== null) rows.set(value, user.row)
      return null
    },
    /** The row that has this username. */
    rowOf: (username: string): number | undefined => held.username.get(username),
  }
}
