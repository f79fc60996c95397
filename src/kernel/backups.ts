/** Where a stream stood when a snapshot was taken. */
export type BackupHead = { tenantId: string; stream: string; sequence: number; hash: string }

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

export type Backups = {
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
  /** When the newest proven snapshot was proven, as far as is known without asking the targets. */
  newestProvenAt(): string | null
}
