import { AppError } from '../kernel/errors.ts'
import type { Storage, Transfer } from '../storage/port.ts'

/** A target that cannot be reached is said to be that: with the source's own outages it shares nothing but the words. */
const unreachable = (error: unknown): unknown =>
  error instanceof AppError && error.kind === 'unavailable' && !lasting.has(error.code)
    ? new AppError(
        'partner',
        'move_target_unreachable',
        `The target cannot be used: ${error.message} Run the move again then: it goes on where it is.`,
        {
          cause: error,
        },
      )
    : error

/** Refusals that waiting does not mend; their own words and exit code say more. */
const lasting: ReadonlySet<string> = new Set(['schema_refused', 'storage_damaged', 'storage_version', 'storage_settings', 'storage_unsafe'])

/** Runs what needs the target. Errors: `move_target_unreachable` for an outage, everything else as it is. */
export async function reaching<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw unreachable(error)
  }
}

/** The target with every outage of its transfer named as the target's. */
export function asTarget(storage: Storage): Storage {
  const transfer = storage.transfer()
  const named: Transfer = {
    ...transfer,
    state: () => reaching(() => transfer.state()),
    rows: (type, query) => reaching(() => transfer.rows(type, query)),
    sequences: (query) => reaching(() => transfer.sequences(query)),
    begin: () => reaching(() => transfer.begin()),
    load: (batch) => reaching(() => transfer.load(batch)),
    finish: () => reaching(() => transfer.finish()),
  }
  return { ...storage, transfer: () => named }
}
