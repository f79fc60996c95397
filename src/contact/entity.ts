import { z } from 'zod'
import { type BaseRow, type Entity, entity, fold } from '../kernel/entity.ts'
import { contactStatuses, handoutSort, isIn, leadStatuses, priorities } from './rules.ts'

const time = z.iso.datetime({ precision: 3 })
const text = z.string().nullable()

/** Separates fields of a search text. No value of a surface holds it, so that no match spans two fields. */
export const searchBreak = '\u001f'

const searchable = (values: readonly (string | null)[]): string => fold(values.map((value) => value ?? '').join(searchBreak))

/** A person or practice to be worked on; with a pipeline status (`leadStatus`) it is a lead. Absent texts are null. Imported rows may be odder than what surfaces accept. */
export const Contact = entity('contact', {
  table: 'contacts',
  fields: {
    number: z.int(),
    email: text,
    firstName: text,
    lastName: text,
    company: text,
    phone: text,
    /** Whether one may write to this contact; not to be taken for the pipeline's `leadStatus`. */
    status: z.enum(contactStatuses),
    /** 0–999.99, for sharing contacts out by worth; not to be taken for a lead's `score`. */
    leadScore: z.number(),
    /** The primary owner: the assigned user of other surfaces. */
    ownerId: z.uuid().nullable(),
    assignedAt: time.nullable(),
    leadStatus: z.enum(leadStatuses).nullable(),
    priority: z.enum(priorities).nullable(),
    /** 0–100. */
    score: z.int().nullable(),
    practiceName: text,
    ownerName: text,
    practicePhone: text,
    address: text,
    city: text,
    state: text,
    zipCode: text,
    specialty: text,
    ptan: text,
    einTin: text,
    npi: text,
    fax: text,
    ownerPhone: text,
    source: text,
    leadType: text,
    docsSent: z.boolean(),
    docsSentAt: time.nullable(),
    docsSentBy: text,
    /** Someone is sending the documents since then (real time). */
    docsClaimedAt: time.nullable(),
    closedAt: time.nullable(),
    closedById: z.uuid().nullable(),
    closedByName: text,
    autoConverted: z.boolean(),
    conversionReason: text,
    createdById: z.uuid().nullable(),
    createdByName: text,
    importId: z.uuid().nullable(),
    /** Tags, each between two `searchBreak`s (tags.ts). */
    tags: text,
    /** Where an imported row came from, `vantagepoint:17`, so that a second import passes it over. */
    legacyId: text,
    emailFold: text,
    /** What a search for contacts looks through; `leadFold` is what a search for leads does. */
    searchText: z.string(),
    leadFold: text,
    /** The number of a visible lead; null keeps the row out of every list and count of leads. */
    leadSort: z.int().nullable(),
    /** When a visible lead was created. */
    recentSort: time.nullable(),
    /** When a won lead was closed. */
    wonSort: time.nullable(),
    handoutSort: text,
  },
  unique: { number: ['number'], legacy: ['legacyId'] },
  indexes: {
    byLead: ['leadSort'],
    byOwner: ['ownerId', 'leadSort'],
    byStatus: ['leadStatus', 'priority'],
    byOwnerStatus: ['ownerId', 'leadStatus', 'priority'],
    byRecent: ['recentSort'],
    byOwnerRecent: ['ownerId', 'recentSort'],
    byWon: ['wonSort'],
    byCloser: ['closedById', 'wonSort'],
    byHandout: ['handoutSort'],
    byEmail: ['emailFold'],
    byImport: ['importId'],
  },
  belongsTo: { ownerId: 'user' },
  names: { createdByName: 'createdById', closedByName: 'closedById' },
  internal: ['docsClaimedAt', 'createdById', 'legacyId', 'tags'],
  derived: {
    emailFold: (row) => (row.email === null ? null : fold(row.email)),
    searchText: (row) => searchable([row.email, row.firstName, row.lastName, row.company, row.practiceName, row.ownerName]),
    leadFold: (row) =>
      row.leadStatus === null
        ? null
        : searchable([row.practiceName, row.ownerName, row.specialty, row.city, row.state, row.leadStatus, row.priority]),
    leadSort: (row) => (isIn('visible', row.leadStatus) ? row.number : null),
    recentSort: (row) => (isIn('visible', row.leadStatus) ? (row as unknown as BaseRow).createdAt : null),
    wonSort: (row) => (isIn('won', row.leadStatus) ? row.closedAt : null),
    handoutSort,
  },
  sequence: 'number',
})

export type ContactRow = Entity<typeof Contact>

/** A contact of which nothing is known yet, to be spread under what is. */
export const blankContact = {
  email: null,
  firstName: null,
  lastName: null,
  company: null,
  phone: null,
  status: 'active',
  leadScore: 0,
  ownerId: null,
  assignedAt: null,
  leadStatus: null,
  priority: null,
  score: null,
  practiceName: null,
  ownerName: null,
  practicePhone: null,
  address: null,
  city: null,
  state: null,
  zipCode: null,
  specialty: null,
  ptan: null,
  einTin: null,
  npi: null,
  fax: null,
  ownerPhone: null,
  source: null,
  leadType: null,
  docsSent: false,
  docsSentAt: null,
  docsSentBy: null,
  docsClaimedAt: null,
  closedAt: null,
  closedById: null,
  closedByName: null,
  autoConverted: false,
  conversionReason: null,
  createdById: null,
  createdByName: null,
  importId: null,
  tags: null,
  legacyId: null,
} as const
