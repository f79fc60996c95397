/** A file of a backup: `name` is relative to the target, with `/` between folders; `bytes` is its size. */
export type TargetFile = { name: string; bytes: number }

/** The bytes of a file, as they are produced. */
export type TargetBody = Uint8Array | AsyncIterable<Uint8Array>

/**
 * Where backups go: immutable named files (native-api.md section 5). A name is 1 to 400 characters, segments of `A-Za-z0-9._-` divided by `/`, none of which begins with a dot; any other is a
 * programming error and throws, so that no file of a backup leads outside of its target.
 *
 * Errors of every method: `target_unreachable` (unavailable), whose message names the target and the remedy; an outage never looks like an absent file.
 */
export interface Target {
  /** Where it is, as operators write it: `file:/srv/backups`, `s3://bucket/prefix`. Never a secret. */
  readonly url: string
  /** Checks that files can be written and listed. */
  open(): Promise<void>
  /**
   * Stores a file that is not there yet, and resolves when it is durable: `stored`, or `exists` when the name is taken, whatever is in it. Until then nobody sees any of it. Of several at once
   * one stores. Errors: `target_full` (no_space).
   */
  put(name: string, body: TargetBody): Promise<'stored' | 'exists'>
  /** The bytes of a file from its beginning, or null when it is absent. They must be read, at least in part: an unread file stays open. */
  read(name: string): Promise<AsyncIterable<Uint8Array> | null>
  /** All files whose names begin with `prefix` and come after `after`, in the order of their names (code points). What begins with a dot is no part of a backup. */
  list(prefix: string, after?: string): AsyncIterable<TargetFile>
  /** After this nobody can read the file. An absent one is no error. Errors: `target_locked` (conflict) for one that its place keeps until a time; it is as it was. */
  remove(name: string): Promise<void>
}

const segment = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/

export const isTargetName = (name: string): boolean => name.length <= 400 && name.split('/').every((part) => segment.test(part))

/** Refuses what is no name of a file in a target. */
export function assertTargetName(name: string): void {
  if (!isTargetName(name)) throw new Error(`${JSON.stringify(name)} is no name of a file in a backup`)
}
