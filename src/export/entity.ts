import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'

export const formats = ['pdf', 'csv', 'json', 'xlsx'] as const
export const templates = ['professional', 'minimal', 'detailed', 'executive'] as const
export const pageSizes = ['A4', 'Letter', 'Legal'] as const
export const orientations = ['portrait', 'landscape'] as const

/** A document that was made of something: its bytes are an object until it expires. A restore revives none, whose bytes may be gone. */
export const Export = entity('export', {
  table: 'exports',
  fields: {
    userId: z.string(),
    entityType: z.enum(['checklist', 'submission', 'attendance', 'audit']),
    /** Null: of the whole tenant. */
    entityId: z.uuid().nullable(),
    format: z.enum(formats),
    template: z.enum(templates),
    pageSize: z.enum(pageSizes),
    orientation: z.enum(orientations),
    fileName: z.string(),
    contentType: z.string(),
    byteSize: z.int(),
    checksum: z.string(),
    objectKey: z.string(),
    expiresAt: z.iso.datetime({ precision: 3 }),
    /** What is made by a job is running until its bytes are there. */
    state: z.enum(['running', 'completed']).default('completed'),
    jobId: z.uuid().nullable(),
    /** What was asked for, beside the form. */
    criteria: z.record(z.string(), z.string()).default({}),
  },
  belongsTo: { entityId: 'checklist' },
  transient: true,
  indexes: { byEntity: ['entityId'], byUser: ['userId', 'expiresAt'] },
})
export type ExportRow = Entity<typeof Export>

/** An address by which anybody gets one document until it expires or is taken back. Named by the SHA-256 of its token. */
export const ExportLink = entity('export_link', {
  table: 'export_links',
  id: 'text',
  fields: { exportId: z.uuid(), createdBy: z.string(), expiresAt: z.iso.datetime({ precision: 3 }) },
  belongsTo: { exportId: 'export' },
  transient: true,
  indexes: { byExport: ['exportId'], byExpiry: ['expiresAt'] },
  directory: { byId: { fields: ['id'] } },
})
export type ExportLinkRow = Entity<typeof ExportLink>
