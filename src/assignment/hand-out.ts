import { Contact, type ContactRow } from '../contact/entity.ts'
import { type Change, check } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { everyRow } from '../kernel/every-row.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { planGive, scoreOf } from './contact-plan.ts'
import type { Pool } from './eligible.ts'
import { ContactAssignment, type ContactAssignmentRow } from './entity.ts'
import { type Ahead, type Ledger, openLedger, readAll } from './ledger.ts'
import { pairId } from './moment.ts'
import { type Ranked, turns } from './queue.ts'

export type Mode = 'round_robin' | 'lead_score' | 'manual'
export type Failure = { id: string; code: string; error: string }

/** Finer rules than a mode, for those who hand out by our own interface. `least_busy` is what `round_robin` does too. */
export const rules = ['round_robin', 'least_busy', 'weighted', 'sticky'] as const
export type Rule = (typeof rules)[number]

type Given = {
  mode: Mode
  rule: Rule | null
  /** `weighted`: how much of the work each person gets beside the others; 1 where none is named. */
  weights: ReadonlyMap<string, number>
  batchId: string
  /** Each contact once, with its place among all of the call. */
  contacts: readonly { id: string; place: number }[]
  /** Contacts that have an owner are taken from them, and given to somebody else. */
  isReassigning: boolean
  pool: Pool
  /** `manual`: in turn, whatever they have to do. */
  inTurn: readonly UserRow[]
}

export type HandedOut = { changes: Change[]; given: Map<string, number>; created: number; failed: Failure[]; ahead: Ahead | null }

type Choice = { user: UserRow; reason: Record<string, unknown> }

/** Chooses a person for each contact and plans the commit that gives it to them. Reads in a constant number of round trips. Nobody else hands out meanwhile: the ledger's clock guards it. `ahead` is what the commits before it, which are on their way, make of the books. */
export async function planHandOut(context: Context, given: Given, ahead: Ahead | null = null): Promise<HandedOut> {
  const { store } = context
  const ids = given.contacts.map(({ id }) => id)
  const contacts = await readAll<ContactRow>(
    store,
    ids.map((id) => ({ type: Contact, id })),
  )
  const ledger = openLedger(context, ahead)
  const users = given.mode === 'manual' ? given.inTurn : given.pool.users
  const owners = contacts.flatMap((contact) => contact?.ownerId ?? [])
  await ledger.read([...users.map(({ id }) => id), ...owners])
  await ledger.readClock()

  const failed: Failure[] = []
  const chosen: { contact: ContactRow; choice: Choice }[] = []
  const choose = chooser(ledger, given, given.rule === 'sticky' ? await formerHolders(context, ids) : new Map())
  for (const { contact, id, place } of ordered(given, contacts)) {
    if (contact === null) failed.push({ id, code: 'contact_not_found', error: 'Contact not found' })
    else if (contact.ownerId !== null && !given.isReassigning && given.mode !== 'manual')
      failed.push({ id, code: 'already_owned', error: 'Contact already has a primary owner' })
    else {
      const choice = choose(contact, place)
      if (choice === null) failed.push({ id, code: 'no_eligible_user', error: 'Nobody else is eligible' })
      else chosen.push({ contact, choice })
    }
  }

  const rows = await readAll<ContactAssignmentRow>(store, [
    ...chosen.map(({ contact, choice }) => ({ type: ContactAssignment, id: pairId(choice.user.id, contact.id) })),
    ...chosen.map(({ contact, choice }) => ({ type: ContactAssignment, id: pairId(contact.ownerId ?? choice.user.id, contact.id) })),
  ])
  // the choice moved the loads already, hand-out by hand-out: the books are opened anew for what is written
  const books = openLedger(context, ahead)
  await books.read([...users.map(({ id }) => id), ...owners])
  await books.readClock()
  const changes: Change[] = []
  const counted = new Map<string, number>()
  let created = 0
  for (const [at, { contact, choice }] of chosen.entries()) {
    const made = planGive(context, books, {
      contact,
      userId: choice.user.id,
      row: rows[at] ?? null,
      former: rows[chosen.length + at] ?? null,
      isPrimary: true,
      mode: given.mode,
      batchId: given.batchId,
      reason: choice.reason,
    })
    if (made.every(({ op }) => op === 'check')) continue
    changes.push(...made)
    created += 1
    counted.set(choice.user.id, (counted.get(choice.user.id) ?? 0) + 1)
  }
  // nobody is given anything while being deactivated
  const pinned = users
    .filter(({ id }, at) => counted.has(id) && users.findIndex((other) => other.id === id) === at)
    .map((user) => check(User, user))
  const kept = created === 0 ? [] : books.changes()
  return {
    changes: created === 0 ? [] : [...changes, ...pinned, ...kept],
    given: counted,
    created,
    failed: inOrder(failed, ids),
    // what changes nothing leaves the books as they were
    ahead: created === 0 ? ahead : books.ahead(),
  }
}

