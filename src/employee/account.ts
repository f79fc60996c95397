import { z } from 'zod'
import { type Change, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { type Outcome, operation } from '../kernel/operation.ts'
import { anyTenant, asLogin, createSession } from '../session/sign-in.ts'
import type { TenantStore } from '../storage/port.ts'
import { Credential, User } from '../user/entity.ts'
import { changePassword } from '../user/password.ts'
import { Employee, type EmployeeRow } from './entity.ts'
import { asEmployeeId } from './rules.ts'
import { type EmployeeView, employeeView, viewOfPerson, viewOfUser } from './view.ts'

const noTenant = () => new AppError('forbidden', 'no_tenant', 'Platform staff belong to no workforce.')

const input = createSession.input.extend({
  login: z
    .string()
    .trim()
    .min(1)
    .transform((text) => asEmployeeId(asLogin(text))),
  tenant: anyTenant,
})

const output = z.object({
  accessToken: z.string(),
  refreshToken: z.string(),
  expiresAt: z.string(),
  mustChangePassword: z.boolean(),
  user: employeeView,
})

/** Signs in to a workforce: the common sign-in, which notes the time on the employee's row in the same commit. A tenant's other users may come in too, by their username. */
export const signInEmployee = operation({
  ...createSession,
  name: 'employee.sign-in',
  summary: 'Sign in to a workforce',
  input,
  output,
  async run(context, given): Promise<Outcome<z.input<typeof output>>> {
    const outcome = await createSession.run(context, given)
    if ('refuse' in outcome) return outcome
    const { store, output: tokens } = outcome
    if (store === undefined || !('number' in tokens.user)) throw noTenant()
    const { accessToken, refreshToken, expiresAt } = tokens
    const entered = await entering(context, store, tokens.user.id)
    const { mustChangePassword } = entered.view
    return {
      ...outcome,
      action: createSession.name,
      changes: [...(outcome.changes ?? []), ...entered.changes],
      output: { accessToken, refreshToken, expiresAt, mustChangePassword, user: entered.view },
    }
  },
})

type Rows = [Entity<typeof User> | null, Entity<typeof Credential> | null, EmployeeRow | null]

async function entering({ realMs, now }: Context, store: TenantStore, id: string): Promise<{ view: EmployeeView; changes: Change[] }> {
  const [user, credential, employee] = (await store.read([User, Credential, Employee].map((type) => ({ type, id })))) as Rows
  if (user === null) throw noTenant()
  if (employee === null) return { view: viewOfUser(user, credential?.mustChangePassword ?? false), changes: [] }
  const after = patched(Employee, employee, { lastLogin: toTime(realMs) }, now)
  return { view: await viewOfPerson(store, { employee: after, user, credential }), changes: [update(Employee, employee, after)] }
}

/** Changes one's own password. Errors: those of `changePassword`. */
export const changeEmployeePassword = operation({
  name: 'employee.password',
  summary: 'Change my password',
  needs: 'password:change',
  whileMustChange: true,
  input: z.object({ currentPassword: z.string(), newPassword: z.string().max(4096, 'is too long') }),
  output: z.null(),
  async run(context, given) {
    const outcome = await changePassword.run(context, { id: context.actor.id ?? '', ...given })
    return { ...outcome, ...('refuse' in outcome ? {} : { action: changePassword.name }) }
  },
})
