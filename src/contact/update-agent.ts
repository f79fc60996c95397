import { z } from 'zod'
import type { Context } from '../kernel/context.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { User } from '../user/entity.ts'
import { type UserRow, userConflicts } from '../user/plan.ts'
import { planUpdate, type UserPatch } from '../user/plan-update.ts'
import { agentInput, readEmail, readFullName, readManager, readPassword } from './agent-input.ts'
import { agentView } from './create-agent.ts'
import { fieldError, isUnchanged } from './text-rules.ts'

const patchInput = agentInput
  .pick({ fullName: true, email: true, manager: true, password: true })
  .extend({ isActive: z.unknown() })
  .partial()
type PatchInput = z.output<typeof patchInput>

/** Changes a member of a sales team. Deactivation and a new password end every session of theirs in the same commit. */
export const updateAgent = operation({
  name: 'agent.update',
  summary: 'Change a user of a sales team',
  needs: 'user:update',
  input: z.object({ number: z.int().nullable(), fields: patchInput }),
  output: agentView,
  conflicts: userConflicts,
  async run(context, { number, fields }) {
    const before = number === null ? null : await context.store.find(User, 'number', [number])
    if (before === null) throw notFound()
    assertMayEdit(context, before, fields)
    if (isGiven(fields.password) && context.actor.kind === 'apiKey')
      throw new AppError('forbidden', 'forbidden', 'An API key may not set the password of a user.')
    const password = isGiven(fields.password) ? await readPassword(context, fields.password, { ...before, ...textsOf(fields) }) : null
    const patch = await readPatch(context, before, fields)
    const { user, changes } = await planUpdate(context, before, patch, password)
    const manager = user.managerId === null ? null : await context.store.get(User, user.managerId)
    const action = before.isActive && !user.isActive ? 'user.deactivate' : 'user.update'
    return { output: { ...user, managerNumber: manager?.number ?? null }, changes, entity: { type: User.name, id: user.id }, action }
  },
})

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== ''

const textsOf = ({ fullName, email }: PatchInput) => ({
  ...(fullName === undefined ? {} : { fullName }),
  ...(email === undefined ? {} : { email }),
})

function assertMayEdit({ actor }: Context, before: UserRow, { isActive }: PatchInput): void {
  if (before.role === 'owner' && actor.role !== 'owner') throw new AppError('forbidden', 'owners_only', 'Only an owner may edit an owner.')
  if (isActive !== undefined && typeof isActive !== 'boolean') throw fieldError('active_invalid', 'isActive', 'must be true or false')
  if (isActive === false && before.id === actor.id)
    throw new AppError('unprocessable', 'deactivates_self', 'You cannot deactivate your own account.')
}

/** What a change sets, by the rules of creation; only agents have a manager. */
async function readPatch(context: Context, before: UserRow, fields: PatchInput): Promise<UserPatch> {
  const patch: UserPatch = {}
  if (fields.fullName !== undefined && !isUnchanged(fields.fullName, before.fullName))
    patch.fullName = readFullName(fields.fullName, before.username)
  if (fields.email !== undefined && !isUnchanged(fields.email, before.email)) patch.email = readEmail(fields.email)
  if (typeof fields.isActive === 'boolean') patch.isActive = fields.isActive
  if (fields.manager !== undefined && before.role === 'member') {
    const present = before.managerId === null ? null : await context.store.get(User, before.managerId)
    if (present === null || String(fields.manager) !== String(present.number))
      patch.managerId = (await readManager(context, fields.manager))?.id ?? null
  }
  return patch
}
