import { logPrefix, parseSegmentName, type SegmentName, segmentsOf } from './names.ts'
import type { Target } from './target.ts'

/** The segments of each stream in a target, or of one stream from a name on, by first sequence, the longer one first. What is no segment's name is passed over. */
export async function listSegments(target: Target, stream?: string, after?: string): Promise<Map<string, SegmentName[]>> {
  const streams = new Map<string, SegmentName[]>()
  for await (const { name } of target.list(stream === undefined ? logPrefix : segmentsOf(stream), after)) {
    const segment = parseSegmentName(name)
    if (segment === null) continue
    const known = streams.get(segment.stream)
    if (known === undefined) streams.set(segment.stream, [segment])
    else known.push(segment)
  }
  for (const segments of streams.values()) segments.sort((a, b) => a.first - b.first || b.last - a.last)
  return streams
}

/**
 * The fewest segments that hold the sequences after `after` without a gap, as far as there is none, and the last sequence that they reach. Segments may overlap: two processes, or one that was killed
 * before it could remember, write the same entries twice.
 */
export function covering(segments: readonly SegmentName[], after = 0): { chosen: SegmentName[]; end: number } {
  const chosen: SegmentName[] = []
  let end = after
  let best: SegmentName | null = null
  for (const segment of segments) {
    if (segment.first > end + 1) {
      if (best === null || best.last <= end) break
      chosen.push(best)
      end = best.last
      best = null
      if (segment.first > end + 1) break
    }
    if (segment.last > end && (best === null || segment.last > best.last)) best = segment
  }
  if (best !== null && best.last > end) {
    chosen.push(best)
    end = best.last
  }
  return { chosen, end }
}
