import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'

const time = z.iso.datetime({ precision: 3 })
const text = z.string().nullable()

export const priorities = ['low', 'medium', 'high', 'urgent'] as const
export const submissionStatuses = ['draft', 'submitted', 'under_review', 'requires_changes', 'approved', 'rejected'] as const
export const levels = ['user', 'manager', 'supervisor', 'administrator'] as const

export const approvalStep = z.object({
  id: z.string(),
  order: z.int(),
  approverId: text,
  approverRole: z.enum(levels),
  status: z.enum(['pending', 'approved', 'rejected', 'skipped']),
  notes: text,
  approvedAt: text,
  deadline: z.string(),
})
export const historyStep = z.object({ status: z.string(), by: text, at: z.string(), notes: text })

/** A checklist and its submission, which are one: same id, same commit (contracts/prework.md sections 6 and 7). What it says is in its document. */
export const Checklist = entity('checklist', {
  table: 'checklists',
  fields: {
    /** The author. */
    userId: z.uuid(),
    status: z.enum(submissionStatuses),
    priority: z.enum(priorities),
    dueDate: time.nullable(),
    category: text,
    tags: z.array(z.string()),
    value: z.number().nullable(),
    templateId: text,
    templateVersion: z.int().nullable(),
    description: text,
    location: z.object({ latitude: z.number().nullable(), longitude: z.number().nullable(), address: text }).nullable(),
    customFields: z.record(z.string(), z.unknown()),
    reviewerId: text,
    reviewNotes: text,
    reviewedAt: time.nullable(),
    submittedBy: text,
    submittedAt: time.nullable(),
    completedAt: time.nullable(),
    approvalSteps: z.array(approvalStep),
    history: z.array(historyStep),
  },
  belongsTo: { userId: 'user' },
  indexes: { byAuthor: ['userId'], byStatus: ['status'] },
})
export type ChecklistRow = Entity<typeof Checklist>

/**
 * How far a checklist's document is. What it says is the milestone at or before a version and the edits since (src/document). `title` and `progress` are those of the newest version, for lists.
 */
export const LiveDocument = entity('document', {
  table: 'documents',
  fields: {
    documentVersion: z.int(),
    /** The newest version there ever was: a restore takes the others back, and not this one, so that no version is given twice. */
    topVersion: z.int(),
    /** The oldest version that the edits go back to. */
    floorVersion: z.int(),
    title: z.string(),
    progress: z.int(),
  },
  belongsTo: { id: 'checklist' },
  onward: ['topVersion'],
})
export type LiveDocumentRow = Entity<typeof LiveDocument>

/** A checklist to begin with. */
export const ChecklistTemplate = entity('checklist_template', {
  table: 'checklist_templates',
  fields: {
    title: z.string(),
    description: z.string(),
    category: text,
    difficulty: z.enum(['easy', 'medium', 'hard']),
    estimatedDuration: z.int().nullable(),
    tags: z.array(z.string()),
    sections: z.array(z.record(z.string(), z.unknown())),
  },
})
export type TemplateRow = Entity<typeof ChecklistTemplate>

export const workStatuses = ['assigned', 'in_progress', 'completed'] as const

/** Who shall work on a checklist. */
export const WorkAssignment = entity('work_assignment', {
  table: 'work_assignments',
  fields: {
    checklistId: z.uuid(),
    teamId: z.uuid().nullable(),
    assignedTo: z.array(z.string()),
    assignedBy: z.string(),
    dueDate: time.nullable(),
    priority: z.enum(priorities),
    status: z.enum(workStatuses),
    notes: text,
    completedAt: time.nullable(),
    history: z.array(z.object({ status: z.string(), updatedBy: z.string(), notes: text, timestamp: z.string() })),
  },
  belongsTo: { checklistId: 'checklist' },
  indexes: { byChecklist: ['checklistId'], byTeam: ['teamId'] },
})
export type WorkAssignmentRow = Entity<typeof WorkAssignment>

/** A person or team that an assignment names: by these rows one finds what is theirs. Its id follows from both. */
export const WorkTarget = entity('work_target', {
  table: 'work_targets',
  fields: { assignmentId: z.uuid(), checklistId: z.uuid(), kind: z.enum(['user', 'team']), targetId: z.uuid() },
  belongsTo: { assignmentId: 'work_assignment' },
  indexes: { byTarget: ['targetId'], byChecklist: ['checklistId'], byAssignment: ['assignmentId'] },
})
export type WorkTargetRow = Entity<typeof WorkTarget>
