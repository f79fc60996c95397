import { listActivity } from '../../attendance/activity.ts'
import { getAttendanceDashboard, getBackupStatistics, getPersistence, getProgress } from '../../attendance/counts.ts'
import { listPlaces } from '../../attendance/geo.ts'
import { type Route, route, type WireRequest } from '../../http/route.ts'
import { shaped } from './attendance-shapes.ts'
import * as described from './counts-described.ts'
import { fieldsOf } from './words.ts'

const query = (request: WireRequest) => request.query

/** Counts and places (contracts/satshine.md, section 12). */
export const countRoutes: readonly Route[] = [
  route('GET', '/auth/admin-dashboard/', getAttendanceDashboard, {
    ...described.dashboard,
    input: query,
    reply: (found) => ({ body: { success: true, ...shaped(found) } }),
  }),
  route('GET', '/auth/admin/attendance/progress/', getProgress, {
    ...described.progress,
    input: query,
    reply: (found) => ({ body: shaped(found) }),
  }),
  route('GET', '/auth/user-persistence-api/', getPersistence, {
    ...described.persistence,
    input: () => ({}),
    reply: ({ roleDistribution, designationDistribution, dccbDistribution, lastBackup, timestamp, ...totals }) => ({
      body: {
        ...shaped(totals),
        // the names in these are people's own words
        role_distribution: roleDistribution,
        designation_distribution: designationDistribution,
        dccb_distribution: dccbDistribution,
        last_backup: lastBackup,
        timestamp,
      },
    }),
  }),
  route('GET', '/auth/backup-statistics-api/', getBackupStatistics, {
    ...described.statistics,
    input: () => ({}),
    reply: (found) => ({ body: { success: true, statistics: shaped(found) } }),
  }),
  route('GET', '/auth/admin/attendance/geo/data/', listPlaces, {
    ...described.geo,
    input: query,
    reply: ({ date, items }) => ({
      body: {
        success: true,
        count: items.length,
        selected_date: date,
        message: items.length === 0 ? 'Nobody checked in with a location on this date' : `Found ${items.length} check-ins with a location`,
        data: items.map(shaped),
      },
    }),
  }),
  route('GET', '/auth/admin/audit/', listActivity, {
    ...described.audit,
    input: (request) => fieldsOf(request.query),
    reply: ({ count, page, pages, items }) => ({
      body: {
        success: true,
        count,
        page,
        pages,
        logs: items.map(({ oldValue, newValue, details, ...rest }) => ({
          ...shaped(rest),
          details: details ?? null,
          old_value: oldValue === null ? null : shaped(oldValue),
          new_value: newValue === null ? null : shaped(newValue),
        })),
      },
    }),
  }),
]
