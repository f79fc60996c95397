import { z } from 'zod'

const finding = z.object({ file: z.enum(['users', 'leads']), row: z.int(), message: z.string() })
export type Finding = z.output<typeof finding>

const tally = z.object({ read: z.int(), imported: z.int(), skipped: z.int(), refused: z.int() })
export type Tally = z.output<typeof tally>

const renumbering = z.object({ from: z.int(), to: z.int() })
export type Renumbering = z.output<typeof renumbering>

/** What an import came to. Rows count from 1; a row has one error at most. Where there are errors and bad rows are not left out, nothing was written and `imported` is 0. */
export const importReport = z.object({
  dryRun: z.boolean(),
  users: tally,
  leads: tally,
  renumbered: z.object({ users: z.array(renumbering), leads: z.array(renumbering) }),
  warnings: z.array(finding),
  errors: z.array(finding),
})
export type ImportReport = z.output<typeof importReport>

/** Collects what is wrong, and what is odd, while the rows are checked. */
export function createFindings() {
  const errors: Finding[] = []
  const warnings: Finding[] = []
  const inOrder = (found: readonly Finding[]): Finding[] =>
    found.toSorted((a, b) => (a.file === b.file ? a.row - b.row : a.file === 'users' ? -1 : 1))
  return {
    error: (file: Finding['file'], row: number, message: string): void => void errors.push({ file, row, message }),
    warning: (file: Finding['file'], row: number, message: string): void => void warnings.push({ file, row, message }),
    errors: () => inOrder(errors),
    warnings: () => inOrder(warnings),
  }
}

export type Findings = ReturnType<typeof createFindings>
