import { z } from 'zod'
import { planOwners } from '../assignment/own.ts'
import { blankContact, Contact, type ContactRow } from '../contact/entity.ts'
import { type LeadStatus, withStatus } from '../contact/rules.ts'
import { type Change, create, insert } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { fold } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { User } from '../user/entity.ts'
import { password } from '../user/input.ts'
import { assertGoodPassword, type UserRow, userConflicts, userRows } from '../user/plan.ts'
import { mailDomain, personName } from './people.ts'
import { practices } from './practices.ts'

const people = [
  { username: 'admin', role: 'admin', fullName: 'System Administrator' },
  { username: 'manager1', role: 'manager', fullName: 'Sales Manager' },
  { username: 'agent1', role: 'member', fullName: 'Sales Agent' },
] as const

/** The agent's leads; the rest of the practices are nobody's. */
const agentStatuses: readonly LeadStatus[] = ['new', 'new', 'new', 'new', 'contacted', 'contacted', 'qualified', 'sold']
const bestScore = 100

const legacyId = (name: string | number): string => `seed:vantagepoint:${name}`

/**
 * Demo data of the sales CRM (contracts/vantagepoint.md, section 9): three accounts and twenty leads, in one commit. With a password all three get it; without one each gets a
 * random one, shown only in this answer, which must be changed at the first sign-in. A second run changes nothing.
 * Errors: `weak_password`, `seed_name_taken`.
 */
export const seedVantagepoint = operation({
  name: 'vantagepoint.seed',
  summary: 'Add demo users and leads of the sales CRM',
  needs: 'user:import',
  input: z.strictObject({ password: password.nullish() }),
  output: z.object({
    users: z.array(z.object({ username: z.string(), password: z.string() })),
    leads: z.int(),
    unassigned: z.int(),
    already: z.boolean(),
  }),
  conflicts: userConflicts,
  async run(context, { password: chosen }) {
    if (await isSeeded(context)) return { output: { users: [], ...(await leadsOf(context)), already: true } }
    for (const person of people) await assertFree(context, person)
    const users = await Promise.all(
      people.map(async ({ username, fullName }) => {
        if (chosen != null) await assertGoodPassword(context, chosen, { username, fullName, email: mailOf(username) })
        return {
          username,
          password: chosen ?? (await context.once(`password ${username}`, async () => context.random(18).toString('base64url'))),
        }
      }),
    )
    const made = await userChanges(context, users, chosen == null)
    const leads = await leadChanges(context, made.agent)
    const unassigned = practices.length - agentStatuses.length
    return {
      output: { users, leads: practices.length, unassigned, already: false },
      changes: [...made.changes, ...leads],
      detail: { users: users.length, leads: practices.length },
    }
  },
})

const mailOf = (username: string): string => `${username}@${mailDomain}`

async function isSeeded({ store }: Context): Promise<boolean> {
  const found = await Promise.all(people.map(({ username }) => store.find(User, 'legacy', [legacyId(username)])))
  return found.some((user) => user !== null)
}

/** How many of the demo leads there are now, and how many of them are nobody's. */
async function leadsOf({ store }: Context): Promise<{ leads: number; unassigned: number }> {
  const found = await Promise.all(practices.map((_, at) => store.find(Contact, 'legacy', [legacyId(at + 1)])))
  const leads = found.filter((lead) => lead !== null)
  return { leads: leads.length, unassigned: leads.filter((lead) => lead.ownerId === null).length }
}

async function assertFree({ store }: Context, { username }: { username: string }): Promise<void> {
  const holder = (await store.find(User, 'username', [fold(username)])) ?? (await store.find(User, 'email', [fold(mailOf(username))]))
  if (holder !== null) throw nameTaken(holder.username)
}

export const nameTaken = (username: string): AppError =>
  new AppError(
    'conflict',
    'seed_name_taken',
    `There is already a user called ${username}, who is not of the demo data. Choose another tenant for it, with --tenant.`,
  )

type Account = { username: string; password: string }

async function userChanges(
  context: Context,
  accounts: readonly Account[],
  mustChangePassword: boolean,
): Promise<{ agent: UserRow; changes: Change[] }> {
  const { hasher } = context.services
  const first = await context.store.next(User.name, people.length)
  const changes: Change[] = []
  let above: UserRow | null = null
  let agent: UserRow | null = null
  for (const [at, { username, role, fullName }] of people.entries()) {
    const secret = accounts[at]?.password ?? ''
    const made = userRows(context, {
      ...{ username, role, fullName, mustChangePassword },
      number: first + at,
      email: mailOf(username),
      managerId: role === 'member' ? (above?.id ?? null) : null,
      isActive: true,
      legacyId: legacyId(username),
      passwordHash: await context.once(`hash ${username}`, () => hasher.hash(secret)),
      createdAt: context.now,
    })
    changes.push(...made.changes)
    above = made.user
    agent = made.user
  }
  if (agent === null) throw new Error('The demo data has no agent')
  return { agent, changes }
}

async function leadChanges(context: Context, agent: UserRow): Promise<Change[]> {
  const first = await context.store.next(Contact.name, practices.length)
  const leads = practices.map((practice, at) => {
    const status = agentStatuses[at] ?? 'new'
    const owner = at < agentStatuses.length ? agent : null
    return leadRow(context, { practice, at, status, owner, number: first + at })
  })
  const owned = await planOwners(
    context,
    leads.map((contact) => ({ contact, from: null, isFirst: true as const })),
  )
  return [...leads.map((lead) => insert(Contact, lead)), ...owned]
}

type Lead = { practice: (typeof practices)[number]; at: number; status: LeadStatus; owner: UserRow | null; number: number }

function leadRow({ newId, now }: Context, { practice, at, status, owner, number }: Lead): ContactRow {
  const { first, last } = personName(at + 1)
  const [practiceName, specialty, city, state, zipCode] = practice
  const digits = String(at + 1).padStart(2, '0')
  return create(
    Contact,
    newId(),
    {
      ...blankContact,
      ...{ number, practiceName, specialty, city, state, zipCode },
      ownerName: `Dr. ${first} ${last}`,
      // 555-0100 to 555-0199 are nobody's numbers
      practicePhone: `(555) 555-01${digits}`,
      email: `office${at + 1}@${mailDomain}`,
      address: `${at + 1} Demonstration Road`,
      source: 'Demo data',
      priority: at % 3 === 0 ? 'high' : 'medium',
      score: bestScore - at,
      ownerId: owner?.id ?? null,
      assignedAt: owner === null ? null : now,
      createdByName: 'system',
      legacyId: legacyId(at + 1),
      ...withStatus(null, status, { id: owner?.id ?? null, name: owner?.username ?? '', now }),
    },
    now,
  )
}
