import { z } from 'zod'
import { Campaign, type CampaignRow } from '../campaign/entity.ts'
import { Contact, type ContactRow } from '../contact/entity.ts'
import { Employee, type EmployeeRow } from '../employee/entity.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import type { Page } from '../kernel/page.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { CampaignAssignment, ContactAssignment, Workload, type WorkloadRow } from './entity.ts'
import { asked, uuid, whole } from './input.ts'
import { readAll } from './ledger.ts'
import { placed, theUser } from './place.ts'

const pageSize = 200
const mostUsers = 5_000
const mostAssignments = 1_000

const listed = z.object({
  user: User.public,
  firstName: z.string().nullable(),
  lastName: z.string().nullable(),
  campaigns: z.int(),
  contacts: z.int(),
})

/** People with how much they have to do, the newest first. Errors: those of `placed`, `bad_cursor`. */
export const listAssignees = operation({
  name: 'assignment.users',
  summary: 'List users with their assignments counted',
  needs: 'assignment:read',
  readOnly: true,
  input: z.object({ ...asked, limit: whole(1, 500).optional(), cursor: z.string().min(1).max(2_000).optional() }),
  output: z.object({ items: z.array(listed), nextCursor: z.string().nullable() }),
  async run(caller, { limit = mostUsers, cursor, ...where }) {
    if (caller.scope === 'own') throw new AppError('forbidden', 'forbidden', 'Your role does not allow this.')
    const context = await placed(caller, where, 'read')
    const users: UserRow[] = []
    let next = cursor ?? null
    do {
      const page: Page<UserRow> = await context.store.list(User, {
        index: 'byCreated',
        order: 'desc',
        cursor: next,
        limit: Math.min(pageSize, limit - users.length),
      })
      users.push(...page.items)
      next = page.nextCursor
    } while (next !== null && users.length < limit)
    const loads = await readAll<WorkloadRow>(
      context.store,
      users.map(({ id }) => ({ type: Workload, id })),
    )
    const names = await namesOf(context, users)
    const items = users.map((user, at) => ({
      user,
      ...(names.get(user.id) ?? { firstName: null, lastName: null }),
      campaigns: loads[at]?.campaigns ?? 0,
      contacts: loads[at]?.contacts ?? 0,
    }))
    return { output: { items, nextCursor: next } }
  },
})

type Name = { firstName: string | null; lastName: string | null }

/** First and last names: an employee's own, else the full name cut at its last blank. */
export async function namesOf({ store }: Context, users: readonly UserRow[]): Promise<Map<string, Name>> {
  const employees = new Map<string, EmployeeRow>()
  const maybe = users.filter(({ fullName, username }) => fullName !== null || /\d/.test(username))
  for (const row of await readAll<EmployeeRow>(
    store,
    maybe.map(({ id }) => ({ type: Employee, id })),
  ))
    if (row !== null) employees.set(row.id, row)
  return new Map(users.map((user) => [user.id, employees.get(user.id) ?? cutName(user.fullName)] as const))
}

export function cutName(fullName: string | null): Name {
  if (fullName === null) return { firstName: null, lastName: null }
  const blank = fullName.trim().lastIndexOf(' ')
  if (blank === -1) return { firstName: fullName.trim(), lastName: null }
  return { firstName: fullName.trim().slice(0, blank), lastName: fullName.trim().slice(blank + 1) }
}

const campaignItem = z.object({ assignment: CampaignAssignment.public, campaign: Campaign.public })
const contactItem = z.object({ assignment: ContactAssignment.public, contact: Contact.public.partial() })

/** What one person is assigned to now. Who may read only their own is refused for others. Errors: `forbidden`, `user_not_found`, those of `placed`. */
export const listAssignments = operation({
  name: 'assignment.list',
  summary: 'List what a user is assigned to',
  needs: 'assignment:read',
  readOnly: true,
  input: z.object({ ...asked, userId: uuid }),
  output: z.object({
    campaigns: z.array(campaignItem),
    contacts: z.array(contactItem),
    campaignsCount: z.int(),
    contactsCount: z.int(),
  }),
  async run(caller, { userId, ...where }) {
    if (caller.scope === 'own' && userId !== caller.actor.id) throw new AppError('forbidden', 'forbidden', 'Your role does not allow this.')
    const context = await placed(caller, where, 'read')
    const { store } = context
    await theUser(context, userId)
    const [mine, owned, load] = await Promise.all([
      activeOf(context, CampaignAssignment, userId),
      activeOf(context, ContactAssignment, userId),
      store.get(Workload, userId),
    ])
    const campaigns = await readAll<CampaignRow>(
      store,
      mine.map(({ campaignId }) => ({ type: Campaign, id: campaignId })),
    )
    const contacts = await readAll<ContactRow>(
      store,
      owned.map(({ contactId }) => ({ type: Contact, id: contactId })),
    )
    return {
      output: {
        campaigns: mine.flatMap((assignment, at) => (campaigns[at] == null ? [] : [{ assignment, campaign: campaigns[at] }])),
        contacts: owned.flatMap((assignment, at) => (contacts[at] == null ? [] : [{ assignment, contact: contacts[at] }])),
        campaignsCount: load?.campaigns ?? 0,
        contactsCount: load?.contacts ?? 0,
      },
    }
  },
})

/** A person's active assignments, the newest first. */
async function activeOf<E extends typeof CampaignAssignment | typeof ContactAssignment>({ store }: Context, type: E, userId: string) {
  const rows: Page<Awaited<ReturnType<typeof store.list<E>>>['items'][number]>['items'] = []
  for (let cursor: string | null = null; rows.length < mostAssignments; ) {
    const page: Awaited<ReturnType<typeof store.list<E>>> = await store.list(type, {
      index: 'byUser',
      where: { userId, status: 'active' },
      order: 'desc',
      cursor,
      limit: pageSize,
    })
    rows.push(...page.items)
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  return rows
}
