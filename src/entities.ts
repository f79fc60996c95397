import { ApiKey } from './apikey/entity.ts'
import { Appointment, NewestAppointment } from './appointment/entity.ts'
import { AssignmentStep, CampaignAssignment, ContactAssignment, HandOut, HandOutClock, Workload } from './assignment/entity.ts'
import { Attendance } from './attendance/entity.ts'
import { Campaign } from './campaign/entity.ts'
import { Checklist, ChecklistTemplate, LiveDocument, WorkAssignment, WorkTarget } from './checklist/entity.ts'
import { Contact } from './contact/entity.ts'
import { ContactImport, ContactImportChange } from './contact/import-entity.ts'
import { Edit, Milestone } from './document/entity.ts'
import { Employee } from './employee/entity.ts'
import { Erasure } from './erasure/entity.ts'
import { Export, ExportLink } from './export/entity.ts'
import { Job } from './job/entity.ts'
import { Counter } from './kernel/change.ts'
import type { AnyEntity } from './kernel/entity.ts'
import { Idempotency } from './kernel/idempotency.ts'
import { Leave, LeaveBook } from './leave/entity.ts'
import { Media } from './media/entity.ts'
import { OnboardingCompletion, OnboardingLink, OnboardingPassage, OnboardingVisit, OnboardingVisitor } from './onboarding/entity.ts'
import { AttendancePolicy, Holiday } from './policy/entity.ts'
import { Profile } from './profile/entity.ts'
import { PasswordReset, RefreshToken, Session, SigningKeyRow, Throttle, Ticket } from './session/entity.ts'
import { StaffMember } from './session/staff.ts'
import { Team, TeamInvitation, TeamMember } from './team/entity.ts'
import { Tenant } from './tenant/entity.ts'
import { Credential, User } from './user/entity.ts'
import { DeadLetter, Webhook, WebhookCursor } from './webhook/entity.ts'

/** Everything that is stored. Engines derive their tables from it, checks and backups walk it. */
export const entities: readonly AnyEntity[] = [
  Tenant,
  User,
  Credential,
  Erasure,
  Employee,
  AttendancePolicy,
  Holiday,
  Attendance,
  Leave,
  LeaveBook,
  Contact,
  Campaign,
  CampaignAssignment,
  ContactAssignment,
  Workload,
  HandOutClock,
  HandOut,
  AssignmentStep,
  Team,
  TeamMember,
  TeamInvitation,
  Profile,
  Checklist,
  LiveDocument,
  Milestone,
  Edit,
  Media,
  Export,
  ExportLink,
  ChecklistTemplate,
  WorkAssignment,
  WorkTarget,
  OnboardingLink,
  OnboardingVisit,
  OnboardingVisitor,
  OnboardingPassage,
  OnboardingCompletion,
  ContactImport,
  ContactImportChange,
  Appointment,
  NewestAppointment,
  Job,
  Session,
  RefreshToken,
  Ticket,
  PasswordReset,
  ApiKey,
  Webhook,
  WebhookCursor,
  DeadLetter,
  StaffMember,
  Throttle,
  Idempotency,
  SigningKeyRow,
  Counter,
]
