import type { LogEntry } from '../storage/port.ts'

/** What the workforce's older application called what was done (contracts/satshine.md, section 12). */
const words: Readonly<Record<string, string>> = {
  'session.create': 'User Login',
  'session.fail': 'Failed Login Attempt',
  'session.revoke': 'User Logout',
  'user.password': 'Password Changed',
  'employee.create': 'Employee Created',
  'employee.update': 'Employee Updated',
  'employee.deactivate': 'Employee Deactivated',
  'employee.activate': 'Employee Activated',
  'employee.remove': 'Employee Deleted',
  'employee.restore': 'Employee Restored',
  'employee.bulk-create': 'Bulk User Creation',
  'attendance.mark': 'ATTENDANCE_MARKED',
  'attendance.check-out': 'ATTENDANCE_CHECKOUT',
  'attendance.auto-half-day': 'AUTO_HALF_DAY',
  'attendance.correct': 'Attendance Status Updated by Admin',
  'attendance.confirm': 'DC_CONFIRMATION',
  'attendance.approve': 'Bulk Attendance Approval',
  'leave.apply': 'LEAVE_APPLIED',
  'policy.update': 'Policy Updated',
  'preserve.backup': 'Preserve Backup',
  'preserve.restore': 'Preserve Restore',
  'preserve.ensure': 'Preserve Ensure',
  'satshine.seed': 'Seed',
}

/** The word for an entry; what the older application did not know keeps its own name. */
export function wordOf({ action, detail }: Pick<LogEntry, 'action' | 'detail'>): string {
  if (action === 'leave.decide') return detail?.decision === 'approve' ? 'Leave Request Approved' : 'Leave Request Rejected'
  return words[action] ?? action
}
