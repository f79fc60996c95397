import { z } from 'zod'
import { type Change, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import { operation } from '../kernel/operation.ts'
import { createSession } from '../session/sign-in.ts'
import type { TenantStore } from '../storage/port.ts'
import { Credential, User } from '../user/entity.ts'
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
    const shown = person === undefined ? { userId: user.id, username: user.username } : { ...person, lastLoginAt: toTime(context.realMs) }
    return {
      ...outcome,
      changes: await noted(context, outcome.store, user.id, outcome.changes ?? []),
      action: createSession.name,
      output: { accessToken, refreshToken, expiresAt, user: { ...shown, permissions: permissionsOf(user.role) } },
    }
  },
})

/** The sign-in's changes, with its time on the credential that it pins or renews anyway. One that has changed meanwhile is left as it is: the commit is refused and looked at again. */
async function noted({ now, realMs }: Context, store: TenantStore | undefined, id: string, changes: readonly Change[]): Promise<Change[]> {
  const credential = await store?.get(Credential, id)
  return changes.map((change) => {
    const isMeant = change.op !== 'add' && change.entity === Credential && (change.op === 'check' || change.op === 'update')
    if (credential == null || !isMeant || change.expect !== credential.version) return change
    const row = change.op === 'update' ? (change.row as typeof credential) : credential
    return update(Credential, credential, patched(Credential, credential, { ...row, lastLoginAt: toTime(realMs) }, now))
  })
}
