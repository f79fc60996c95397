import type { AppError, ErrorKind } from '../kernel/errors.ts'

/** What a command ends with (native-api.md section 6). */
export const exitCodes = { done: 0, failed: 1, usage: 2, damage: 3, notFound: 4, refused: 5, key: 6, inUse: 7, unreachable: 8 } as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Codes that mean more than their kind. */
const byCode: Readonly<Record<string, ExitCode>> = {
  usage: exitCodes.usage,
  bad_setting: exitCodes.usage,
  unreadable_event: exitCodes.usage,
  storage_damaged: exitCodes.damage,
  seal_broken: exitCodes.damage,
  wrong_key: exitCodes.key,
  missing_key: exitCodes.key,
  kms_refused: exitCodes.key,
  kms_unreachable: exitCodes.unreachable,
  target_unreachable: exitCodes.unreachable,
  backup_failed: exitCodes.unreachable,
  backup_damaged: exitCodes.damage,
  backup_incomplete: exitCodes.damage,
  backup_foreign: exitCodes.damage,
  backup_wrong_key: exitCodes.key,
  folder_in_use: exitCodes.inUse,
  move_differs: exitCodes.damage,
  move_source_damaged: exitCodes.damage,
  storage_moved: exitCodes.refused,
  /** vantagepoint.md, section 9. */
  seed_name_taken: exitCodes.failed,
  import_not_json: exitCodes.failed,
  /** fsm.md, section 6. */
  import_file: exitCodes.usage,
}

const byKind: Readonly<Partial<Record<ErrorKind, ExitCode>>> = {
  not_found: exitCodes.notFound,
  invalid: exitCodes.refused,
  unauthenticated: exitCodes.refused,
  forbidden: exitCodes.refused,
  conflict: exitCodes.refused,
  gone: exitCodes.refused,
  stale: exitCodes.refused,
  too_large: exitCodes.refused,
  unprocessable: exitCodes.refused,
  limited: exitCodes.refused,
  partner: exitCodes.unreachable,
  no_space: exitCodes.unreachable,
}

export const exitCodeOf = ({ code, kind }: Pick<AppError, 'code' | 'kind'>): ExitCode => byCode[code] ?? byKind[kind] ?? exitCodes.failed
