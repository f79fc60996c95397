import { listRoles } from './access/list-roles.ts'
import { createApiKey, listApiKeys, removeApiKey } from './apikey/operations.ts'
import { createAppointments } from './appointment/create.ts'
import { bookAppointment, getOfferedAppointment } from './appointment/link.ts'
import { listAppointments } from './appointment/list.ts'
import { respondToAppointment } from './appointment/respond.ts'
import { listActivity } from './attendance/activity.ts'
import { approveAttendance } from './attendance/approve.ts'
import { checkOut } from './attendance/check-out.ts'
import { confirmAttendance } from './attendance/confirm.ts'
import { correctAttendance } from './attendance/correct.ts'
import { getAttendanceDashboard, getBackupStatistics, getPersistence, getProgress } from './attendance/counts.ts'
import { listPlaces } from './attendance/geo.ts'
import { markAttendance } from './attendance/mark.ts'
import { getHistory, getOwnHistory, getOwnSummary, listAttendance, listDay } from './attendance/read.ts'
import { reportAttendance } from './attendance/report.ts'
import { followEvents } from './audit/follow.ts'
import { pageAudit } from './audit/offset.ts'
import { checkIntegrity, exportAudit, listAudit, verifyAudit } from './audit/operations.ts'
import { createBackup, listBackups, proveBackup, pruneBackups, verifyBackup } from './backup/operations.ts'
import { createRestore, restoreTenant, undoRestore } from './backup/restore.ts'
import {
  createChecklist,
  getChecklist,
  getChecklistProgress,
  listChecklists,
  removeChecklist,
  updateChecklist,
} from './checklist/operations.ts'
import { getSubmission, listSubmissions, review, submit, updateSubmission } from './checklist/submissions.ts'
import { createTemplate, getTemplate, listTemplates, removeTemplate, updateTemplate } from './checklist/templates.ts'
import { createWork, getTeamAnalytics, getWork, listWork, removeWork, updateWork } from './checklist/work.ts'
import { applyEdit, getDocument, listEdits, readVersion, submitEdit } from './document/operations.ts'
import { restoreDocument } from './document/restore.ts'
import { followSync } from './document/stream.ts'
import { listPresence, sync } from './document/sync.ts'
import { changeEmployeePassword, signInEmployee } from './employee/account.ts'
import { activateEmployee, deactivateEmployee, removeEmployee, restoreEmployee } from './employee/activity.ts'
import { createEmployees } from './employee/bulk.ts'
import { checkContact, checkEmail, checkEmployeeId } from './employee/check.ts'
import { createEmployee } from './employee/create.ts'
import { getEmployee, listEmployees } from './employee/list.ts'
import { updateEmployee } from './employee/update.ts'
import { eraseUser, getErasure } from './erasure/operations.ts'
import { listShares, openShare, shareExport, unshareExport } from './export/links.ts'
import { createExport, getExport, listExports } from './export/operations.ts'
import { getReport, listReports, startAttendanceReport, startAuditReport } from './export/reports.ts'
import { importCompanies } from './import/fsm/import.ts'
import { importUsers } from './import/users.ts'
import { importVantagepoint } from './import/vantagepoint/import.ts'
import { cancelJob, getJob, listJobs, retryJob } from './job/operations.ts'
import type { AnyOperation } from './kernel/operation.ts'
import { applyLeave } from './leave/apply.ts'
import { getLeaveBalance } from './leave/balance.ts'
import { decideLeave } from './leave/decide.ts'
import { listLeave, listLeavePage, listOwnLeave } from './leave/list.ts'
import { reportLeave } from './leave/report.ts'
import { askOlder, putBytes } from './media/older.ts'
import { askMedia, removeMedia } from './media/operations.ts'
import { scrubMedia } from './media/scrub.ts'
import { confirmUpload, requestUpload } from './media/upload.ts'
import { tellMetric } from './metrics/operations.ts'
import { createHoliday, listHolidays, removeHoliday } from './policy/holidays.ts'
import { getPolicy, updatePolicy } from './policy/operations.ts'
import { runPreserve } from './preserve/operations.ts'
import { createPerson, createProfile, deactivatePerson, findPeople, findProfiles, updatePerson, updateProfile } from './profile/people.ts'
import { signInPerson } from './profile/sign-in.ts'
import { salesOperations } from './sales-operations.ts'
import { seedSatshine } from './seed/satshine.ts'
import { seedUsers } from './seed/users.ts'
import { seedVantagepoint } from './seed/vantagepoint.ts'
import { listKeys, rotateKeys } from './session/key-operations.ts'
import { renewSeals } from './session/master-key.ts'
import { getMe, listSessions, revokeAllSessions, revokeCurrentSession, revokeSession, revokeSessionsOf } from './session/operations.ts'
import { createPasswordReset, redeemPasswordReset } from './session/password-reset.ts'
import { refreshSession } from './session/refresh.ts'
import { confirmSecondFactor, getSecondFactor, removeSecondFactor, resetSecondFactor, startSecondFactor } from './session/second-factor.ts'
import { createSession } from './session/sign-in.ts'
import { createStaff } from './session/staff-operations.ts'
import { createTicket } from './session/ticket.ts'
import { acceptInvitation, declineInvitation, invite, listInvitations, listOwnInvitations, revokeInvitation } from './team/invitations.ts'
import { addMembers, createTeam, findTeams, listMembers, removeMember, removeTeam, updateMember, updateTeam } from './team/operations.ts'
import { createCompany } from './tenant/create-company.ts'
import { createTenant, getTenant, listTenants, updateTenant } from './tenant/operations.ts'
import { fetchPartnerToken } from './tenant/partner-token.ts'
import { getCompany, listCompanies, validateLicence } from './tenant/read-company.ts'
import { rotateSecret, updateCompany } from './tenant/update-company.ts'
import { countUsers } from './user/counts.ts'
import { listUsers } from './user/list.ts'
import { createUser, deactivateUser, getUser, updateUser } from './user/operations.ts'
import { explainAccess, getOrganization } from './user/organization.ts'
import { changePassword } from './user/password.ts'
import { countPasswordSchemes } from './user/password-schemes.ts'
import { showUser } from './user/show.ts'
import {
  createWebhook,
  getWebhook,
  listDeadLetters,
  listWebhooks,
  removeDeadLetters,
  removeWebhook,
  replayWebhook,
  resendDeadLetters,
  rotateWebhookSecret,
  updateWebhook,
} from './webhook/operations.ts'

