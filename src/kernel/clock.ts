/**
 * Two times (contracts/README.md): `business` rules records, policies and licences and can be frozen in tests; `real` rules tokens, locks and the log.
 * Both are milliseconds since the Unix epoch.
 */
export type Clock = { businessMs(): number; realMs(): number }

/** `frozen` is `HOLDFAST_TEST_CLOCK`, which config.ts passes on only when `NODE_ENV=test`. */
export function createClock(frozen: number | null = null): Clock {
  return { businessMs: () => frozen ?? Date.now(), realMs: () => Date.now() }
}

let last = { ms: 0, text: new Date(0).toISOString() }

/** RFC 3339, UTC, milliseconds. Requests come many to a millisecond, so the last one is remembered. */
export function toTime(ms: number): string {
  if (ms !== last.ms) last = { ms, text: new Date(ms).toISOString() }
  return last.text
}
