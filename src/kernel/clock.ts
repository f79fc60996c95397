/**
 * Two times (contracts/README.md): `business` rules records, policies and licences and can be frozen in tests; `real` rules tokens, locks and the log.
 * Both are milliseconds since the Unix epoch.
 */
export type Clock = { businessMs(): number; realMs(): number }

/** `frozen` is `HOLDFAST_TEST_CLOCK`, which config.ts passes on only when `NODE_ENV=test`. */
export function createClock(frozen: number | null = null): Clock {
  return { businessMs: () => frozen ?? Date.now(), realMs: () => Date.now() }
}

/** RFC 3339, UTC, milliseconds. */
export const toTime = (ms: number): string => new Date(ms).toISOString()
