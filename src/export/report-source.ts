import { Attendance, type AttendanceRow } from '../attendance/entity.ts'
import { between } from '../attendance/read.ts'
import { attendanceCells, attendanceColumns } from '../attendance/report.ts'
import type { Table } from '../attendance/report-table.ts'
import { viewsOf } from '../attendance/view.ts'
import { shownEntry } from '../audit/operations.ts'
import { type Filters, searchLog } from '../audit/search.ts'
import { createSummaries } from '../audit/summaries.ts'
import type { Page } from '../kernel/page.ts'
import type { TenantStore } from '../storage/port.ts'

export type Criteria = Readonly<Record<string, string>>
type Cells = Table['rows'][number]

/** A line of a report: its cells, and all that JSON says of it. */
export type Line = { cells: Cells; whole: object }

export type Source = {
  title: string
  about: string
  columns: Table['columns']
  /** In the order of time; `done` from 0 to 1. */
  lines(): AsyncGenerator<{ lines: Line[]; done: number }>
}

const pageSize = 200
const dayMs = 86_400_000

function attendance(store: TenantStore, { from = '', to = '', status }: Criteria): Source {
  const [firstMs, lastMs] = [Date.parse(from), Date.parse(to) + dayMs]
  return {
    title: 'Attendance',
    about: `${from} to ${to}`,
    columns: attendanceColumns,
    async *lines() {
      const filter = [...between(from, to), ...(status === undefined ? [] : [{ field: 'status', op: 'eq' as const, value: status }])]
      for (let cursor: string | null = null; ; ) {
        const page: Page<AttendanceRow> = await store.list(Attendance, { index: 'byDate', filter, cursor, limit: pageSize })
        const last = page.items.at(-1)
        const lines = (await viewsOf(store, page.items)).map((view) => ({ cells: attendanceCells(view), whole: view }))
        yield { lines, done: last === undefined ? 0 : (Date.parse(last.date) - firstMs) / (lastMs - firstMs) }
        if (page.nextCursor === null) return
        cursor = page.nextCursor
      }
    },
  }
}

const auditColumns = [
  { name: 'Time', share: 0.14 },
  { name: 'Sequence', share: 0.06 },
  { name: 'Who', share: 0.13 },
  { name: 'Action', share: 0.14 },
  { name: 'About', share: 0.21 },
  { name: 'Changes', share: 0.16 },
  { name: 'Hash', share: 0.16 },
] as const

function audit(store: TenantStore, criteria: Criteria): Source {
  const { from, to } = criteria
  return {
    title: 'Audit log',
    about: [from === undefined ? 'from the first entry' : `from ${from}`, to === undefined ? 'to the last' : `to ${to}`].join(' '),
    columns: auditColumns,
    async *lines() {
      const last = (await store.head())?.sequence ?? 0
      const summaries = createSummaries()
      const filters = criteria as Filters
      for (let start = 0; ; ) {
        const { items, next } = await searchLog({ store, filters, limit: pageSize, order: 'asc', start, summaries })
        const lines = items.map((logged) => {
          const { entry, hash } = logged
          const about = entry.entity === null ? '' : `${entry.entity.type} ${entry.entity.id}`
          const changes = [...new Set(entry.changes.map(({ op, type }) => `${op} ${type}`))].join(', ')
          return { cells: [entry.time, entry.sequence, entry.actor.name, entry.action, about, changes, hash], whole: shownEntry(logged) }
        })
        yield { lines, done: last === 0 ? 1 : (items.at(-1)?.entry.sequence ?? last) / last }
        if (next === null) return
        start = next
      }
    },
  }
}

export const sources = { attendance, audit } as const
