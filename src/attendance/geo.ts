import { z } from 'zod'
import { operation } from '../kernel/operation.ts'
import { attendanceStatuses, timings } from './entity.ts'
import { dayOf, rowsOfDay } from './read.ts'
import { personFields, personOfRow } from './view.ts'

const place = z.object({
  ...personFields,
  status: z.enum(attendanceStatuses),
  date: z.string(),
  lat: z.number(),
  lng: z.number(),
  timingStatus: z.enum(timings).nullable(),
  checkInTime: z.string().nullable(),
  locationAccuracy: z.number().nullable(),
})

/** Where people checked in on a date, in degrees. Deleted employees are left out. */
export const listPlaces = operation({
  name: 'attendance.geo',
  summary: 'List where people checked in',
  needs: 'attendance:report',
  readOnly: true,
  input: z.object({ date: z.string().optional(), status: z.string().optional() }),
  output: z.object({ date: z.string(), items: z.array(place) }),
  async run(context, { date: given, status }) {
    const date = await dayOf(context, given)
    const rows = await rowsOfDay(context.store, date, status ? [{ field: 'status', op: 'eq', value: status }] : [])
    const items = rows.flatMap(({ row, employee }) => {
      if (row.checkInLocation === null || employee?.deletedAt !== null) return []
      const [lat = 0, lng = 0] = row.checkInLocation.split(',').map(Number)
      const { timingStatus, checkInTime, locationAccuracy } = row
      return [{ ...personOfRow(employee), status: row.status, date, lat, lng, timingStatus, checkInTime, locationAccuracy }]
    })
    return { output: { date, items } }
  },
})
