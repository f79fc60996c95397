import { z } from 'zod'
import { fold } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { searchBreak } from './entity.ts'
import { fieldError } from './text-rules.ts'
import { listedLead, viewsOf } from './view.ts'
import { countLeads, everyLead, leadPage, visibleTo } from './visible.ts'

const mostPerPage = 10_000

/** Every visible lead by number, never cut; or, where `limit` is given, pages of that size. `total` is the size of the whole set either way. */
export const listLeads = operation({
  name: 'lead.list',
  summary: 'List leads',
  needs: 'contact:read',
  readOnly: true,
  input: z.object({ limit: z.string().optional(), cursor: z.string().optional() }),
  output: z.object({ items: z.array(listedLead), total: z.int(), nextCursor: z.string().nullable(), isPaged: z.boolean() }),
  async run(context, { limit, cursor }) {
    const { store } = context
    const pageSize = limit === undefined ? null : readLimit(limit)
    const visible = await visibleTo(context)
    if (pageSize === null) {
      const items = await viewsOf(store, await everyLead(visible))
      return { output: { items, total: items.length, nextCursor: null, isPaged: false } }
    }
    const page = await leadPage(visible, pageSize, cursor === undefined || cursor === '' ? null : cursor)
    const [items, total] = await Promise.all([viewsOf(store, page.items), countLeads(visible)])
    return { output: { items, total, nextCursor: page.nextCursor, isPaged: true } }
  },
})

function readLimit(text: string): number {
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > mostPerPage) throw fieldError('limit_invalid', 'limit', `must be a whole number from 1 to ${mostPerPage}`)
  return limit
}

/** Looks for a plain text, in any case, in seven fields of each visible lead. */
export const searchLeads = operation({
  name: 'lead.search',
  summary: 'Search leads',
  needs: 'contact:read',
  readOnly: true,
  input: z.object({ q: z.string().optional() }),
  output: z.object({ items: z.array(listedLead), query: z.string(), searchedIn: z.int() }),
  async run(context, { q }) {
    const query = (q ?? '').trim().toLowerCase()
    if (query === '')
      throw new AppError('unprocessable', 'search_text_required', 'Say what to search for.', {
        errors: [{ field: 'q', message: 'is required' }],
      })
    const visible = await visibleTo(context)
    const found = query.includes(searchBreak) ? [] : await everyLead(visible, [{ field: 'leadFold', op: 'contains', value: fold(query) }])
    const [items, searchedIn] = await Promise.all([viewsOf(context.store, found), countLeads(visible)])
    return { output: { items, query, searchedIn } }
  },
})
