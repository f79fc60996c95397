import type { LogEntry, LoggedEntry } from './port.ts'

/** An entry as it is stored. It is parsed when someone looks into it: whoever ships the log only hands on its text. */
export function loggedEntry(text: string, hash: string, secrets: string | null): LoggedEntry {
  let parsed: LogEntry | null = null
  return {
    get entry() {
      parsed ??= JSON.parse(text) as LogEntry
      return parsed
    },
    text,
    hash,
    secrets,
  }
}
