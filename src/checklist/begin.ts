import { boundsProblem, checkSize } from '../document/check.ts'
import { AppError } from '../kernel/errors.ts'
import { type ChecklistData, type ChecklistDocument, documentOf, TwiceNamed } from './shape.ts'

const invalid = (field: string, message: string) =>
  new AppError('unprocessable', 'validation_failed', `${field}: ${message}`, { errors: [{ field, message }] })

/**
 * The first version of a document, within the bounds that its edits are held to: else it could be made and never be edited. `field` is what a refusal names. Errors: `validation_failed` for an id named twice or
 * too many items, `document_too_large`.
 */
export function firstVersion(data: ChecklistData, newId: () => string, field: string): ChecklistDocument {
  let document: ChecklistDocument
  try {
    document = documentOf(data, newId)
  } catch (error) {
    if (error instanceof TwiceNamed) throw invalid(field, `names the id ${error.message} twice`)
    throw error
  }
  const problem = boundsProblem(document)
  if (problem !== null) throw invalid(field, problem)
  checkSize(document)
  return document
}
