import { z } from 'zod'
import { operation } from '../kernel/operation.ts'
import type { Filter } from '../storage/port.ts'
import { Credential } from './entity.ts'

/** Stored passwords that begin so (session/stored-password.ts). */
const beginning = (prefix: string): Filter[] => [
  { field: 'passwordHash', op: 'gte', value: prefix },
  { field: 'passwordHash', op: 'lt', value: `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}` },
]

/**
 * How many passwords of the tenant are stored in which way: `current` as argon2id, `wrapped` as an older hash under argon2id, `legacy` as an older system left them, which their owners' next sign-in
 * ends. Whoever has no password is in none.
 */
export const countPasswordSchemes = operation({
  name: 'user.password-schemes',
  summary: 'Count the passwords by how they are stored',
  needs: 'user:import',
  readOnly: true,
  input: z.strictObject({}),
  output: z.object({ current: z.int(), wrapped: z.int(), legacy: z.int() }),
  async run({ store }) {
    const count = (filter: Filter[]): Promise<number> => store.count(Credential, { filter })
    const [all, none, current, wrapped] = [
      await count([{ field: 'passwordHash', op: 'ne', value: null }]),
      await count(beginning('!')),
      await count(beginning('$argon2')),
      await count(beginning('argon2id(')),
    ]
    return { output: { current, wrapped, legacy: all - none - current - wrapped } }
  },
})
