import type { LiveDocumentRow } from '../checklist/entity.ts'
import type { ChecklistDocument } from '../checklist/shape.ts'
import type { Context, Runtime } from '../kernel/context.ts'
import type { TenantStore } from '../storage/port.ts'
import { Edit, type EditRow, Milestone, type MilestoneRow } from './entity.ts'
import { apply } from './json1.ts'

/** A milestone every so many versions: nobody reads more edits than these to know what a document says. */
export const milestoneEvery = 100

/** How many of a document's newest versions are kept at hand, and of how many documents. */
const keptVersions = 256
const keptDocuments = 500

type Version = { content: ChecklistDocument; edit: EditRow | null }
/** What is known of one document. A version never changes, so nothing in here can be stale; what the newest one is, the row says. */
type Known = { floor: number; newest: number; versions: Map<number, Version> }

const known = new WeakMap<Runtime, Map<string, Known>>()

export type Place = Pick<Context, 'store' | 'runtime'>

function knownOf({ runtime, store }: Place, { id, floorVersion, documentVersion }: LiveDocumentRow): Known {
  const all = known.get(runtime) ?? new Map<string, Known>()
  known.set(runtime, all)
  const key = `${store.tenantId} ${id}`
  let found = all.get(key)
  all.delete(key)
  // taken back by a restore: what came later is no more
  if (found === undefined || found.floor !== floorVersion || found.newest > documentVersion)
    found = { floor: floorVersion, newest: 0, versions: new Map() }
  all.set(key, found)
  const [oldest] = all.keys()
  if (all.size > keptDocuments && oldest !== undefined) all.delete(oldest)
  return found
}

export const versionId = (id: string, version: number): string => `${id}:${version}`

/** The version of the milestone that a version is reached from. */
const milestoneOf = ({ floorVersion }: LiveDocumentRow, version: number): number =>
  Math.max(floorVersion, version - (version % milestoneEvery))

const range = (after: number, to: number): number[] => Array.from({ length: Math.max(0, to - after) }, (_, index) => after + 1 + index)

/** What a document says at a version from its floor to its newest, and the edit that made it. */
async function versionOf(place: Place, row: LiveDocumentRow, version: number): Promise<Version> {
  const mine = knownOf(place, row)
  const found = mine.versions.get(version)
  if (found !== undefined) return found
  const milestone = milestoneOf(row, version)
  let from = version
  while (from > milestone && !mine.versions.has(from)) from -= 1
  const start = mine.versions.get(from)
  const ids = range(from, version).map((each) => ({ type: Edit, id: versionId(row.id, each) }))
  const [head, ...edits] = (await place.store.read([
    ...(start === undefined ? [{ type: Milestone, id: versionId(row.id, from) }] : []),
    ...ids,
  ])) as (MilestoneRow | EditRow | null)[]
  const rows = (start === undefined ? edits : [head, ...edits]).filter((each) => each !== undefined) as (EditRow | null)[]
  let content = start?.content ?? (head as MilestoneRow | null)?.content
  for (const [index, edit] of rows.entries()) {
    if (content === undefined || edit === null) throw new Error(`document ${row.id} lacks what made version ${from + 1 + index}`)
    content = apply(content, edit.op as EditRow['op'])
    keep(mine, edit.editVersion, { content, edit })
  }
  if (content === undefined) throw new Error(`document ${row.id} lacks its milestone ${from}`)
  const made = mine.versions.get(version) ?? { content, edit: null }
  keep(mine, version, made)
  return made
}

function keep(mine: Known, version: number, made: Version): void {
  const { versions } = mine
  versions.set(version, made)
  mine.newest = Math.max(mine.newest, version)
  const [first] = versions.keys()
  if (versions.size > keptVersions && first !== undefined) versions.delete(first)
}

export const contentAt = async (place: Place, row: LiveDocumentRow, version: number): Promise<ChecklistDocument> =>
  (await versionOf(place, row, version)).content

/** What the document says now. */
export const contentOf = (place: Place, row: LiveDocumentRow): Promise<ChecklistDocument> => contentAt(place, row, row.documentVersion)

/** Remembers a version that was just made durable, so that nobody has to read it. */
export function made(place: Place, row: LiveDocumentRow, content: ChecklistDocument, edit: EditRow): void {
  keep(knownOf(place, row), row.documentVersion, { content, edit })
}

/** The edits that made the versions after one up to another, in order. Both lie between the floor and the newest. */
export async function editsBetween(place: Place, row: LiveDocumentRow, after: number, to: number): Promise<EditRow[]> {
  const mine = knownOf(place, row)
  const versions = range(after, to)
  const missing = versions.filter((version) => mine.versions.get(version)?.edit == null)
  const read = new Map<number, EditRow>()
  for (const part of parts(missing, 1_000)) for (const edit of await readEdits(place.store, row.id, part)) read.set(edit.editVersion, edit)
  return versions.map((version) => {
    const edit = mine.versions.get(version)?.edit ?? read.get(version)
    if (edit == null) throw new Error(`document ${row.id} lacks what made version ${version}`)
    return edit
  })
}

async function readEdits(store: TenantStore, id: string, versions: readonly number[]): Promise<EditRow[]> {
  const rows = (await store.read(versions.map((version) => ({ type: Edit, id: versionId(id, version) })))) as (EditRow | null)[]
  return rows.filter((row) => row !== null)
}

const parts = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.slice(index * size, (index + 1) * size))
