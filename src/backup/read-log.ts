import { anyErasure, entryProblem, firstHash, type IsErasure } from '../audit/chain.ts'
import { AppError } from '../kernel/errors.ts'
import type { Head, LoggedEntry } from '../storage/port.ts'
import { covering } from './coverage.ts'
import type { SegmentName } from './names.ts'
import { readSegment } from './segment.ts'
import type { Target } from './target.ts'

export type StreamPiece = { tenantId: string; entries: readonly LoggedEntry[]; head: Head }

/**
 * What a target has of a stream behind a sequence, piece by piece and without a gap: each entry is checked to follow the one before it. `after.hash` null takes the first entry's word for what came before it.
 * Errors: `backup_damaged`, `backup_incomplete` when the segments do not reach `until`, those of the target.
 */
export async function* streamPieces(
  {
    target,
    identities,
    segments,
    isErasure = anyErasure,
  }: { target: Target; identities: readonly string[]; segments: readonly SegmentName[]; isErasure?: IsErasure },
  stream: string,
  {
    after = { sequence: 0, hash: firstHash },
    until = null,
  }: { after?: { sequence: number; hash: string | null }; until?: number | null } = {},
): AsyncGenerator<StreamPiece> {
  const { chosen, end } = covering(segments, after.sequence)
  if (until !== null && end < until) throw gap(stream, end, until)
  let before = after
  for (const { name } of chosen) {
    const body = await target.read(name)
    if (body === null) throw gap(stream, before.sequence, end)
    const { tenantId, entries, head } = await readSegment(body, identities, name)
    const fresh: LoggedEntry[] = []
    for (const logged of entries) {
      if (logged.entry.sequence <= before.sequence) continue
      const hash: string = before.hash ?? logged.entry.previousHash
      const problem = entryProblem(logged, stream, { sequence: before.sequence, hash }, isErasure)
      if (problem !== null) throw damaged(name, `Entry ${problem.sequence}: ${problem.detail}`)
      before = { sequence: logged.entry.sequence, hash: logged.hash }
      fresh.push(logged)
    }
    if (fresh.length > 0) yield { tenantId, entries: fresh, head }
  }
}

const gap = (stream: string, end: number, wanted: number): AppError =>
  new AppError(
    'unprocessable',
    'backup_incomplete',
    `The log of stream ${stream} ends at ${end} in this target, before ${wanted}. Take another target.`,
  )

const damaged = (name: string, detail: string): AppError =>
  new AppError('unprocessable', 'backup_damaged', `The backup file ${name} is damaged. ${detail} Take another target.`)
