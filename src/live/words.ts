import { AppError } from '../kernel/errors.ts'

export const collection = 'checklists'

/** An error as ShareDB tells it: its code and words, and never a stack. */
export function wireError(error: unknown): { code: string; message: string } {
  if (error instanceof AppError) {
    const code = error.code === 'checklist_not_found' ? 'not_found' : error.code
    return { code, message: error.message }
  }
  return { code: 'internal', message: 'Something went wrong on our side.' }
}

/** What ShareDB refuses by itself, in the words of the contract. */
const ownCodes: Readonly<Record<string, string>> = {
  ERR_OT_OP_NOT_APPLIED: 'invalid_operation',
  ERR_OT_OP_BADLY_FORMED: 'invalid_operation',
  ERR_OT_OP_NOT_PROVIDED: 'invalid_operation',
  ERR_MESSAGE_BADLY_FORMED: 'invalid_operation',
  ERR_OP_VERSION_NEWER_THAN_CURRENT_SNAPSHOT: 'version_mismatch',
}
export const knownCode = (code: string): string => ownCodes[code] ?? code

export const refusedKind = () =>
  new AppError('forbidden', 'forbidden', 'Documents are fetched, followed and edited here, and nothing else.')
