import { z } from 'zod'
import type { Context } from '../kernel/context.ts'
import { fold } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { User } from '../user/entity.ts'
import { planUser, type UserRow, userConflicts } from '../user/plan.ts'
import { type AgentInput, agentInput, readEmail, readFullName, readManager, readPassword, readRole, readUsername } from './agent-input.ts'
import { handOut } from './hand-out.ts'
import { assertCreator } from './write-leads.ts'

/** A user with the number of the manager, for clients that know users by number. */
export const agentView = User.public.extend({ managerNumber: z.int().nullable() })

type NewAgent = {
  username: string
  role: 'admin' | 'manager' | 'member'
  password: string
  fullName: string
  email: string | null
  manager: UserRow | null
}

/**
 * Makes a member of a sales team. A new agent gets the best unassigned leads in the same commit. A manager makes agents of their own.
 * Creations of agents wait for each other, because all want the same leads; the password is hashed before, so that the line moves quickly.
 */
export const createAgent = operation({
  name: 'agent.create',
  summary: 'Create a user and hand out leads',
  needs: 'user:create',
  input: agentInput,
  output: z.object({ user: agentView, leadsAssigned: z.int() }),
  conflicts: userConflicts,
  async serial(context, input) {
    if (input.role !== undefined && input.role !== 'member') return null
    const { password } = input
    if (typeof password === 'string' && looksGood(context, input))
      await context.once('hash', () => context.services.hasher.hash(password)).catch(() => null)
    return { key: `hand-out ${context.store.tenantId}`, width: 1 }
  },
  async run(context, input) {
    assertCreator(context, input.createdBy)
    const agent = await readAgent(context, input)
    await assertFree(context, agent)
    const { manager, password, ...fields } = agent
    const passwordHash = await context.once('hash', () => context.services.hasher.hash(password))
    const { user, changes } = await planUser(context, { ...fields, passwordHash, managerId: manager?.id ?? null })
    const handedOut = user.role === 'member' ? await handOut(context, user) : { leads: 0, changes: [] }
    return {
      output: { user: { ...user, managerNumber: manager?.number ?? null }, leadsAssigned: handedOut.leads },
      changes: [...changes, ...handedOut.changes],
      entity: { type: User.name, id: user.id },
      action: 'user.create',
      detail: { leadsAssigned: handedOut.leads },
    }
  },
})

/** Whether the hash is likely to be needed: no work for what is refused anyway. `run` decides. */
function looksGood(context: Context, { username, role, password, email, fullName }: AgentInput): boolean {
  try {
    readRole(role, context)
    readFullName(fullName, readUsername(username))
    readEmail(email)
    return typeof password === 'string' && password.length >= 12 && password.length <= 4096
  } catch {
    return false
  }
}

/** The checks of a new user, first refusal first. */
async function readAgent(context: Context, input: AgentInput): Promise<NewAgent> {
  const username = readUsername(input.username)
  const role = readRole(input.role, context)
  const password = await readPassword(context, input.password, { username, fullName: input.fullName, email: input.email })
  const fullName = readFullName(input.fullName, username)
  const email = readEmail(input.email)
  return { username, role, password, fullName, email, manager: await managerOf(context, role, input.manager) }
}

async function managerOf(context: Context, role: NewAgent['role'], wanted: unknown): Promise<UserRow | null> {
  if (role !== 'member') return null
  if (context.scope === 'tenant') return readManager(context, wanted)
  return context.actor.id === null ? null : context.store.get(User, context.actor.id)
}

/** The commit guards both; asking first spares a hash and names the username before the address. */
async function assertFree({ store }: Context, { username, email }: NewAgent): Promise<void> {
  if ((await store.find(User, 'username', [fold(username)])) !== null) throw taken('username')
  if (email !== null && (await store.find(User, 'email', [fold(email)])) !== null) throw taken('email')
}

function taken(key: 'username' | 'email'): AppError {
  const [code, message, field = key] = userConflicts[`user.${key}`] ?? [`${key}_taken`, 'This is taken.']
  return new AppError('conflict', code, message, { errors: [{ field, message }] })
}
