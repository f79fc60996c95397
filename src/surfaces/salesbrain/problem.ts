import type { Surface } from '../../http/route.ts'
import type { AppError } from '../../kernel/errors.ts'
import { wireField } from './shapes.ts'

type Answer = ReturnType<Surface['problem']>

/** Texts that hold what this dialect calls invalid, where the rest of us calls them malformed. */
const isBadText = ({ code, errors = [], message }: AppError): boolean =>
  (code === 'bad_json' && errors.length > 0) || (code === 'bad_request' && message.includes('NUL'))

/** An error in this dialect (contracts/salesbrain.md section 1): fields are named as they are sent. */
export function problem(error: AppError): Answer & { errors?: { field: string; message: string }[] } {
  const errors = error.errors?.map(({ field, message }) => ({ field: wireField(field), message }))
  const [first] = errors ?? []
  const isInvalid = error.code === 'validation_failed' || isBadText(error)
  return {
    status: isBadText(error) ? 422 : error.status,
    ...(isBadText(error) ? { code: 'validation_failed' } : {}),
    detail: isInvalid && first !== undefined ? `${first.field || 'The body'}: ${first.message}` : error.message,
    ...(errors === undefined || errors.length === 0 ? {} : { extra: { errors } }),
  }
}