/** Who had each contact before, the newest first: whoever knows it gets it back. */
async function formerHolders({ store }: Context, ids: readonly string[]): Promise<Map<string, string[]>> {
  const found = new Map<string, ContactAssignmentRow[]>()
  for (let start = 0; start < ids.length; start += 200)
    for (const row of await everyRow(store, ContactAssignment, { index: 'byContact', where: { contactId: ids.slice(start, start + 200) } }))
      found.set(row.contactId, [...(found.get(row.contactId) ?? []), row])
  const newest = (a: ContactAssignmentRow, b: ContactAssignmentRow): number => (a.assignedAt < b.assignedAt ? 1 : -1)
  return new Map([...found].map(([id, rows]) => [id, rows.sort(newest).map(({ userId }) => userId)]))
}

const inOrder = (failed: readonly Failure[], ids: readonly string[]): Failure[] => {
  const place = new Map(ids.map((id, at) => [id, at]))
  return [...failed].sort((a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0))
}

/** In the order in which they are given; by score the best first. */
function ordered({ mode, contacts: given }: Given, contacts: readonly (ContactRow | null)[]) {
  const all = given.map(({ id, place }, at) => ({ id, place, contact: contacts[at] ?? null }))
  if (mode !== 'lead_score') return all
  const score = (contact: ContactRow | null): number => (contact === null ? -1 : scoreOf(contact))
  return all.sort((a, b) => score(b.contact) - score(a.contact) || (a.id < b.id ? -1 : 1))
}

const shownAt = (moment: string | null): string | null => (moment === null ? null : `${moment.slice(0, 23)}Z`)

/** Whose turn it is, and why (contracts/salesbrain.md section 4). */
function chooser(
  ledger: Ledger,
  { mode, rule, weights, pool, inTurn }: Given,
  holders: ReadonlyMap<string, readonly string[]>,
): (contact: ContactRow, place: number) => Choice | null {
  if (mode === 'manual')
    return (_, place) => {
      const user = inTurn[place % inTurn.length]
      return user === undefined ? null : { user, reason: { rule: 'manual' } }
    }
  const byId = new Map(pool.users.map((user) => [user.id, user]))
  const ranked = (id: string): Ranked => {
    const { contacts, score, lastAssignedAt } = ledger.load(id)
    if (rule === 'weighted') return { id, rank: [(contacts + 1) / (weights.get(id) ?? 1), contacts, lastAssignedAt ?? ''] }
    return { id, rank: [...(mode === 'lead_score' ? [score] : []), contacts, lastAssignedAt ?? ''] }
  }
  const queue = turns(pool.users.map(({ id }) => ranked(id)))
  return (contact) => {
    const except = contact.ownerId !== null && byId.has(contact.ownerId) ? contact.ownerId : null
    const held = holders.get(contact.id)?.find((id) => byId.has(id) && id !== except)
    const next = held === undefined ? queue.take(except) : queue.remove(held)
    const user = next === null ? undefined : byId.get(next.id)
    if (user === undefined) return null
    const load = ledger.load(user.id)
    const reason = {
      rule: rule === 'sticky' ? (held === undefined ? 'round_robin' : 'sticky') : (rule ?? mode),
      pool: pool.users.length - (except === null ? 0 : 1),
      active: load.contacts,
      lastAssignedAt: shownAt(load.lastAssignedAt),
      skipped: pool.skipped,
      ...(mode === 'lead_score' ? { leadScore: contact.leadScore, scoreBefore: load.score / 100 } : {}),
    }
    ledger.move(user.id, { contacts: 1, score: scoreOf(contact) }, ledger.tick())
    if (contact.ownerId !== null) ledger.move(contact.ownerId, { contacts: -1, score: -scoreOf(contact) })
    queue.push(ranked(user.id))
    return { user, reason }
  }
}
