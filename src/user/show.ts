import { z } from 'zod'
import { fold } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { schemeOf } from '../session/stored-password.ts'
import { Credential, User } from './entity.ts'

/** A user by id or username, with how the password is stored: `none` where there is none. Errors: `not_found`. */
export const showUser = operation({
  name: 'user.show',
  summary: 'Show a user and how the password is stored',
  needs: 'user:set-password',
  readOnly: true,
  input: z.strictObject({ login: z.string().min(1).max(200) }),
  output: User.public.extend({ passwordScheme: z.string() }),
  async run({ store }, { login }) {
    const user = (isUuid(login) ? await store.get(User, login) : null) ?? (await store.find(User, 'username', [fold(login)]))
    if (user === null)
      throw new AppError('not_found', 'not_found', `No user of this tenant has the id or username ${JSON.stringify(login)}.`)
    const credential = await store.get(Credential, user.id)
    const stored = credential?.passwordHash ?? null
    return { output: { ...user, passwordScheme: stored === null ? 'none' : schemeOf(stored) } }
  },
})
