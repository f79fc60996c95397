import type { Head } from '../storage/port.ts'
import { AppError } from './errors.ts'

/** Where a stream stood when a snapshot was taken. */
export type BackupHead = { tenantId: string; stream: string; sequence: number; hash: string; time: string }

/** A snapshot in one target. `provenAt` is when it was last restored and compared there, or null. */
export type Backup = {
  id: string
  target: string
  createdAt: string
  provenAt: string | null
  bytes: number
  files: number
  entities: Record<string, number>
  heads: readonly BackupHead[]
  /** Rows of each tenant by entity. */
  tenants: Record<string, Record<string, number>>
}

/** What a restore to the side found. */
export type Proof = {
  ok: boolean
  id: string
  entities: Record<string, number>
  seconds: number
  problems: { part: string; detail: string }[]
}

/** native-api.md section 5. `gap`: entries that no segment holds. `foreign`: not written by this instance. */
export type FileProblem = { file: string; code: 'changed' | 'truncated' | 'missing' | 'gap' | 'foreign'; detail: string }

export type Verified = { ok: boolean; files: number; bytes: number; problems: FileProblem[] }

type Progress = (done: number) => void

/** A moment to go back to; absent = now, which heals what was lost and changes nothing else. */
export type At = { snapshot: string } | { time: string } | { sequence: number }

/** Which rows of a tenant are meant. */
export type Scope =
  | { kind: 'tenant' }
  /** `user` is an id or a username. */
  | { kind: 'user'; user: string }
  | { kind: 'record'; type: string; id: string }
  /** Exactly these rows, as long as they are in the version that is named, or absent for null: what a restore wrote. */
  | { kind: 'rows'; rows: readonly { type: string; id: string; version: number | null }[] }

type StoredFields = { readonly id: string; readonly [field: string]: unknown }

/** One row that is other than it was. `before` is the row as it is now, `after` as it was. */
export type RowDifference =
  | { op: 'insert'; type: string; after: StoredFields }
  | { op: 'update'; type: string; before: StoredFields; after: StoredFields }
  | { op: 'remove'; type: string; before: StoredFields }

/** What would be done. `sequence` is that of the last entry which counts; `kept` rows stay deleted, because that was done on purpose. */
export type Planned = { sequence: number; inserted: number; updated: number; removed: number; kept: number; isFound: boolean }

export type Plan = Planned & {
  differences(): AsyncIterable<RowDifference>
  /** Takes the plan away. */
  dispose(): Promise<void>
}

/** Signed heads out of the database's reach: what the log was. */
export type Anchors = {
  target: string
  /** The sequences that there is a head of, by stream. */
  streams: ReadonlyMap<string, readonly number[]>
  /** The head of an entry, or null when the file is absent, damaged or not signed by this instance. Errors: those of a target. */
  head(stream: string, sequence: number): Promise<Head | null>
}

/** Copies of objects in every target (objects/port.ts). A key never holds other bytes, so a copy that is there is the right one. */
export type ObjectCopies = {
  /** Resolves when every target has it. `open` is called by each target that has no copy yet. Errors: those of a target; the others have it all the same. */
  put(tenantId: string, key: string, open: () => Promise<AsyncIterable<Uint8Array>>): Promise<void>
  /** The bytes, from the first target that has them undamaged; null when none has. Errors: those of a target. */
  read(tenantId: string, key: string): Promise<Uint8Array | null>
  /** Whatever begins with this, out of every target. Errors: `target_locked`, those of a target. */
  remove(tenantId: string, stem: string): Promise<void>
}

export type Backups = {
  objects: ObjectCopies
  /** Takes a snapshot, copies it to every target, and proves it in each. Resolves to that of the first target which has a proven one. Errors: `backup_running`, `backup_failed`. */
  create(progress?: Progress): Promise<Backup>
  /** Newest first, of every target or one. Errors: those of a target. */
  list(url?: string): Promise<Backup[]>
  /** Every byte of a snapshot, or of all of them, and of the log. Errors: `not_found`. */
  verify(where: { id: string | null; url?: string }, progress?: Progress): Promise<Verified>
  /** Restores a snapshot to the side and compares; the newest when no id is given. Errors: `not_found`. */
  prove(where: { id: string | null; url?: string }, progress?: Progress): Promise<Proof>
  /** Removes what is too much: by the settings, or all but the newest `keep` proven ones. */
  prune(how: { keep: number | null; dryRun: boolean }): Promise<{ kept: string[]; removed: string[] }>
  /** Works out what has to be done to a tenant's rows so that they are what they were; changes nothing. Errors: `not_found`, `restore_point`, those of the backup. */
  plan(what: { tenantId: string; at: At | null; scope: Scope; includeRemoved: boolean; url?: string }, progress?: Progress): Promise<Plan>
  /** The heads of the log that stand in every target, or one, of all streams or one. Errors: those of a target. */
  anchors(where: { url?: string; stream?: string }): Promise<readonly Anchors[]>
  /** How many of a tenant's rows are not what backups and log say, those apart that come and go with sign-ins. Nobody waits for it. Errors: as `plan`. */
  differing(tenantId: string): Promise<number>
  /** What keeps a snapshot from being read with the present recovery kit alone, in words, or null. Errors: those of the target. */
  openedByKit(snapshot: { id: string; target: string }): Promise<string | null>
  /** When the newest proven snapshot was proven, as far as is known without asking the targets. */
  newestProvenAt(): string | null
  /** Where backups go, as the settings name it. */
  targets(): readonly string[]
}

/** The refusal where none are made. */
export const backupsOff = (): AppError =>
  new AppError(
    'conflict',
    'backups_off',
    'No backups are made here: HOLDFAST_BACKUP is off, or this is a function (AWS Lambda). Name a folder or bucket there, or ask a server that makes them.',
  )
