import { z } from 'zod'
import { isWithin, reachOf } from '../access/scope.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { everyRow } from '../kernel/every-row.ts'
import { operation } from '../kernel/operation.ts'
import type { Filter } from '../storage/port.ts'
import { User } from '../user/entity.ts'
import type { UserRow } from '../user/plan.ts'
import { Contact, type ContactRow } from './entity.ts'
import { fieldError, readNumber } from './text-rules.ts'
import { listedLead, viewsOf } from './view.ts'

const dayMs = 24 * 60 * 60 * 1000
const filters = z.object({ start: z.string().nullable(), end: z.string().nullable(), closer: z.string().nullable() })
const closer = z.object({ number: z.int().nullable(), username: z.string(), sales: z.int() })

/**
 * The sales of a period by who closed them, newest first; within one's reach those that oneself and the team closed. Days are UTC, both ends inclusive; `closer` is a user's number.
 * Errors: `date_invalid`, `closer_invalid`, `closer_not_in_team`.
 */
export const getCommission = operation({
  name: 'report.commission',
  summary: 'Report sales for commission',
  needs: 'contact:report',
  readOnly: true,
  input: z.object({ start: z.string().optional(), end: z.string().optional(), closer: z.string().optional() }),
  output: z.object({
    sales: z.array(z.object({ lead: listedLead, daysToClose: z.int() })),
    auto: z.int(),
    first: z.string().nullable(),
    last: z.string().nullable(),
    closers: z.array(closer),
    filters,
  }),
  async run(context, input) {
    const asked = { start: given(input.start), end: given(input.end), closer: given(input.closer) }
    const [from, to] = [readDay('start', asked.start), readDay('end', asked.end)]
    const who = asked.closer === null ? null : await readCloser(context, asked.closer)
    const period: Filter[] = []
    if (from !== null) period.push({ field: 'wonSort', op: 'gte', value: new Date(from).toISOString() })
    if (to !== null) period.push({ field: 'wonSort', op: 'lt', value: new Date(to + dayMs).toISOString() })
    const views = await viewsOf(context.store, await salesOf(context, who, period))
    return {
      output: {
        sales: views.map((lead) => ({ lead, daysToClose: daysBetween(lead.createdAt, lead.closedAt ?? lead.createdAt) })),
        auto: views.filter(({ autoConverted }) => autoConverted).length,
        first: views.at(-1)?.closedAt ?? null,
        last: views[0]?.closedAt ?? null,
        closers: byCloser(views),
        filters: asked,
      },
    }
  },
})

const given = (text: string | undefined): string | null => (text === undefined || text === '' ? null : text)

/** The first millisecond of a day. */
function readDay(field: string, text: string | null): number | null {
  if (text === null) return null
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00.000Z`) : Number.NaN
  if (!Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text)) return ms
  throw fieldError('date_invalid', field, 'must be a day written YYYY-MM-DD')
}

async function readCloser(context: Context, text: string): Promise<UserRow> {
  const number = readNumber(text)
  const user = number === null ? null : await context.store.find(User, 'number', [number])
  if (user === null) throw fieldError('closer_invalid', 'closer', 'is not a user of this tenant')
  if (await isWithin(context, user.id)) return user
  throw new AppError('forbidden', 'closer_not_in_team', 'This user is not one of your team.')
}

/** Each closer's sales are read by themselves and put together after, because an index orders those of one closer only. */
async function salesOf(context: Context, who: UserRow | null, filter: readonly Filter[]): Promise<ContactRow[]> {
  const { store } = context
  const reach = who === null ? await reachOf(context) : { everyone: false as const, ids: [who.id] }
  const sales: ContactRow[] = []
  if (reach.everyone) sales.push(...(await everyRow(store, Contact, { index: 'byWon', filter })))
  else
    for (const closedById of reach.ids)
      for (const row of await everyRow(store, Contact, { index: 'byCloser', where: { closedById }, filter })) sales.push(row)
  return sales.sort((a, b) => compare(b.closedAt ?? '', a.closedAt ?? '') || b.number - a.number)
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const daysBetween = (from: string, to: string): number => Math.max(0, Math.floor((Date.parse(to) - Date.parse(from)) / dayMs))

/** Who closed how many, most first. A sale whose closer is no user any more keeps the name it was closed under. */
function byCloser(views: Awaited<ReturnType<typeof viewsOf>>): z.output<typeof closer>[] {
  const closers = new Map<string, z.output<typeof closer>>()
  for (const { closedById, closedByName, closedByNumber } of views) {
    const key = closedById ?? `name ${closedByName}`
    const known = closers.get(key) ?? { number: closedByNumber, username: closedByName ?? '', sales: 0 }
    closers.set(key, { ...known, sales: known.sales + 1 })
  }
  return [...closers.values()].sort((a, b) => b.sales - a.sales || (a.number ?? 0) - (b.number ?? 0))
}
