import type { BaseRow } from '../kernel/entity.ts'
import type { TenantStore } from '../storage/port.ts'
import { AttendancePolicy, type AttendancePolicyRow } from './entity.ts'

/** What a tenant decided about its working days (contracts/satshine.md, section 8). Times are `HH:MM` in `timeZone`. */
export type Policy = Omit<AttendancePolicyRow, keyof BaseRow>

/** What holds while a tenant has decided nothing. */
export const defaultPolicy: Policy = {
  timeZone: 'Asia/Kolkata',
  onTimeUntil: '10:00',
  lateUntil: '13:30',
  halfDayUntil: '15:00',
  checkOutFrom: '18:00',
  checkOutUntil: '23:00',
  weeklyOff: ['sunday'],
  gpsRequired: true,
  maxAccuracyM: 1000,
  radiusM: 500,
  enforceGeofence: false,
  dccbs: [
    'AHMEDABAD',
    'BANASKANTHA',
    'BARODA',
    'MAHESANA',
    'SABARKANTHA',
    'BHARUCH',
    'KHEDA',
    'PANCHMAHAL',
    'SURENDRANAGAR',
    'JAMNAGAR',
    'JUNAGADH',
    'KODINAR',
    'KUTCH',
    'VALSAD',
    'AMRELI',
    'BHAVNAGAR',
    'RAJKOT',
    'SURAT',
  ],
  departments: ['HR', 'SPMU', 'Central Tech Support', 'CCR', 'Field Support', 'IT Admin'],
  offlineHours: 72,
  leaveDaysPerYear: {},
}

/** A tenant has one. */
export const policyId = 'attendance'

/** The policy of a tenant. A change holds from the next request on, so nothing of it is remembered. */
export const policyOf = async (store: TenantStore): Promise<Policy> => (await store.get(AttendancePolicy, policyId)) ?? defaultPolicy
