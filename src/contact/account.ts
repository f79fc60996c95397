import { z } from 'zod'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { anyTenant, asLogin, createSession } from '../session/sign-in.ts'
import { User } from '../user/entity.ts'
import { changePassword } from '../user/password.ts'
import { assertGoodPassword } from '../user/plan.ts'
import { agentView } from './create-agent.ts'
import { fieldError } from './text-rules.ts'

const noTenant = () => new AppError('forbidden', 'no_tenant', 'Platform staff have no sales team.')

const input = createSession.input.extend({ login: z.string().min(1).transform(asLogin), tenant: anyTenant })

/** Signs in to a sales team: the common sign-in, answered with the number of the manager. */
export const signIn = operation({
  ...createSession,
  name: 'agent.sign-in',
  summary: 'Sign in to a sales team',
  input,
  output: z.object({ accessToken: z.string(), expiresInSeconds: z.int(), user: agentView }),
  async run(context, given) {
    const outcome = await createSession.run(context, given)
    if ('refuse' in outcome) return outcome
    const { accessToken, expiresInSeconds, user } = outcome.output
    const row = 'number' in user ? await outcome.store?.get(User, user.id) : null
    if (row == null) throw noTenant()
    const manager = row.managerId === null ? null : await outcome.store?.get(User, row.managerId)
    return {
      ...outcome,
      action: createSession.name,
      output: { accessToken, expiresInSeconds, user: { ...row, managerNumber: manager?.number ?? null } },
    }
  },
})

/** Who one is, as the guard read it on this very request; only the manager's number is read besides. */
export const getAgent = operation({
  name: 'agent.me',
  summary: 'Who am I in my sales team',
  needs: 'session:read',
  readOnly: true,
  input: z.object({}),
  output: agentView.pick({
    number: true,
    username: true,
    email: true,
    fullName: true,
    role: true,
    isActive: true,
    createdAt: true,
    managerNumber: true,
  }),
  async run({ actor, store }) {
    const { user } = actor
    if (user === null || user.role === 'platform_admin' || user.role === 'platform_operator') throw noTenant()
    const manager = user.managerId === null ? null : await store.get(User, user.managerId)
    return { output: { ...user, role: user.role, managerNumber: manager?.number ?? null } }
  },
})

/** Changes one's own password. Errors: `password_required`, and those of `changePassword`. */
export const changeOwnPassword = operation({
  name: 'agent.password',
  summary: 'Change my password',
  needs: 'password:change',
  whileMustChange: true,
  input: z.object({ currentPassword: z.unknown(), newPassword: z.unknown() }).partial(),
  output: z.null(),
  async run(context, { currentPassword, newPassword }) {
    const { actor } = context
    if (newPassword === undefined || newPassword === null || newPassword === '')
      throw fieldError('password_required', 'newPassword', 'is required')
    if (typeof newPassword !== 'string')
      await assertGoodPassword(context, '', { username: actor.name, fullName: null, email: null, field: 'newPassword' })
    const current = typeof currentPassword === 'string' ? currentPassword : ''
    const outcome = await changePassword.run(context, { id: actor.id ?? '', newPassword: String(newPassword), currentPassword: current })
    return { ...outcome, ...('refuse' in outcome ? {} : { action: changePassword.name }) }
  },
})