/** Every operation there is, in one list: the command line finds them here by name, tests and descriptions walk it. Each route of each surface names one of these. */
export const operations: readonly AnyOperation[] = [
  ...salesOperations,
  createSession,
  refreshSession,
  listSessions,
  revokeCurrentSession,
  revokeSession,
  revokeAllSessions,
  revokeSessionsOf,
  getMe,
  startSecondFactor,
  confirmSecondFactor,
  removeSecondFactor,
  getSecondFactor,
  resetSecondFactor,

  createUser,
  listUsers,
  countUsers,
  getUser,
  showUser,
  updateUser,
  deactivateUser,
  changePassword,
  createPasswordReset,
  redeemPasswordReset,
  eraseUser,
  getErasure,
  importUsers,
  seedUsers,
  getOrganization,
  explainAccess,
  listRoles,
  countPasswordSchemes,

  createApiKey,
  listApiKeys,
  removeApiKey,

  createWebhook,
  listWebhooks,
  getWebhook,
  updateWebhook,
  removeWebhook,
  rotateWebhookSecret,
  replayWebhook,
  listDeadLetters,
  resendDeadLetters,
  removeDeadLetters,

  listJobs,
  getJob,
  retryJob,
  cancelJob,

  createTenant,
  listTenants,
  getTenant,
  updateTenant,

  validateLicence,
  createCompany,
  getCompany,
  listCompanies,
  updateCompany,
  rotateSecret,
  fetchPartnerToken,
  importCompanies,

  createStaff,
  listKeys,
  rotateKeys,
  renewSeals,

  listAudit,
  verifyAudit,
  exportAudit,
  checkIntegrity,
  followEvents,

  createBackup,
  listBackups,
  verifyBackup,
  proveBackup,
  pruneBackups,
  createRestore,
  undoRestore,
  restoreTenant,

  importVantagepoint,
  seedVantagepoint,

  signInPerson,
  findPeople,
  createPerson,
  updatePerson,
  deactivatePerson,
  findProfiles,
  createProfile,
  updateProfile,
  findTeams,
  createTeam,
  updateTeam,
  removeTeam,
  listMembers,
  addMembers,
  updateMember,
  removeMember,
  listInvitations,
  invite,
  revokeInvitation,
  listOwnInvitations,
  acceptInvitation,
  declineInvitation,
  pageAudit,
  tellMetric,
  listTemplates,
  createTemplate,
  getTemplate,
  updateTemplate,
  removeTemplate,
  listChecklists,
  createChecklist,
  getChecklist,
  updateChecklist,
  removeChecklist,
  getChecklistProgress,
  createWork,
  listWork,
  getWork,
  updateWork,
  removeWork,
  getTeamAnalytics,
  listSubmissions,
  getSubmission,
  updateSubmission,
  submit,
  review,

  signInEmployee,
  changeEmployeePassword,
  createEmployee,
  listEmployees,
  getEmployee,
  updateEmployee,
  deactivateEmployee,
  activateEmployee,
  removeEmployee,
  restoreEmployee,
  createEmployees,
  checkEmployeeId,
  checkContact,
  checkEmail,
  runPreserve,
  seedSatshine,

  markAttendance,
  checkOut,
  listAttendance,
  getOwnHistory,
  getOwnSummary,
  listDay,
  getHistory,
  correctAttendance,
  confirmAttendance,
  approveAttendance,
  getAttendanceDashboard,
  getProgress,
  listPlaces,
  getPersistence,
  getBackupStatistics,
  listActivity,
  reportAttendance,
  reportLeave,
  applyLeave,
  listLeave,
  listOwnLeave,
  getLeaveBalance,
  listLeavePage,
  decideLeave,

  getPolicy,
  updatePolicy,
  listHolidays,
  createHoliday,
  removeHoliday,

  requestUpload,
  confirmUpload,
  askOlder,
  putBytes,
  askMedia,
  removeMedia,
  scrubMedia,
  createExport,
  getExport,
  listExports,
  startAttendanceReport,
  startAuditReport,
  getReport,
  listReports,
  shareExport,
  listShares,
  unshareExport,
  openShare,

  createTicket,
  getDocument,
  listEdits,
  applyEdit,
  submitEdit,
  restoreDocument,
  readVersion,
  sync,
  listPresence,
  followSync,

  createAppointments,
  listAppointments,
  getOfferedAppointment,
  bookAppointment,
  respondToAppointment,
]
