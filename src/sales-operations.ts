import { assignCampaigns, assignContacts } from './assignment/assign.ts'
import { bulkAssign } from './assignment/bulk.ts'
import { handOver } from './assignment/hand-over.ts'
import { listHistory } from './assignment/history.ts'
import { listAssignees, listAssignments } from './assignment/list.ts'
import { handOutContacts } from './assignment/native.ts'
import { removeCampaignAssignment, removeContactAssignment } from './assignment/remove.ts'
import { undoHandOut } from './assignment/undo.ts'
import { createCampaign, getCampaign, listCampaigns, removeCampaign, updateCampaign } from './campaign/operations.ts'
import { listCampaignPeople } from './campaign/people.ts'
import { changeOwnPassword, getAgent, signIn } from './contact/account.ts'
import { createLeads } from './contact/bulk.ts'
import { getCommission } from './contact/commission.ts'
import { createAgent } from './contact/create-agent.ts'
import { getDashboard } from './contact/dashboard.ts'
import { exportContacts, importContacts, undoImport } from './contact/import-contacts.ts'
import { listAgents } from './contact/list-agents.ts'
import { createContact, getContact, listContacts, removeContact, updateContact } from './contact/native.ts'
import { listLeads, searchLeads } from './contact/read-leads.ts'
import { sendDocs } from './contact/send-docs.ts'
import { getSummary } from './contact/summary.ts'
import { getTags, setTags, tagContacts } from './contact/tags.ts'
import { getManagerSales, getSalesTeams, listManagers } from './contact/teams.ts'
import { updateAgent } from './contact/update-agent.ts'
import { createLead, removeLead, updateLead } from './contact/write-leads.ts'
import type { AnyOperation } from './kernel/operation.ts'
import { completeLink, decideApproval, listApprovals } from './onboarding/complete.ts'
import { createLink, extendLink, getLink, getLinkCode, listLinks, revokeLink } from './onboarding/links.ts'
import { mailLink } from './onboarding/mail.ts'
import { openLink, reportProgress } from './onboarding/public.ts'
import { listCompletions, listVisits } from './onboarding/view.ts'

/** Campaigns, contacts, assignments and onboarding links. */
export const salesOperations: readonly AnyOperation[] = [
  signIn,
  getAgent,
  changeOwnPassword,
  createAgent,
  listAgents,
  updateAgent,
  listLeads,
  searchLeads,
  createLead,
  createLeads,
  updateLead,
  removeLead,
  sendDocs,
  getSummary,
  getDashboard,
  getSalesTeams,
  listManagers,
  getManagerSales,
  getCommission,
  createCampaign,
  listCampaigns,
  getCampaign,
  listCampaignPeople,
  updateCampaign,
  removeCampaign,
  createContact,
  listContacts,
  getContact,
  updateContact,
  removeContact,
  importContacts,
  undoImport,
  exportContacts,
  getTags,
  setTags,
  tagContacts,
  listAssignees,
  listAssignments,
  assignCampaigns,
  assignContacts,
  removeCampaignAssignment,
  removeContactAssignment,
  bulkAssign,
  handOutContacts,
  undoHandOut,
  handOver,
  listHistory,
  createLink,
  listLinks,
  getLink,
  revokeLink,
  extendLink,
  getLinkCode,
  listVisits,
  listCompletions,
  openLink,
  reportProgress,
  completeLink,
  listApprovals,
  mailLink,
  decideApproval,
]
