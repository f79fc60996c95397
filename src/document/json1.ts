import { type as json1 } from 'ot-json1'
import type { ChecklistDocument } from '../checklist/shape.ts'

/** A json1 operation (ot-json1): nested lists of keys that end in components; null does nothing. */
export type Op = readonly unknown[] | null
type Loose = never

/** Everybody resolves a conflict alike instead of throwing: transform is json1's `transformNoConflict` (contracts/prework.md, section 8). */
export const documentType = { ...json1, transform: json1.transformNoConflict }

/** The document after an operation; the one before stays as it is. Throws where the operation does not fit it. */
export const apply = (document: ChecklistDocument, op: Op): ChecklistDocument =>
  json1.apply(document as Loose, op as Loose) as unknown as ChecklistDocument

/** One operation that does what two in a row do. */
export const compose = (first: Op, second: Op): Op => json1.compose(first as Loose, second as Loose) as Op

/** What an operation becomes after another that came before it in the server's order: it wins a register. */
export const after = (op: Op, other: Op): Op => json1.transformNoConflict(op as Loose, other as Loose, 'left') as Op

/** The canonical form of an operation. Throws for what is none. */
export function normal(op: unknown): Op {
  const given = op as Loose
  json1.checkValidOp(given)
  return json1.normalize(given) as Op
}
