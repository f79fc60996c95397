import { z } from 'zod'
import { operation } from '../kernel/operation.ts'
import { createSession } from '../session/sign-in.ts'
import { User } from '../user/entity.ts'
import { peopleOf, permissionsOf, personView } from './view.ts'

/** Signs in with mail address or username: the common sign-in, answered with the person. */
export const signInPerson = operation({
  ...createSession,
  name: 'pre-work.sign-in',
  summary: 'Sign in to checklists',
  output: z.object({
    accessToken: z.string(),
    refreshToken: z.string(),
    expiresAt: z.string(),
    user: personView.partial().extend({ permissions: z.array(z.string()) }),
  }),
  async run(context, input) {
    const outcome = await createSession.run(context, input)
    if ('refuse' in outcome) return outcome
    const { accessToken, refreshToken, expiresAt, user } = outcome.output
    const row = 'number' in user ? await outcome.store?.get(User, user.id) : null
    const [person] = row == null || outcome.store === undefined ? [] : await peopleOf({ store: outcome.store }, [row])
    const shown = person ?? { userId: user.id, username: user.username }
    return {
      ...outcome,
      action: createSession.name,
      output: { accessToken, refreshToken, expiresAt, user: { ...shown, permissions: permissionsOf(user.role) } },
    }
  },
})
